"""The main job in a real napari window, by the buttons and the mouse, as a person does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_maskrcnn.formats import read_labels
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.widgets.panel import MaskRCNNPanel
from napari_maskrcnn.widgets.toolbox import MERGE

SCALE, TRANSLATE = (0.5, 0.5), (3.0, 4.0)
LATEST = 0.25


def centre_of(layer: Any, i: int) -> Any:
    """World position of a pixel inside object `i`."""
    inside = np.argwhere(layer.data == i)
    pixel = inside[np.abs(inside - inside.mean(axis=0)).sum(axis=1).argmin()]
    return layer.data_to_world(pixel)


def test_predict_correct_fine_tune_export(
    make_napari_viewer: Any,
    qtbot: Any,
    heartbeat: Any,
    notes: list[str],
    drag: Callable[..., None],
    tmp_path: Path,
) -> None:
    viewer = make_napari_viewer(show=True)
    image, _ = synthetic_nuclei((192, 192), count=24, diameter=(14, 24), seed=2)
    cells = viewer.add_image(image, name="cells", scale=SCALE, translate=TRANSLATE)
    panel = MaskRCNNPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Mask R-CNN")
    predict, fine_tune, export = panel.predict, panel.fine_tune, panel.export

    # Predict: a labels layer over the image, a row for every label.
    heartbeat.start()
    predict.row.button.click()
    assert not predict.row.button.isEnabled()
    qtbot.waitUntil(predict.row.button.isEnabled)
    labels = viewer.layers["cells instances"]
    assert heartbeat.stop() < LATEST
    assert np.allclose(labels.scale, SCALE)
    assert np.allclose(labels.translate, TRANSLATE)
    ids = np.unique(labels.data)[1:]
    assert len(ids) > 5
    assert predict.choice.count.text() == f"{len(ids)} objects"
    assert labels.features["index"].tolist() == list(range(len(ids) + 1))
    assert set(labels.features["state"][1:]) == {"predicted"}

    # A stroke of napari's own brush: the sliders are off, and what was predicted is safe.
    assert predict.choice.score.isEnabled()
    labels.mode, labels.selected_label, labels.brush_size = "paint", len(ids) + 1, 6
    drag(viewer, [labels.data_to_world((20, 20)), labels.data_to_world((30, 34))])
    assert (labels.data == len(ids) + 1).sum() > 50
    qtbot.waitUntil(lambda: not predict.choice.score.isEnabled())
    assert predict.choice.note.text() == "Corrected: Predict again adds a layer"

    # Merge two labels with two clicks, take it back with one step.
    panel.tabs.setCurrentWidget(panel.correct)
    panel.correct.buttons[MERGE].click()
    before = labels.data.copy()
    drag(viewer, [centre_of(labels, 1)])
    drag(viewer, [centre_of(labels, 2)])
    assert not (labels.data == 2).any()
    assert (labels.data == 1).sum() == np.isin(before, (1, 2)).sum()
    labels.undo()
    assert np.array_equal(labels.data, before)
    assert 2 in labels.features["index"].to_numpy()
    panel.correct.buttons[MERGE].click()

    # Fine-tune, see it move, cancel: the button is back and what was learnt is offered.
    panel.tabs.setCurrentWidget(fine_tune)
    assert [pair.labels for pair in fine_tune.form.pairs.pairs()] == [labels]
    fine_tune.form.pairs.rows()[0].say(Answer.WHOLE)
    heartbeat.start()
    fine_tune.row.button.click()
    qtbot.waitUntil(lambda: len(fine_tune.plot) >= 2)
    assert fine_tune.row.cancel.isVisible()
    fine_tune.row.cancel.click()
    qtbot.waitUntil(fine_tune.row.button.isEnabled)
    assert fine_tune.proof.title.text().startswith("Cancelled")
    fine_tune.proof.discard.click()
    assert not fine_tune.proof.isVisible()

    # To the end this time; the model is in every open list at once.
    fine_tune.form.unit.setCurrentText("epochs")
    fine_tune.form.budget.setValue(1)
    fine_tune.row.button.click()
    qtbot.waitUntil(fine_tune.row.button.isEnabled)
    assert heartbeat.stop() < LATEST
    assert fine_tune.proof.title.text().startswith("Finished")
    fine_tune.proof.name.setText("mine")
    fine_tune.proof.accept.click()
    qtbot.waitUntil(lambda: panel.header.models.value() == "mine")
    assert panel.header.models.findText("mine") >= 0
    assert fine_tune.form.base.findText("mine") >= 0

    # Predict with it: corrections are not replaced, a new layer comes.
    panel.tabs.setCurrentWidget(predict)
    corrected = labels.data.copy()
    predict.row.button.click()
    qtbot.waitUntil(predict.row.button.isEnabled)
    assert np.array_equal(labels.data, corrected)
    again = panel.header.labels.layer()
    assert again is not labels
    assert again in viewer.layers
    assert predict.choice.source.text() == "found by mine"

    # Export the corrected labels and read the same back.
    panel.header.labels.choose(labels)
    path = tmp_path / "cells_labels.tif"
    export.path.setText(str(path))
    export.row.button.click()
    qtbot.waitUntil(export.row.button.isEnabled)
    assert np.array_equal(read_labels(path), labels.data)
    assert not [note for note in notes if note.startswith("error")]
    assert cells in viewer.layers
    qtbot.waitUntil(lambda: not fine_tune.form.forecast.runner.running)
