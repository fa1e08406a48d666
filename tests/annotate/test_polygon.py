"""Tests of what lies inside an outline."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import points_in_poly

from napari_maskrcnn.annotate.polygon import inside_polygon, objects_inside

# No corner lies on a row or column of pixel centres, where either answer is right.
OFFSET = np.array([0.31, 0.173])
CORNERS = arrays(np.int64, (6, 2), elements=st.integers(-5, 16)).map(lambda at: at + OFFSET)


@given(CORNERS)
@settings(max_examples=60, deadline=None)
def test_inside_is_what_scikit_image_calls_inside(corners: np.ndarray) -> None:
    box, inside = inside_polygon(corners, (10, 12))
    image = np.zeros((10, 12), bool)
    image[box] = inside
    pixels = np.argwhere(np.ones_like(image))
    assert np.array_equal(image.ravel(), points_in_poly(pixels, corners))


@pytest.mark.parametrize("corners", [[(3, 3), (3, 9), (3, 5)], [(50, 50), (50, 60), (60, 60)]])
def test_flat_and_far_polygons_hold_nothing(corners: list) -> None:
    _, inside = inside_polygon(np.array(corners, float), (10, 12))
    assert not inside.any()


def test_objects_of_which_more_than_half_is_inside() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[2:6, 2:6] = 3
    labels[2:6, 8:16] = 5
    labels[2:6, 20:24] = 2_000_000_000
    assert objects_inside(labels, [(-5, -5), (-5, 11.5), (30, 11.5), (30, -5)]) == [3]
    assert objects_inside(labels, [(-5, -5), (-5, 12.5), (30, 12.5), (30, -5)]) == [3, 5]
    assert objects_inside(labels, [(-5, 7), (-5, 50), (30, 50), (30, 7)]) == [5, 2_000_000_000]
    assert objects_inside(labels, [(10, 2), (10, 9), (15, 9)]) == []
    near = [(-5, -5), (-5, 12.5), (30, 12.5), (30, -5)]
    assert objects_inside(labels, near, lambda ids: (slice(2, 6), slice(2, 16))) == [3, 5]
    assert objects_inside(labels, near, lambda ids: None) == [3, 5]
    with pytest.raises(ValueError, match="at least 3 points"):
        objects_inside(labels, [(1, 1), (2, 2)])
