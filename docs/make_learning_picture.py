"""The picture of what to learn from, made as the others are: ``make pictures``."""

from __future__ import annotations

# First: it keeps the user's settings out of the pictures.
from make_pictures import PANEL_WIDTH, WINDOW, finish, pause, save, show, wait  # isort: skip

import napari
import numpy as np

from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.widgets.ledger import ledger_of
from napari_maskrcnn.widgets.panel import MaskRCNNPanel

REGION = ((0.08, 0.08), (0.08, 0.6), (0.6, 0.6), (0.6, 0.08))


def main() -> None:
    """Correct a little in one image, finish a region of another, and go to Fine-tune."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(*WINDOW)
    _, panel = viewer.window.add_plugin_dock_widget("napari-maskrcnn", "Mask R-CNN")
    assert isinstance(panel, MaskRCNNPanel)
    panel.setMinimumWidth(PANEL_WIDTH)
    for seed, name in enumerate(("A1 nuclei", "B2 nuclei")):
        drawn, _ = synthetic_nuclei((256, 256), count=40, seed=seed)
        viewer.add_image(drawn, name=name)
        panel.predict.row.button.click()
        finish(panel.predict.runner)
        labels = panel.header.labels.layer()
        if name == "A1 nuclei":
            labels.data_setitem(np.nonzero(labels.data == 2), 0)
            ledger_of(labels).toggle_accepted(range(3, 10))
            labels.visible = False
    labels.contour, labels.opacity = 2, 1.0
    viewer.reset_view()
    show(panel, "Correct")
    panel.correct.states.finished.draw()
    (layer,) = viewer.layers.selection
    layer.add_rectangles([np.array(REGION) * labels.data.shape], edge_width=2)
    panel.correct.states.finished.leave()
    show(panel, "Fine-tune")
    form = panel.fine_tune.form
    pause(1.0)
    wait(lambda: not form.learn.survey.runner.running)
    form.pairs.rows()[0].say(Answer.CORRECTIONS)
    wait(lambda: bool(form.duration.text()))
    save(viewer, "what-is-correct")
    viewer.close()


if __name__ == "__main__":
    main()
