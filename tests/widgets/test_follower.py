"""The follower knows what a comparison from scratch would tell, after any edits, undo and redo."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from napari.components import ViewerModel
from napari.layers import Labels

from napari_maskrcnn.annotate.counts import compare
from napari_maskrcnn.widgets.follower import DELAY_MS, Follower, described
from napari_maskrcnn.widgets.prediction import KEY, Prediction
from tests.widgets.test_ledger import ACTIONS, Person, start


def predicted(layer: Labels, labels: dict[Any, np.ndarray]) -> None:
    """Let a layer have come from a prediction of some of its planes."""
    anything: Any = None
    layer.metadata[KEY] = Prediction(
        anything, anything, labels, 0, weakref.ref(layer), weakref.ref(layer)
    )


def from_scratch(layer: Labels, before: dict[Any, np.ndarray]) -> dict[Any, Any]:
    found = {}
    for at in range(len(layer.data)):
        old = before.get((at, None, None), np.zeros_like(layer.data[at]))
        if not np.array_equal(old, layer.data[at]):
            found[at, None, None] = compare(old, layer.data[at])
    return found


@given(ACTIONS)
@settings(max_examples=12, deadline=None)
def test_it_equals_a_comparison_from_scratch(qapp: Any, actions: list[Any]) -> None:
    person = Person()
    before = {(at, None, None): start()[at] for at in (0, 2)}
    predicted(person.layer, before)
    follower = Follower(person.viewer)
    follower.follow(person.layer)
    for action in [*actions, *["undo"] * 3, *["redo"] * 2, *["undo"] * 20]:
        person.act(action)
        follower.look(np.inf)
        assert dict(follower.kinds) == from_scratch(person.layer, before)
    follower.follow(None)


@pytest.fixture
def layer() -> Labels:
    model = ViewerModel()
    made: Labels = model.add_labels(start())
    made.metadata["viewer"] = model
    return made


@pytest.fixture
def follower(layer: Labels, compared_at_once: None, qtbot: Any) -> Follower:
    before = {(at, None, None): start()[at] for at in range(3)}
    predicted(layer, before)
    made = Follower(layer.metadata["viewer"])
    made.follow(layer)
    return made


def test_edits_are_known_soon(layer: Labels, follower: Follower, qtbot: Any) -> None:
    assert DELAY_MS < 500
    assert follower.said() == "Nothing corrected yet"
    with qtbot.waitSignal(follower.changed):
        layer.data_setitem(np.nonzero(layer.data == 2), 0)
    assert follower.said() == "Corrected: 1 removed"
    with qtbot.waitSignal(follower.changed):
        layer.undo()
    assert follower.said() == "Nothing corrected yet"
    with qtbot.waitSignal(follower.changed):
        layer.features = {"index": [1, 2], "area": [9, 9], "state": ["accepted", "predicted"]}
    assert follower.said() == "Nothing corrected yet; 1 accepted"


def test_a_script_that_writes_pixels_is_noticed(
    layer: Labels, follower: Follower, qtbot: Any
) -> None:
    layer.metadata["viewer"].dims.set_point(0, 2)
    qtbot.wait(2 * DELAY_MS)
    with qtbot.waitSignal(follower.changed):
        layer.data[2, 0, 15] = 7
        layer.refresh()
    assert follower.said() == "Corrected: 1 added"
    with qtbot.waitSignal(follower.changed):
        layer.data = np.where(start() == 2, 0, start())
    assert follower.said() == "Corrected: 1 removed"


def test_another_prediction_in_the_layer_is_compared_with(
    layer: Labels, follower: Follower, qtbot: Any
) -> None:
    layer.data_setitem(np.nonzero(layer.data == 3), 0)
    qtbot.waitUntil(lambda: follower.said() == "Corrected: 2 removed")
    predicted(layer, {(at, None, None): layer.data[at].copy() for at in range(3)})
    layer.refresh()
    qtbot.waitUntil(lambda: follower.said() == "Nothing corrected yet")
    follower.follow(None)
    assert follower.said() == ""
    layer.undo()
    assert not follower._timer.isActive()


def test_labels_without_a_prediction_have_nothing_corrected(qtbot: Any) -> None:
    model = ViewerModel()
    follower = Follower(model)
    follower.follow(model.add_labels(start()))
    assert (follower.said(), dict(follower.kinds), follower.tally) == ("", {}, None)
    assert described(None, 2) == "2 accepted"


def test_large_labels_are_looked_at_little_by_little(qtbot: Any, heartbeat: Any) -> None:
    model = ViewerModel()
    data = np.zeros((3072, 3072), np.int32)
    data[::2] = 5
    layer = model.add_labels(data)
    predicted(layer, {(None, None): np.zeros_like(data)})
    follower = Follower(model)
    heartbeat.start()
    follower.follow(layer)
    with qtbot.waitSignal(follower.changed):
        pass
    assert follower.said() == "Corrected: 1 added"
    assert heartbeat.stop() < 0.1


@pytest.mark.parametrize("shape", [(3, 14, 15), (1, 14, 16), (14, 16), (3, 3, 14, 16)])
def test_other_data_that_does_not_fit_the_prediction_is_not_compared(
    layer: Labels, follower: Follower, qtbot: Any, shape: tuple[int, ...]
) -> None:
    layer.data_setitem(np.nonzero(layer.data == 2), 0)
    with qtbot.waitSignal(follower.changed):
        layer.data = np.ones(shape, np.int32)
    assert follower.said() == ""
    with qtbot.waitSignal(follower.changed):
        layer.data = np.where(start() == 2, 0, start())
    assert follower.said() == "Corrected: 1 removed"
