from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.regions import (
    Region,
    centred_in,
    clip_region,
    grown,
    intersection,
    replaced,
)

SHAPE = (100, 120)


def squares(*places: tuple[float, float, float], side: int = 10) -> Instances:
    """Squares by the row and column of their first pixel, and their score."""
    origins = np.array([[y, x] for y, x, _ in places], np.int32).reshape(-1, 2)
    corners = origins[:, ::-1]
    return Instances(
        np.concatenate([corners, corners + side], 1).astype(np.float32),
        np.array([score for *_, score in places], np.float32),
        np.ones(len(places), np.int64),
        ("object",),
        SHAPE,
        tuple(np.ones((side, side), bool) for _ in places),
        origins,
    )


def places(found: Instances) -> list[tuple[int, int]]:
    return [(int(y), int(x)) for y, x in found.origins]


def test_only_what_lies_in_the_region_is_replaced() -> None:
    older = squares((0, 0, 0.9), (40, 40, 0.8), (80, 80, 0.7))
    newer = squares((44, 60, 0.6), (5, 5, 0.95))
    merged = replaced(older, newer, [(30, 30, 70, 80)])
    assert places(merged) == [(0, 0), (80, 80), (44, 60)]
    assert merged.scores.tolist() == pytest.approx([0.9, 0.7, 0.6])


def test_a_region_that_is_empty_now_is_emptied() -> None:
    older = squares((0, 0, 0.9), (40, 40, 0.8))
    merged = replaced(older, Instances.empty(SHAPE), [(30, 30, 70, 80)])
    assert places(merged) == [(0, 0)]


def test_what_lies_across_the_border_comes_once() -> None:
    """Its centre is at column 29 in the one prediction and at 31 in the other."""
    region = (0, 30, 100, 120)
    older, newer = squares((40, 24, 0.8)), squares((40, 26, 0.9), (40, 60, 0.5))
    assert places(replaced(older, newer, [region])) == [(40, 24), (40, 60)]
    unsure = squares((40, 24, 0.1))
    assert places(replaced(unsure, newer, [region])) == [(40, 26), (40, 60)]


def test_two_classes_are_no_doubles() -> None:
    older, newer = squares((40, 24, 0.8)), squares((40, 26, 0.9))
    newer.classes[:] = 2
    assert len(replaced(older, newer, [(0, 30, 100, 120)])) == 2


@given(
    older=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 110), st.floats(0.1, 1))),
    newer=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 110), st.floats(0.1, 1))),
    corner=st.tuples(st.integers(0, 80), st.integers(0, 80)),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
def test_nothing_moves_outside_and_only_new_objects_are_inside(
    older: list[tuple[int, int, float]],
    newer: list[tuple[int, int, float]],
    corner: tuple[int, int],
    size: tuple[int, int],
) -> None:
    region = (*corner, corner[0] + size[0], corner[1] + size[1])
    before, now = squares(*older), squares(*newer)
    merged = replaced(before, now, [region])
    inside = centred_in(merged.boxes, [region])
    new_places = {
        place for place, there in zip(places(now), _in(now, region), strict=True) if there
    }
    old_places = [
        p for p, there in zip(places(before), _in(before, region), strict=True) if not there
    ]
    assert set(places(merged[inside])) <= new_places
    assert set(places(merged[~inside])) <= set(old_places)
    assert (np.diff(merged.scores) <= 0).all()
    again = replaced(merged, now, [region])
    assert sorted(places(again)) == sorted(places(merged))


def _in(found: Instances, region: Region) -> list[bool]:
    return centred_in(found.boxes, [region]).tolist()


def test_a_region_ends_at_the_border_of_the_image() -> None:
    assert clip_region((-5, 10, 300, 40), SHAPE) == (0, 10, 100, 40)
    assert grown((10, 0, 90, 20), 16, SHAPE) == (0, 0, 100, 36)
    assert intersection((0, 0, 10, 10), (5, 8, 20, 20)) == (5, 8, 10, 10)
    assert intersection((0, 0, 10, 10), (10, 0, 20, 10)) is None


@pytest.mark.parametrize("region", [(100, 0, 120, 10), (5, 5, 5, 9), (9, 9, 5, 5)])
def test_a_region_without_a_pixel_is_refused(region: Region) -> None:
    with pytest.raises(ValueError, match="holds no pixel of the image, which has 100 × 120 px"):
        clip_region(region, SHAPE)
