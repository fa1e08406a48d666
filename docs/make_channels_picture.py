"""The picture of a stack of channels, of which the second is predicted.

    python docs/make_channels_picture.py [--model NAME|FILE]

It needs a screen, or Xvfb, and saves docs/images/predict-channels.png.
"""

from __future__ import annotations

import argparse

# First: it keeps the user's settings out of the pictures.
from make_pictures import PANEL_WIDTH, WINDOW, finish, pause, save, show  # isort: skip

import napari
import numpy as np
from superqt import QCollapsible

from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.widgets.panel import MaskRCNNPanel

SIDE = 384


def main() -> None:
    """Draw two channels, choose the one with the nuclei, and predict it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nuclei", help="name or file (default: nuclei)")
    args = parser.parse_args()
    nuclei, _ = synthetic_nuclei((SIDE, SIDE), count=70, seed=4)
    noise = np.random.default_rng(0).normal(60, 12, nuclei.shape).clip(0, 255)
    cells = np.stack([noise.astype(nuclei.dtype), nuclei])
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(*WINDOW)
    viewer.add_image(cells, name="cells", axis_labels=("c", "y", "x"))
    viewer.dims.set_current_step(0, 1)
    _, panel = viewer.window.add_plugin_dock_widget("napari-maskrcnn", "Mask R-CNN")
    assert isinstance(panel, MaskRCNNPanel)
    panel.setMinimumWidth(PANEL_WIDTH)
    pause(2.0)
    viewer.reset_view()
    panel.header.models.set_value(args.model)
    show(panel, "Predict")
    form = panel.predict.form
    more = form.findChild(QCollapsible)
    assert isinstance(more, QCollapsible)
    more.expand(animate=False)
    form.channels.numbers.setText("1")
    panel.predict.row.button.click()
    finish(panel.predict.runner)
    labels = panel.header.labels.layer()
    labels.contour = 2
    labels.opacity = 1.0
    save(viewer, "predict-channels")
    viewer.close()


if __name__ == "__main__":
    main()
