"""Finished tiles in few pixels: the same objects in the same places as in the full image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.predict.preview import Patch, draw, make_patch, preview_factor
from napari_maskrcnn.predict.regions import Region


def step(labels: np.ndarray, *finished: Region, done: int = 1, total: int = 3) -> Progress:
    data = {"found": Instances.from_labels(labels), "finished": finished, "plane": (None, None)}
    return Progress(done, total, "Tile", data)


def patch_of(progress: Progress, factor: int) -> Patch:
    patch = make_patch(progress, 0.5, factor)
    assert patch is not None
    return patch


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 26), st.integers(1, 9)), max_size=8),
    st.integers(1, 7),
)
def test_it_is_every_so_many_pixels_of_the_image(
    squares: list[tuple[int, int, int]], factor: int
) -> None:
    labels = np.zeros((25, 31), np.int32)
    for number, (y, x, side) in enumerate(squares, 1):
        labels[y : y + side, x : x + side] = number
    expected = labels[::factor, ::factor]
    shown = np.zeros_like(expected)
    last = draw(shown, patch_of(step(labels, (0, 0, 25, 31)), factor), 0, 0)
    np.testing.assert_array_equal(shown > 0, expected > 0)
    assert last == len(np.unique(expected[expected > 0])) == len(np.unique(shown[shown > 0]))


def test_older_objects_go_where_tiles_are_finished_and_better_ones_lie_on_top() -> None:
    shown = np.ones((8, 8), np.int32)
    first = np.zeros((16, 16), np.int32)
    first[2:8, 4:10] = 1  # it reaches into the next tile
    last = draw(shown, patch_of(step(first, (0, 0, 16, 8)), 2), 1, 1)
    assert last == 2
    assert (shown[:, 4:] > 0).all()
    assert shown[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert shown[1].tolist() == [0, 0, 2, 2, 2, 1, 1, 1]
    draw(shown, patch_of(step(np.zeros((16, 16), np.int32), (0, 8, 16, 16)), 2), 1, last)
    assert shown[1].tolist() == [0, 0, 2, 2, 2, 0, 0, 0]

    two = Instances(
        np.zeros((2, 4), np.float32), np.array([0.9, 0.6], np.float32), np.ones(2, np.int64),
        ("n",), (4, 4), (np.ones((2, 2), bool), np.ones((3, 3), bool)), np.zeros((2, 2), np.int32),
    )  # fmt: skip
    data = {"found": two, "finished": (), "plane": 0}
    image = np.zeros((4, 4), np.int32)
    draw(image, patch_of(Progress(1, 2, data=data), 1), 0, 0)
    assert image[:3, :3].tolist() == [[2, 2, 1], [2, 2, 1], [1, 1, 1]]
    sure = make_patch(Progress(1, 2, data=data), 0.7, 1)
    assert sure is not None
    assert len(sure.pieces) == 1


def test_the_last_tile_and_other_steps_need_no_preview() -> None:
    labels = np.ones((4, 4), np.int32)
    assert make_patch(step(labels, done=3), 0.5, 1) is None
    assert make_patch(Progress(1, 3, "Loading"), 0.5, 1) is None


@pytest.mark.parametrize(
    ("shape", "planes", "factor"),
    [((512, 512), 1, 1), ((1024, 1024), 50, 1), ((2048, 1500), 1, 2), ((16384, 16384), 1, 16),
     ((1000, 1000), 1000, 4)],
)  # fmt: skip
def test_a_preview_stays_small(shape: tuple[int, int], planes: int, factor: int) -> None:
    assert preview_factor(shape, planes) == factor
