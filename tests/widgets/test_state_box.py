"""The state of the shown plane: what a person says of it, and what the first edit makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_maskrcnn.annotate.image_states import State, States, states_in
from napari_maskrcnn.widgets.follower import Follower
from napari_maskrcnn.widgets.layer_states import note_edits, say, state_of
from napari_maskrcnn.widgets.origin import origin_of
from napari_maskrcnn.widgets.state_box import DELAY_MS, NAMES, StateBox
from tests.widgets.test_follower import predicted


@pytest.fixture
def model() -> ViewerModel:
    return ViewerModel()


def boxed(model: ViewerModel, labels: Labels) -> StateBox:
    follower = Follower(model)
    box = StateBox(model, follower)
    follower.follow(labels)
    box.load(labels)
    return box


def choose(box: StateBox, state: State) -> None:
    """Choose as a person does."""
    box.states.setCurrentIndex(box.states.findData(state))
    box.states.activated.emit(box.states.currentIndex())


def shows(box: StateBox, state: State, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: box.states.currentText() == NAMES[state])


def test_an_image_goes_its_way(model: ViewerModel, qtbot: Any) -> None:
    data = np.zeros((20, 30), np.int32)
    data[3:9, 3:9] = 1
    labels = model.add_labels(data)
    box = boxed(model, labels)
    assert box.title.text() == "This image"
    shows(box, State.NEW, qtbot)
    predicted(labels, {(None, None): data.copy()})
    labels.refresh()
    shows(box, State.PREDICTED, qtbot)
    assert states_in(labels.metadata) is None
    labels.paint((15, 15), 2)
    shows(box, State.CORRECTING, qtbot)
    choose(box, State.VERIFIED)
    assert states_in(labels.metadata) == States(State.VERIFIED)
    labels.paint((5, 25), 3)
    qtbot.wait(4 * DELAY_MS)
    shows(box, State.VERIFIED, qtbot)
    choose(box, State.EXCLUDED)
    assert state_of(labels, (None, None)) is State.EXCLUDED


def test_every_plane_of_a_stack_has_its_own(model: ViewerModel, qtbot: Any) -> None:
    data = np.zeros((4, 20, 30), np.int32)
    data[:3, 3:9, 3:9] = 1
    labels = model.add_labels(data, scale=(2, 1, 1))
    predicted(labels, {(at, None, None): data[at].copy() for at in (0, 1, 2)})
    box = boxed(model, labels)
    assert box.title.text() == "This plane"
    model.dims.set_point(0, 2)
    shows(box, State.PREDICTED, qtbot)
    choose(box, State.VERIFIED)
    model.dims.set_point(0, 6)
    shows(box, State.NEW, qtbot)
    model.dims.set_point(0, 2)
    shows(box, State.VERIFIED, qtbot)
    # A tool that changes several planes is noticed in each, but changes no person's word.
    labels.data_setitem(np.nonzero(labels.data == 1), 0)
    wanted = [State.CORRECTING, State.VERIFIED, State.CORRECTING, State.NEW]
    planes = [(at, None, None) for at in range(4)]
    qtbot.waitUntil(lambda: [state_of(labels, at) for at in planes] == wanted)
    model.dims.ndisplay = 3
    qtbot.waitUntil(lambda: not box.states.isEnabled())


def test_in_three_dimensions_nothing_is_chosen(model: ViewerModel, qtbot: Any) -> None:
    labels = model.add_labels(np.zeros((4, 20, 30), np.int32))
    box = boxed(model, labels)
    model.dims.set_point(0, 2)
    shows(box, State.NEW, qtbot)
    model.dims.ndisplay = 3
    # Sooner than it follows the view.
    choose(box, State.VERIFIED)
    assert states_in(labels.metadata) is None
    assert box.states.currentText() == NAMES[State.NEW]
    model.dims.ndisplay = 2
    qtbot.waitUntil(box.states.isEnabled)
    model.dims.ndisplay = 3
    qtbot.waitUntil(lambda: not box.states.isEnabled())
    model.dims.ndisplay = 2
    say(labels, State.VERIFIED, (2, None, None))
    shows(box, State.VERIFIED, qtbot)
    model.dims.roll()
    shows(box, State.NEW, qtbot)


def test_nothing_is_said_without_need() -> None:
    labels = Labels(np.zeros((20, 30), np.int32))
    told: list[object] = []
    labels.events.metadata.connect(told.append)
    note_edits(labels, [])
    assert (told, labels.metadata) == ([], {})
    note_edits(labels, [(None, None)])
    note_edits(labels, [(None, None)])
    assert len(told) == 1
    say(labels, State.VERIFIED, (None, None))
    note_edits(labels, [(None, None)])
    assert len(told) == 2


def test_it_lets_go(model: ViewerModel, qtbot: Any) -> None:
    labels = model.add_labels(np.zeros((20, 30), np.int32))
    box = boxed(model, labels)
    box.close_down()
    assert box.isHidden()
    labels.paint((5, 5), 1)
    model.dims.events.current_step()
    assert labels.metadata == {}
    assert not box._later.isActive()


def test_exports_say_how_far_the_labels_are() -> None:
    labels = Labels(np.zeros((3, 20, 30), np.int32))
    assert "states" not in origin_of(labels).provenance(labels.data)
    say(labels, State.VERIFIED, (1, None, None))
    said = origin_of(labels).provenance(labels.data)["states"]
    assert said == {"image": "new", "planes": {"1,:,:": "verified"}}
