from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.predict.tiles import MARGIN, make_tiles


@given(
    height=st.integers(4, 900),
    width=st.integers(4, 900),
    side=st.integers(40, 300),
    overlap=st.integers(0, 39),
)
def test_cores_part_the_image_and_lie_in_their_tiles(
    height: int, width: int, side: int, overlap: int
) -> None:
    tiles = make_tiles((height, width), side, overlap)
    area = 0.0
    for tile in tiles:
        top, left, bottom, right = tile.core
        area += (bottom - top) * (right - left)
        assert tile.top <= top < bottom <= tile.bottom <= height
        assert tile.left <= left < right <= tile.right <= width
        assert tile.bottom - tile.top == min(height, side)
        assert tile.right - tile.left == min(width, side)
    assert area == height * width


def test_neighbours_overlap_at_least_as_asked() -> None:
    tiles = make_tiles((100, 1000), 300, 60)
    starts = [t.left for t in tiles]
    assert starts == [0, 233, 467, 700]
    assert all(b - a <= 240 for a, b in pairwise(starts))


def test_a_small_image_is_one_tile() -> None:
    (tile,) = make_tiles((50, 60), 100, 20)
    assert (tile.top, tile.left, tile.bottom, tile.right) == (0, 0, 50, 60)
    assert tile.slices == (slice(0, 50), slice(0, 60))


@given(x=st.floats(0, 999), y=st.floats(0, 99))
def test_every_place_is_owned_and_twice_only_at_a_seam(x: float, y: float) -> None:
    tiles = make_tiles((100, 1000), 300, 60)
    box = np.array([[x - 2, y - 2, x + 2, y + 2]], np.float32)
    owners = [tile for tile in tiles if tile.owns(box)[0]]
    assert owners
    if len(owners) > 1:
        seam = owners[0].core[3]
        assert abs(x - seam) <= MARGIN + 1e-3


def test_an_overlap_that_leaves_no_step_is_refused() -> None:
    with pytest.raises(ValueError, match="overlap is 100 px, side 100 px"):
        make_tiles((500, 500), 100, 100)
