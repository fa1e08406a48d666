from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.predict.tiles import MARGIN, Grid


@given(
    height=st.integers(4, 900),
    width=st.integers(4, 900),
    side=st.integers(40, 300),
    overlap=st.integers(0, 39),
    align=st.sampled_from([1.0, 8.0, 15.7, 32.0]),
)
def test_cores_part_the_image_and_lie_in_their_tiles(
    height: int, width: int, side: int, overlap: int, align: float
) -> None:
    tiles = Grid(side, overlap, align).tiles((7, 3, 7 + height, 3 + width))
    area = 0
    assert len({tile.shape for tile in tiles}) == 1
    for tile in tiles:
        top, left, bottom, right = tile.core
        area += (bottom - top) * (right - left)
        assert 7 <= tile.top <= top < bottom <= tile.bottom <= 7 + height
        assert 3 <= tile.left <= left < right <= tile.right <= 3 + width
        assert max(tile.shape) < side + align + 1
        if align <= min(overlap, (side - overlap) / 2):
            assert abs((tile.top - 7) / align - round((tile.top - 7) / align)) <= 0.5 / align
    assert area == height * width


def test_neighbours_overlap_as_asked_and_are_no_larger_than_needed() -> None:
    tiles = Grid(300, 60).tiles((0, 0, 100, 1000))
    assert [(t.left, t.right) for t in tiles] == [(0, 295), (235, 530), (470, 765), (705, 1000)]
    aligned = Grid(300, 60, 32).tiles((0, 0, 100, 1000))
    assert [(t.left, t.right) for t in aligned] == [(0, 296), (224, 520), (448, 744), (704, 1000)]


def test_a_small_image_is_one_tile() -> None:
    (tile,) = Grid(100, 20).tiles((0, 0, 50, 60))
    assert (tile.top, tile.left, tile.bottom, tile.right) == (0, 0, 50, 60)
    assert tile.slices == (slice(0, 50), slice(0, 60))


@given(x=st.floats(0, 999), y=st.floats(0, 99))
def test_every_place_is_owned_and_twice_only_at_a_seam(x: float, y: float) -> None:
    tiles = Grid(300, 60).tiles((0, 0, 100, 1000))
    box = np.array([[x - 2, y - 2, x + 2, y + 2]], np.float32)
    owners = [tile for tile in tiles if tile.owns(box)[0]]
    assert owners
    if len(owners) > 1:
        seam = owners[0].core[3]
        assert abs(x - seam) <= MARGIN + 1e-3


def test_a_large_object_is_owned_further_across_a_seam() -> None:
    first = Grid(300, 60).tiles((0, 0, 100, 1000))[0]
    seam = first.core[3]
    boxes = [[seam + 5 - half, 40, seam + 5 + half, 60] for half in (10, 20, 30)]
    assert first.owns(np.array(boxes, np.float32)).tolist() == [False, False, True]


def test_an_overlap_that_leaves_no_step_is_refused() -> None:
    with pytest.raises(ValueError, match="overlap is 100 px, side 100 px"):
        Grid(100, 100).tiles((0, 0, 500, 500))


@given(
    height=st.integers(60, 400), width=st.integers(60, 400), align=st.sampled_from([1.0, 7.5, 16.0])
)
def test_the_parts_of_tiles_own_what_the_tiles_own(height: int, width: int, align: float) -> None:
    grid = Grid(100, 20, align)
    smaller = grid.halved()
    assert smaller is not None
    assert smaller.side == 60
    owned = np.zeros((height, width), int)
    shapes = set()
    for tile in grid.tiles((0, 0, height, width)):
        for part in smaller.parts(tile):
            top, left, bottom, right = part.core
            owned[top:bottom, left:right] += 1
            shapes.add(part.shape)
            assert tile.top <= part.top <= top < bottom <= part.bottom <= tile.bottom
            assert tile.left <= part.left <= left < right <= part.right <= tile.right
    assert (owned == 1).all()
    assert len(shapes) == 1


def test_tiles_are_halved_until_they_would_be_mostly_overlap() -> None:
    sides = []
    grid: Grid | None = Grid(1536, 256, 32)
    while grid is not None:
        sides.append(grid.side)
        grid = grid.halved()
    assert sides == [1536, 896, 576]
    assert Grid(500, 499).halved() is None
