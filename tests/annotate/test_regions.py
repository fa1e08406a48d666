"""Regions become the pixels whose centres lie in them, plane by plane, and survive JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_maskrcnn.annotate.regions import KEY, Region, masks, rectangles, regions_of


def box(plane: tuple[Any, ...], top: float, left: float, bottom: float, right: float) -> Region:
    corners = [[top, left], [top, right], [bottom, right], [bottom, left]]
    return Region(plane, np.array(corners, float))


@given(st.tuples(*[st.integers(-5, 25)] * 4), st.sampled_from([(None, None), (2, None, None)]))
@settings(max_examples=40, deadline=None)
def test_a_rectangle_on_pixel_edges_is_exactly_its_pixels(
    at: tuple[int, ...], plane: tuple[Any, ...]
) -> None:
    (top, bottom), (left, right) = sorted(at[:2]), sorted(at[2:])
    region = box(plane, top - 0.5, left - 0.5, bottom - 0.5, right - 0.5)
    shape = (12, 17) if len(plane) == 2 else (3, 12, 17)
    expected = np.zeros((12, 17), bool)
    expected[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    found = masks([region], shape)
    if not expected.any():
        assert (found, rectangles([region], shape)) == ({}, {})
        return
    assert np.array_equal(found[plane], expected)
    clipped = (max(top, 0), max(left, 0), min(bottom, 12), min(right, 17))
    assert rectangles([region], shape) == {plane: [clipped]}


def test_regions_of_a_plane_are_joined_and_other_planes_left_alone() -> None:
    triangle = Region((1, None, None), np.array([[0, 0], [8, 0], [0, 8]], float))
    regions = [box((0, None, None), 0, 0, 3, 3), box((0, None, None), 2, 2, 5, 5), triangle]
    found = masks(
        [*regions, box((7, None, None), 0, 0, 3, 3), box((None, None), 0, 0, 3, 3)], (2, 9, 9)
    )
    assert found.keys() == {(0, None, None), (1, None, None)}
    assert found[0, None, None].sum() == 9 + 9 - 1
    inside = found[1, None, None]
    rows, columns = np.mgrid[:9, :9]
    assert np.array_equal(inside, rows + columns < 8)
    assert rectangles(regions, (2, 9, 9))[1, None, None] == [(0, 0, 8, 8)]
    across = box((None, 4, None), 0, 0, 2, 5)
    assert masks([across], (2, 9, 9))[None, 4, None].shape == (2, 9)


def test_they_are_kept_as_plain_values() -> None:
    regions = [box((3, None, None), 0.5, 1.5, 4, 4), box((None, None), -2, -2, 5, 6)]
    content = json.loads(json.dumps([region.to_json() for region in regions]))
    broken = [None, {"plane": "x", "corners": []}, {"plane": ":,:", "corners": [[1, 2], [3, 4]]}]
    back = regions_of({KEY: [*broken, *content]})
    assert [region.plane for region in back] == [(3, None, None), (None, None)]
    for region, other in zip(regions, back, strict=True):
        assert np.array_equal(region.corners, other.corners)
    assert regions_of({}) == regions_of({KEY: "lost"}) == []
    with pytest.raises(ValueError, match="A region needs at least 3 points, but there are 2"):
        Region.from_json(broken[2])
