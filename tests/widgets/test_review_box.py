"""The review: from the least certain up, in the middle of the view, one key for each verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_maskrcnn.annotate.rows import synced_rows
from napari_maskrcnn.widgets.layers import camera_of
from napari_maskrcnn.widgets.review_box import NO_OBJECT, NONE_LEFT, ReviewBox

SCORES = {1: 0.9, 2: 0.4, 3: 0.6, 4: 0.5}


def stack() -> np.ndarray:
    labels = np.zeros((3, 60, 80), np.int32)
    labels[0, 5:15, 5:25] = 1
    labels[1, 30:50, 10:30] = 2
    labels[2, 30:50, 50:70] = 3
    labels[2, 5:8, 5:8] = 4
    return labels


@pytest.fixture
def viewer() -> ViewerModel:
    model = ViewerModel()
    layer = model.add_labels(stack(), scale=(2, 0.5, 0.5), translate=(0, 10, 20))
    table = synced_rows(stack(), layer.features).assign(state="predicted")
    table["score"] = table["index"].map(SCORES)
    layer.features = table
    return model


@pytest.fixture
def box(viewer: ViewerModel, qtbot: Any) -> ReviewBox:
    made = ReviewBox(viewer)
    qtbot.addWidget(made)
    made.start(viewer.layers[0])
    return made


def test_it_goes_from_the_least_certain_up_and_shows_each(
    box: ReviewBox, viewer: ViewerModel
) -> None:
    seen = []
    for _ in range(5):
        seen.append((box.review.current, viewer.dims.current_step[0]))
        box.next.click()
    assert seen == [(2, 1), (4, 2), (3, 2), (1, 0), (2, 1)]
    box.back.click()
    assert box.review.current == 2
    # Object 2 lies around row 39.5 and column 19.5, its frame three pixels off.
    assert camera_of(viewer).center[1:] == pytest.approx((39.5 * 0.5 + 10, 19.5 * 0.5 + 20))
    (corners,) = viewer.layers["under review"].data
    assert corners[:, 0].tolist() == [1] * 5
    assert corners[:, 1:].min(axis=0).tolist() == [27, 7]
    assert corners[:, 1:].max(axis=0).tolist() == [52, 32]
    assert viewer.layers[0].selected_label == 2
    assert box.where.text() == "Object 2: score 0.40, 400 px. 4 of 4 not accepted yet."


def test_accept_goes_on_and_accepting_again_takes_it_back(
    box: ReviewBox, viewer: ViewerModel
) -> None:
    box.accept.click()
    assert box.review.current == 4
    box.back.click()
    assert box.where.text().startswith("Object 2: score 0.40, 400 px, accepted. 3 of 4")
    box.accept.click()
    assert box.review.current == 2
    assert viewer.layers[0].features["state"].tolist()[2] == "predicted"
    for _ in range(4):
        box.accept.click()
    assert box.where.text() == NONE_LEFT
    assert not box.accept.isEnabled()
    assert len(viewer.layers["under review"].data) == 0


def test_delete_is_one_step_and_goes_on(box: ReviewBox, viewer: ViewerModel) -> None:
    box.delete.click()
    assert box.review.current == 4
    assert not (viewer.layers[0].data == 2).any()
    viewer.layers[0].undo()
    assert np.array_equal(viewer.layers[0].data, stack())


def test_edit_takes_the_brush_with_the_number(box: ReviewBox, viewer: ViewerModel) -> None:
    box.next.click()
    box.edit.click()
    layer = viewer.layers[0]
    assert (layer.mode, layer.selected_label) == ("paint", 4)
    assert viewer.layers.selection.active is layer
    box.next.click()
    assert (layer.mode, layer.selected_label) == ("paint", 3)


def test_limits_of_score_and_area(box: ReviewBox) -> None:
    box.scores.setValue((0.55, 1.0))
    assert box.review.current == 3
    assert box.review.queue().ids.tolist() == [3, 1]
    box.areas.setValue((0, 250))
    assert box.review.queue().ids.tolist() == [1]
    assert box.review.current == 1
    box.scores.setValue((0.95, 1.0))
    assert box.where.text() == NO_OBJECT
    box.scores.setValue((0.0, 1.0))
    assert box.review.current == 4


def test_the_end_leaves_no_layer(box: ReviewBox, viewer: ViewerModel, qtbot: Any) -> None:
    with qtbot.waitSignal(box.ended):
        box.end.click()
    assert len(viewer.layers) == 1
    assert not box.running
    box.next.click()
    assert not box.isVisible()


def test_labels_without_scores_go_by_their_number(qtbot: Any) -> None:
    model = ViewerModel()
    layer = model.add_labels(stack())
    made = ReviewBox(model)
    qtbot.addWidget(made)
    made.start(layer)
    assert made.where.text() == "Object 1: no score, 200 px. 4 of 4 not accepted yet."
    assert made.review.queue().ids.tolist() == [1, 2, 3, 4]
    # An object under review that someone erased is not found again.
    layer.data_setitem(np.nonzero(stack() == 2), 0)
    made.next.click()
    assert made.review.current == 3


def test_delete_takes_the_plane_that_is_shown(qtbot: Any) -> None:
    model = ViewerModel()
    data = np.zeros((4, 60, 80), np.int32)
    data[1:, 30:50, 10:30] = 1
    data[1, 28:50, 10:30] = 1
    layer = model.add_labels(data)
    made = ReviewBox(model)
    qtbot.addWidget(made)
    made.start(layer)
    assert model.dims.current_step[0] == 1
    model.dims.set_point(0, 3)
    made.delete.click()
    assert layer.data.any(axis=(1, 2)).tolist() == [False, True, True, False]
    # What is left of it is framed.
    assert (made.review.current, model.dims.current_step[0]) == (1, 1)
    model.dims.set_point(0, 0)
    made.delete.click()
    assert layer.data.any(axis=(1, 2)).tolist() == [False, True, True, False]
    assert made.review.current == 1
