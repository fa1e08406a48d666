"""How far the labels of a layer are: what a person said of its planes, and what can be seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari_maskrcnn.annotate.image_states import State, States, put_states, states_in
from napari_maskrcnn.widgets.layers import PlaneIndex
from napari_maskrcnn.widgets.prediction import prediction_of

if TYPE_CHECKING:
    from napari.layers import Labels


def state_of(labels: Labels, plane: PlaneIndex) -> State:
    """State of a plane of a layer; a 2-D layer is one plane."""
    state = (states_in(labels.metadata) or States()).of(plane)
    record = prediction_of(labels)
    if state is State.NEW and record is not None and plane in record.labels:
        return State.PREDICTED
    return state


def say(labels: Labels, state: State, plane: PlaneIndex) -> None:
    """Set the state of a plane, and tell who listens to the layer's metadata: the journal too."""
    states = states_in(labels.metadata) or States()
    put_states(labels.metadata, states.with_state(state, plane))
    labels.events.metadata()


def note_edits(labels: Labels, planes: Iterable[PlaneIndex]) -> None:
    """Note that planes were edited: what was new or predicted is in correction now."""
    before = states_in(labels.metadata) or States()
    states = before
    for plane in planes:
        states = states.edited(plane)
    if states != before:
        put_states(labels.metadata, states)
        labels.events.metadata()
