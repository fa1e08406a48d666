"""The Predict tab: settings, results, sliders, and everything a person can do wrong with it."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_maskrcnn.models import ModelCard, save_weights
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.widgets.choice_box import CORRECTED
from napari_maskrcnn.widgets.prediction import KEY, is_untouched
from tests.widgets.predicting import docked, predict


def shown_objects(layer: Any) -> int:
    return len(np.unique(layer.data)) - 1


def test_the_result_is_chosen_counted_and_explained(
    viewer: Any, qtbot: Any, tiny_model: str
) -> None:
    widget = docked(viewer, tiny_model)
    assert not widget.choice.isVisibleTo(widget)
    predict(qtbot, widget)
    layer = widget.header.labels.layer()
    assert layer.name == "cells instances"
    assert widget.choice.isVisibleTo(widget)
    assert widget.choice.count.text() == f"{shown_objects(layer)} objects"
    assert widget.choice.source.text() == "found by tiny"
    assert widget.choice.score.value() == pytest.approx(0.3)
    assert layer.metadata[KEY].kept.settings.model == "tiny"


def test_sliders_act_at_once_and_both_ways(viewer: Any, qtbot: Any, tiny_model: str) -> None:
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    layer = widget.header.labels.layer()
    first = layer.data.copy()
    scores = np.sort(layer.features["score"].to_numpy()[1:])
    middle = round(float(np.median(scores)), 2)
    widget.choice.score.setValue(middle)
    assert 0 < shown_objects(layer) < len(scores)
    assert widget.choice.count.text() == f"{shown_objects(layer)} objects"
    assert len(layer.features) == shown_objects(layer) + 1
    widget.choice.score.setValue(0.3)
    assert np.array_equal(layer.data, first)
    low = widget.choice.diameters.maximum() // 2
    widget.choice.diameters.setValue((low, widget.choice.diameters.maximum()))
    assert 0 < shown_objects(layer) < len(scores)
    assert is_untouched(layer)


def test_a_stroke_locks_the_sliders_and_undo_revives_them(
    viewer: Any, qtbot: Any, tiny_model: str
) -> None:
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    layer = widget.header.labels.layer()
    layer.selected_label = 500
    layer.paint((3, 3), 500)
    qtbot.waitUntil(lambda: not widget.choice.score.isEnabled())
    assert not widget.choice.diameters.isEnabled()
    assert widget.choice.note.text() == CORRECTED
    painted = layer.data.copy()
    widget.choice._emit()  # a slider that was still in the hand
    assert np.array_equal(layer.data, painted)
    layer.undo()
    qtbot.waitUntil(widget.choice.score.isEnabled)
    assert widget.choice.note.text() != CORRECTED
    widget.choice.score.setValue(0.95)
    fresh = widget.header.labels.layer()
    assert fresh is not layer
    assert [item.name for item in viewer.layers] == ["cells", "cells instances"]
    fresh.redo()
    assert shown_objects(fresh) == 0


def test_a_stroke_painted_meanwhile_is_not_lost(viewer: Any, qtbot: Any, tiny_model: str) -> None:
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    layer = widget.header.labels.layer()
    widget.row.button.click()
    layer.paint((3, 3), 500)
    painted = layer.data.copy()
    qtbot.waitUntil(widget.row.button.isEnabled)
    assert np.array_equal(layer.data, painted)
    assert [item.name for item in viewer.layers] == [
        "cells",
        "cells instances",
        "cells instances [1]",
    ]


def test_no_object_is_a_result_with_advice(viewer: Any, qtbot: Any, tiny_model: str) -> None:
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    widget.choice.score.setValue(1.0)
    assert widget.choice.count.text() == "0 objects"
    assert widget.choice.note.text().startswith("None at a score of 1.00; ")
    assert widget.choice.show_lower.isVisibleTo(widget)
    widget.choice.show_lower.click()
    assert shown_objects(widget.header.labels.layer()) > 0
    assert not widget.choice.show_lower.isVisibleTo(widget)


def test_a_limit_that_is_hit_is_said(
    viewer: Any, qtbot: Any, tiny_model: str, tiny_network: MaskRCNN, user_folder: Path
) -> None:
    few = copy.copy(tiny_network)
    few.config = replace(few.config, max_detections=2)
    path = user_folder / "models" / f"{tiny_model}.safetensors"
    save_weights(path, few, ModelCard(tiny_model, score=0.05), overwrite=True)
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    assert "more objects than one prediction returns" in widget.choice.note.text()
    widget.choice.score.setValue(1.0)
    assert "more objects" not in widget.choice.note.text()


def test_a_stack_plane_then_the_whole_of_it(
    make_napari_viewer: Any, qtbot: Any, tiny_model: str, nuclei: tuple[Any, Any]
) -> None:
    viewer = make_napari_viewer()
    stack = np.stack([nuclei[0], nuclei[0].T, nuclei[0][::-1]])
    viewer.add_image(stack, name="stack", scale=(4, 1, 1))
    viewer.dims.set_point(0, 4)
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    layer = widget.header.labels.layer()
    assert layer.data.shape == stack.shape
    assert [bool(plane.any()) for plane in layer.data] == [False, True, False]
    alone = layer.data[1].copy()
    widget.form.where.setCurrentText("Whole stack")
    predict(qtbot, widget)
    assert widget.header.labels.layer() is layer
    assert all(plane.any() for plane in layer.data)
    assert np.array_equal(layer.data[1] > 0, alone > 0)
    count = int(layer.data.max())
    assert layer.features["index"].tolist() == list(range(count + 1))
    assert widget.choice.count.text() == f"{count} objects"


def test_colours_can_be_chosen(
    make_napari_viewer: Any, qtbot: Any, tiny_model: str, nuclei: tuple[Any, Any]
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(np.stack([nuclei[0]] * 3, axis=-1), name="rgb", rgb=True)
    widget = docked(viewer, tiny_model)
    channels = widget.form.channels.box
    assert [channels.itemText(i) for i in range(channels.count())] == [
        "All",
        "Red",
        "Green",
        "Blue",
    ]
    channels.setCurrentText("Green")
    predict(qtbot, widget)
    settings = widget.header.labels.layer().metadata[KEY].kept.settings
    assert settings.channels == (1,)
    viewer.layers.select_all()
    viewer.layers.remove_selected()
    viewer.add_image(nuclei[0])
    assert not channels.isEnabled()
    assert widget.form.settings("tiny").channels is None


def test_the_diameter_is_in_pixels_with_micrometres_beside(
    make_napari_viewer: Any, tiny_model: str, nuclei: tuple[Any, Any]
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(nuclei[0], scale=(0.25, 0.25), units=("um", "um"))
    widget = docked(viewer, tiny_model)
    assert widget.form.settings("tiny").diameter is None
    widget.form.diameter.set_value(30)
    assert widget.form.settings("tiny").diameter == 30
    assert widget.form.diameter.physical.text() == "= 7.5 µm"


def test_from_the_menu_and_through_napari_proxy(viewer: Any, qtbot: Any, tiny_model: str) -> None:
    _, widget = viewer.window.add_plugin_dock_widget("napari-maskrcnn", "Predict")
    widget.header.models.set_value(tiny_model)
    predict(qtbot, widget)
    predict(qtbot, widget)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells instances"]
