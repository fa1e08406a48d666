"""What of the candidates counts: painted in one pass, and equal to what instances say of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.choice import Choice, Facts, paint, table_of

SHAPE = (24, 30)


def rectangles(*entries: tuple[int, int, int, int, float]) -> Instances:
    """Rectangles by their top, left, height, width and score, cut off at the border."""
    cut = [(y, x, min(h, SHAPE[0] - y), min(w, SHAPE[1] - x), s) for y, x, h, w, s in entries]
    cut.sort(key=lambda entry: -entry[-1])
    return Instances(
        np.array([[x, y, x + w, y + h] for y, x, h, w, _ in cut], np.float32).reshape(-1, 4),
        np.array([s for *_, s in cut], np.float32),
        np.ones(len(cut), np.int64),
        ("nucleus",),
        SHAPE,
        tuple(np.ones((h, w), bool) for _, _, h, w, _ in cut),
        np.array([[y, x] for y, x, *_ in cut], np.int32).reshape(-1, 2),
    )


def areas(found: Instances, choice: Choice) -> list[int]:
    painted = paint(found, Facts.of(found), choice)
    counted = np.bincount(painted.labels.ravel(), minlength=len(painted) + 1)[1:].tolist()
    assert painted.areas.tolist() == counted
    return painted.areas.tolist()


some = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.integers(0, 26),
        st.integers(1, 12),
        st.integers(1, 12),
        st.sampled_from([0.1, 0.3, 0.5, 0.5, 0.8, 0.9]),
    ),
    max_size=12,
)


@given(some, st.sampled_from([0.05, 0.4, 0.5, 0.85]))
def test_painting_gives_what_instances_say(
    entries: list[tuple[int, int, int, int, float]], score: float
) -> None:
    found = rectangles(*entries)
    painted = paint(found, Facts.of(found), Choice(score), first=3)
    expected = found.above(score)
    image = expected.to_labels()
    np.testing.assert_array_equal(painted.labels, np.where(image > 0, image + 3, 0))
    pd.testing.assert_frame_equal(table_of([(found, painted)]), expected.to_table())


@given(some, st.floats(0, 1))
def test_no_object_is_hidden_by_more_than_allowed(
    entries: list[tuple[int, int, int, int, float]], hidden: float
) -> None:
    found = rectangles(*entries)
    facts = Facts.of(found)
    painted = paint(found, facts, Choice(0.05, hidden=hidden))
    share = 1 - painted.areas / facts.areas[painted.objects]
    assert (share <= hidden).all()
    # Nothing is dropped without a reason: each of the others is hidden by the ones that count.
    for i in set(range(len(found))) - set(painted.objects.tolist()):
        (y, x), crop = found.origins[i], found.crops[i]
        over = painted.labels[y : y + crop.shape[0], x : x + crop.shape[1]]
        better = np.isin(over, 1 + np.flatnonzero(painted.objects < i))
        assert better.mean() > hidden or better.all()


@pytest.mark.parametrize(("hidden", "left"), [(1.0, [100, 40]), (0.6, [100, 40]), (0.59, [100])])
def test_the_share_that_better_ones_hide(hidden: float, left: list[int]) -> None:
    found = rectangles((4, 4, 10, 10, 0.9), (4, 8, 10, 10, 0.8))
    assert areas(found, Choice(0.05, hidden=hidden)) == left


def test_what_is_dropped_hides_nothing() -> None:
    found = rectangles((4, 0, 10, 10, 0.9), (4, 4, 10, 10, 0.8), (4, 12, 10, 10, 0.7))
    assert areas(found, Choice(0.05)) == [100, 40, 80]
    assert areas(found, Choice(0.05, hidden=0.5)) == [100, 100]
    assert areas(found, Choice(0.05, border=False)) == [100, 80]


@pytest.mark.parametrize(
    ("place", "at_border"),
    [((0, 9), True), ((9, 0), True), ((20, 9), True), ((9, 26), True), ((1, 1), False)],
)
def test_objects_at_the_border(place: tuple[int, int], at_border: bool) -> None:
    found = rectangles((*place, 4, 4, 0.9))
    assert areas(found, Choice(0.5, border=False)) == ([] if at_border else [16])
    # Only the mask counts: a box may be wider.
    inner = np.zeros((4, 4), bool)
    inner[1:-1, 1:-1] = True
    empty_rim = Instances(
        found.boxes, found.scores, found.classes, ("nucleus",), SHAPE, (inner,), found.origins
    )
    assert areas(empty_rim, Choice(0.5, border=False)) == [4]


def test_no_candidate() -> None:
    empty = Instances.empty(SHAPE)
    painted = paint(empty, Facts.of(empty), Choice(0.5, border=False, hidden=0.0))
    assert len(painted) == 0
    assert not painted.labels.any()
    assert len(table_of([])) == 1
