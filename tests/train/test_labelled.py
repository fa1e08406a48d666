"""What is correct in labels: what can be said of them, what goes without saying, what is learnt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.annotate.image_states import State, States
from napari_maskrcnn.annotate.regions import Region
from napari_maskrcnn.jobs import run
from napari_maskrcnn.train.answers import Answer, Findings, default, not_said, offered
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.labelled import Labelled, examples_of, glance, look_job
from napari_maskrcnn.train.split import split

FLAT = (None, None)
CORNERS = np.array([[-0.5, -0.5], [-0.5, 29.5], [59.5, 29.5], [59.5, -0.5]])


def grid(count: int = 4, side: int = 60) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Squares of 7 px in two rows, 15 px from one to the next."""
    labels = np.zeros((side, side), np.int32)
    for k in range(count):
        y, x = 8 + 30 * (k % 2), 4 + 15 * (k // 2)
        labels[y : y + 7, x : x + 7] = k + 1
    return labels


def predicted(labels: Any, before: Any = None, **more: Any) -> Labelled:
    """Labels that were predicted, perhaps otherwise."""
    before = labels.copy() if before is None else before
    image = np.random.default_rng(0).integers(0, 99, labels.shape, np.uint8)
    return Labelled("cells", image, labels, FLAT, predicted={FLAT: before}, **more)


def found(labelled: Labelled) -> Findings:
    return run(look_job(labelled))


def learnt(labelled: Labelled, answer: Answer | None) -> list[Example]:
    return list(examples_of(labelled, answer))


def test_labels_that_nobody_predicted_are_right_as_a_whole() -> None:
    plain = replace(predicted(grid()), predicted={})
    assert found(plain).objects == 4
    assert offered(found(plain)) == [Answer.WHOLE]
    assert default(found(plain)) is Answer.WHOLE


def test_half_of_the_objects_must_have_been_looked_at() -> None:
    before, labels = grid(), grid()
    labels[labels == 1] = 0
    one = predicted(labels, before)
    assert (found(one).objects, found(one).touched, found(one).removed) == (3, 1, 1)
    assert offered(found(one)) == [Answer.WHOLE, Answer.CORRECTIONS]
    assert default(found(one)) is None
    labels[8, 19] = 0
    assert found(one).touched == 2
    assert default(found(one)) is Answer.WHOLE
    assert default(found(replace(one, partly=True))) is None


def test_accepted_objects_were_looked_at() -> None:
    assert default(found(predicted(grid(), accepted=frozenset({1})))) is None
    # An object that is gone is nowhere accepted.
    assert found(predicted(grid(), accepted=frozenset({1, 99}))).touched == 1
    assert default(found(predicted(grid(), accepted=frozenset({1, 2})))) is Answer.WHOLE


def test_an_untouched_prediction_needs_a_word() -> None:
    same = predicted(grid())
    assert default(found(same)) is None
    with pytest.raises(ValueError, match="Nothing in “cells” was corrected or accepted yet"):
        learnt(same, None)
    assert not_said("cells", Findings(9, 2, predicted=True)).startswith(
        "Of the 9 objects of “cells”, 2 were corrected or accepted. Say what is correct there"
    )
    empty = predicted(np.zeros((60, 60), np.int32))
    assert default(found(empty)) is None


def test_a_finished_region_and_a_verified_image_go_without_saying() -> None:
    drawn = predicted(grid(8), regions=(Region(FLAT, CORNERS),))
    assert found(drawn).classes[Answer.REGIONS] == {"": 4}
    assert offered(found(drawn)) == [Answer.WHOLE, Answer.REGIONS]
    assert default(found(drawn)) is Answer.REGIONS
    assert default(found(replace(drawn, states=States(State.VERIFIED)))) is Answer.WHOLE


def test_a_glance_looks_at_no_pixel() -> None:
    drawn = replace(predicted(grid(), regions=(Region(FLAT, CORNERS),)), labels=Unreadable())
    assert (glance(drawn).objects, glance(drawn).finished) == (None, 1)


class Unreadable:
    shape = (60, 60)
    ndim = 2


def test_nothing_is_learnt_outside_of_finished_regions() -> None:
    labels = grid(8)
    (example,) = learnt(predicted(labels, regions=(Region(FLAT, CORNERS),)), Answer.REGIONS)
    assert example.correct == "finished regions"
    assert example.area == 60 * 30
    assert set(np.unique(example.labels)) == {0, 1, 2, 3, 4}


def test_around_a_correction_is_half_a_diameter() -> None:
    before, labels = grid(), grid()
    before[labels == 3] = 0
    for accepted, changed in ((frozenset(), {3}), (frozenset({2}), {2, 3})):
        parts = learnt(predicted(labels, before, accepted=accepted), Answer.CORRECTIONS)
        assert {int(i) for part in parts for i in np.unique(part.labels)} == {0, *changed}
        # 8 px, the least, on all sides of a square of 7; the second is 4 px off the image's edge.
        assert [part.area for part in parts] == [23 * 23, 23 * 19][: len(changed)]
        assert {part.correct for part in parts} == {"around my corrections"}


def test_corrections_that_were_undone_are_an_error() -> None:
    with pytest.raises(ValueError, match="cells has no corrections any more"):
        learnt(predicted(grid()), Answer.CORRECTIONS)


def stack(**more: Any) -> Labelled:
    labels = np.stack([grid(), grid(0), grid(2)])
    image = np.zeros(labels.shape, np.uint8)
    return Labelled("stack", image, labels, (0, None, None), **more)


def test_planes_of_a_stack() -> None:
    states = States(planes={(1, None, None): State.VERIFIED, (2, None, None): State.EXCLUDED})
    region = Region((2, None, None), CORNERS)
    some = stack(states=states, regions=(region,))
    assert offered(found(some)) == [Answer.WHOLE, Answer.VERIFIED, Answer.REGIONS]
    assert default(found(some)) is Answer.VERIFIED
    names = {answer: [e.name for e in learnt(some, answer)] for answer in offered(found(some))}
    assert names == {
        Answer.WHOLE: ["stack, plane 0"],
        Answer.VERIFIED: ["stack, plane 1"],
        Answer.REGIONS: ["stack, plane 2 [0:60, 0:30]"],
    }
    stacks = [e.stack for answer in offered(found(some)) for e in learnt(some, answer)]
    assert stacks == ["stack"] * 3
    # An object has one number in all planes.
    assert found(some).objects == 4


def test_corrected_planes_of_a_stack() -> None:
    before = {(z, None, None): plane.copy() for z, plane in enumerate(stack().labels)}
    some = stack(predicted=before)
    some.labels[1, 30:40, 30:40] = 9
    assert found(some).touched == 1
    (example,) = learnt(some, Answer.CORRECTIONS)
    assert example.name.startswith("stack, plane 1 [")
    # A plane that was not predicted is all new.
    some = stack(predicted={key: before[key] for key in list(before)[:2]})
    assert found(some).touched == 2


def test_a_stack_without_objects_or_of_another_shape() -> None:
    with pytest.raises(ValueError, match="stack holds no object"):
        learnt(replace(stack(), labels=np.zeros((3, 60, 60), int)), Answer.WHOLE)
    with pytest.raises(ValueError, match="must be the same"):
        learnt(replace(stack(), image=np.zeros((2, 60, 60))), Answer.WHOLE)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int64", "uint32", "uint64"])
def test_labels_of_any_integer_type(dtype: str) -> None:
    labels = grid().astype(dtype)
    before = labels.copy()
    before[labels == 1] = 0
    some = predicted(labels, before)
    assert (found(some).objects, found(some).touched) == (4, 1)
    assert len(learnt(some, Answer.CORRECTIONS)) == 1


def test_labels_beyond_32_bits() -> None:
    labels = grid().astype(np.int64)
    labels[labels > 0] += 2**40
    before = labels.copy()
    before[labels == 2**40 + 1] = 0
    (example,) = learnt(predicted(labels, before), Answer.CORRECTIONS)
    assert set(np.unique(example.labels)) == {0, 2**40 + 1}


def test_labels_that_are_no_integers() -> None:
    with pytest.raises(ValueError, match=r"cells: the labels have values of type float"):
        learnt(replace(predicted(grid()), labels=grid().astype(float)), Answer.WHOLE)


def test_what_is_learnt_is_a_copy() -> None:
    some = predicted(grid())
    (example,) = learnt(some, Answer.WHOLE)
    some.image[:] = 255
    assert example.image.max() < 99


def test_classes_are_counted() -> None:
    some = replace(predicted(grid()), classes={1: "round", 2: "round", 3: "long", 77: "gone"})
    assert found(some).classes[Answer.WHOLE] == {"round": 2, "long": 1, "": 1}
    accepted = replace(some, accepted=frozenset({3, 4}))
    assert found(accepted).classes[Answer.CORRECTIONS] == {"long": 1, "": 1}


def test_what_is_held_out_may_be_said() -> None:
    image, labels = np.zeros((60, 60), np.uint8), grid()
    examples = [Example(image, labels, str(k), held_out=k == 1) for k in range(5)]
    trained, held = split(examples, 0)
    assert [example.name for example in held] == ["1"]
    assert [example.name for example in trained] == ["0", "2", "3", "4"]


@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=5), st.integers(0, 9))
def test_what_was_changed_is_always_among_what_is_learnt(
    places: list[tuple[int, int]], value: int
) -> None:
    before, labels = grid(), grid()
    for place in places:
        labels[place] = value
    if (before == labels).all():
        return
    parts = learnt(predicted(labels, before), Answer.CORRECTIONS)
    known = np.zeros(labels.shape, bool)
    for part in parts:
        assert part.cut_from is not None
        assert part.ignored is not None
        _, top, left = part.cut_from
        height, width = part.labels.shape
        known[top : top + height, left : left + width] |= ~part.ignored
    assert known[before != labels].all()


def test_objects_that_touch_the_edge_of_a_region_are_not_counted() -> None:
    # The first square begins in row 8, so the second region ends at its edge.
    for first, objects in ((6.5, 4), (7.5, 2)):
        corners = np.array([[first, -0.5], [first, 59.5], [59.5, 59.5], [59.5, -0.5]])
        labelled = predicted(grid(), regions=(Region(FLAT, corners),))
        assert sum(found(labelled).classes[Answer.REGIONS].values()) == objects
        (example,) = learnt(labelled, Answer.REGIONS)
        assert len(example.objects) == objects
