"""States of images and planes: what an edit changes, what a person says, how they are written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.annotate.image_states import (
    KEY,
    State,
    States,
    plane_text,
    put_states,
    read_plane,
    read_state,
    states_in,
)

Z = [(z, None, None) for z in range(4)]
planes = st.sampled_from(Z)
calls = st.lists(st.tuples(st.sampled_from(State), st.none() | planes), max_size=8)


def test_an_edit_puts_into_correction_what_nobody_spoke_of() -> None:
    flat = States(State.PREDICTED).edited((None, None))
    assert flat == States(State.CORRECTING)
    stack = States(State.PREDICTED).with_state(State.VERIFIED, Z[1]).edited(Z[0]).edited(Z[1])
    assert [stack.of(z) for z in Z] == ["in correction", "verified", "predicted", "predicted"]
    assert States(State.EXCLUDED).edited(Z[0]) == States(State.EXCLUDED)
    assert States().edited() == States(State.CORRECTING)
    # An edit somewhere in a stack forgets nothing that was said of its planes.
    said = States(State.PREDICTED).with_state(State.EXCLUDED, Z[3])
    assert said.edited() == States(State.CORRECTING).with_state(State.EXCLUDED, Z[3])
    assert said.edited(Z[1]).edited() == said.edited(Z[1])


def test_the_state_of_a_stack_sums_up_its_planes() -> None:
    some = States(State.PREDICTED)
    assert some.summary(Z) == State.PREDICTED
    some = some.with_state(State.VERIFIED, Z[0])
    assert some.summary(Z) == State.CORRECTING
    for z in Z[1:3]:
        some = some.with_state(State.VERIFIED, z)
    assert some.summary(Z) == State.CORRECTING
    assert some.with_state(State.EXCLUDED, Z[3]).summary(Z) == State.VERIFIED
    assert States(State.EXCLUDED).summary(Z) == State.EXCLUDED
    mixed = States(State.NEW).with_state(State.PREDICTED, Z[0])
    assert mixed.summary(Z) == State.PREDICTED


def test_the_whole_image_takes_its_planes_along() -> None:
    some = States(State.PREDICTED).with_state(State.EXCLUDED, Z[0])
    assert some.with_state(State.VERIFIED) == States(State.VERIFIED)
    assert some.with_state(State.VERIFIED, (None, None)) == States(State.VERIFIED)


@given(calls)
def test_what_is_written_is_read_again(steps: list[tuple[State, Any]]) -> None:
    states = States()
    for state, plane in steps:
        states = states.with_state(state, plane)
        assert plane is None or states.of(plane) == state
    again = States.from_json(json.loads(json.dumps(states.to_json())))
    assert again == states
    metadata: dict[str, Any] = {}
    put_states(metadata, states)
    assert states_in(metadata) == states


def test_text_of_planes_and_states() -> None:
    assert plane_text((3, None, None)) == "3,:,:"
    assert read_plane(" 3, :,:") == (3, None, None)
    assert read_state(" Verified ") is State.VERIFIED
    assert read_state("") is State.NEW


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("verified", "mapping"),
        ({"image": "done"}, "'done' is no state; use one of new, predicted, in correction"),
        ({"planes": [1]}, "'planes'"),
        ({"planes": {"-1,:": "verified"}}, "'-1,:' is no plane"),
        ({"planes": {"²,:": "verified"}}, "is no plane"),
        ({"planes": {"1,:": "ok"}}, "'ok' is no state"),
    ],
)
def test_what_cannot_be_read_is_named(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        States.from_json(value)
    assert states_in({KEY: value}) is None
    assert states_in({}) is None
