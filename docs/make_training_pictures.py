"""The pictures of a training, its proof and the models: ``make pictures``."""

from __future__ import annotations

import argparse
import os
import tempfile

# First: it keeps the user's settings out of the pictures.
from make_pictures import PANEL_WIDTH, WINDOW, finish, pause, save, show, wait  # isort: skip

import napari
import numpy as np
from scipy.ndimage import gaussian_filter

from napari_maskrcnn.models.folder import HOME_VARIABLE
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.widgets.models_dock import ModelsDock
from napari_maskrcnn.widgets.panel import MaskRCNNPanel

SHAPE = (320, 420)
NAME = "fibroblasts"


def open_window() -> tuple[napari.Viewer, MaskRCNNPanel]:
    """Pale nuclei on a bright, uneven ground, of which the embedded model finds some."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(*WINDOW)
    image, labels = synthetic_nuclei(SHAPE, count=90, seed=3)
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 60, SHAPE[1])
    clouds = gaussian_filter(rng.standard_normal(SHAPE), 4)
    ground = 235 - slope + 12 * clouds / clouds.std() + rng.normal(0, 12, SHAPE)
    dark = np.clip(ground - 0.4 * image, 0, 255).astype(np.uint8)
    viewer.add_image(dark, name=NAME)
    viewer.add_labels(labels, name=f"{NAME} corrected").contour = 2
    _, panel = viewer.window.add_plugin_dock_widget("napari-maskrcnn", "Mask R-CNN")
    assert isinstance(panel, MaskRCNNPanel)
    panel.setMinimumWidth(PANEL_WIDTH)
    pause(2.0)
    viewer.reset_view()
    return viewer, panel


def main() -> None:
    """Train until the curves are there, look at the proof, accept, and list the models."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nuclei", help="name or file (default: nuclei)")
    parser.add_argument("--seconds", type=float, default=120, help="training before its picture")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ[HOME_VARIABLE] = home
        viewer, panel = open_window()
        show(panel, "Fine-tune")
        page = panel.fine_tune
        page.form.base.set_value(args.model)
        page.row.button.click()
        wait(lambda: len(page.plot) > 3)
        pause(args.seconds)
        save(viewer, "training")
        page.row.cancel.click()
        finish(page.runner)
        page.proof.show_button.click()
        finish(page.view.runner)
        pause(1.0)
        save(viewer, "proof")
        page.proof.name.setText("my-fibroblasts")
        page.proof.accept.click()
        finish(page.saver)
        _, dock = viewer.window.add_plugin_dock_widget("napari-maskrcnn", "Models", tabify=True)
        assert isinstance(dock, ModelsDock)
        dock.setMinimumWidth(PANEL_WIDTH)
        wait(lambda: len(dock.table.files.rows) > 1)
        dock.choose("my-fibroblasts")
        finish(dock.lister)
        save(viewer, "models")
        viewer.close()


if __name__ == "__main__":
    main()
