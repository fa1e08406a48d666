"""Any array with named axes as planes: the right pixels, and no others are read."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.images import check_form
from napari_maskrcnn.sources.resampled import Resampled, Squared
from napari_maskrcnn.sources.source import Source
from napari_maskrcnn.sources.view import View

ORDERS = ["".join(order) for order in permutations("TCYX")]


class Lazy:
    """An array that knows what was read of it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.read = 0

    def __getitem__(self, index: Any) -> np.ndarray:
        piece = self.array[index]
        self.read += piece.size
        return piece


@given(st.sampled_from(ORDERS), st.booleans())
def test_axes_in_any_order_give_the_same_planes(axes: str, lazy: bool) -> None:
    image = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)  # T C Y X
    array = image.transpose(["TCYX".index(letter) for letter in axes])
    source = Source(Lazy(array) if lazy else array, axes)
    turned = axes.index("X") < axes.index("Y")
    assert source.label_shape == ((2, 5, 4) if turned else (2, 4, 5))
    assert source.planes == [(0, None, None), (1, None, None)]
    assert source.channels == 3
    for t, plane in enumerate(source.planes):
        wanted = image[t].transpose(2, 1, 0) if turned else image[t].transpose(1, 2, 0)
        found = source.read(plane)
        assert isinstance(found, View) == lazy
        assert found.shape == wanted.shape
        assert found.ndim == 3
        np.testing.assert_array_equal(np.asarray(found), wanted)
        np.testing.assert_array_equal(found[1:3, 2:], wanted[1:3, 2:])


def test_only_the_piece_that_is_asked_for_is_read() -> None:
    lazy = Lazy(np.zeros((3, 2, 100, 100), np.uint8))
    plane = Source(lazy, "ZCYX").read((1, None, None))
    assert plane.shape == (100, 100, 2)
    assert plane.dtype == np.uint8
    assert lazy.read == 0
    assert plane[10:20, :5].shape == (10, 5, 2)
    assert lazy.read == 10 * 5 * 2
    assert np.asarray(plane, dtype=np.float64).dtype == np.float64


def test_zarr_and_dask_are_read_alike(tmp_path: Path) -> None:
    da = pytest.importorskip("dask.array")
    image = np.random.default_rng(0).integers(0, 99, (3, 12, 14)).astype(np.uint16)
    stored = zarr.create_array(tmp_path / "x.zarr", data=image, chunks=(1, 5, 5))
    for array in (stored, da.from_array(image, chunks=5)):
        plane = Source(array, "ZYX").read((2, None, None))
        np.testing.assert_array_equal(plane[3:9, 2:7], image[2, 3:9, 2:7])


def test_labels_are_put_together_by_plane() -> None:
    source = Source(np.zeros((2, 3, 6, 5, 4)), "TZYXC")
    assert source.label_axes == "TZYX"
    image = np.ones((6, 5), np.int32)
    whole = source.assemble({(0, 2, None, None): image, (1, 0, None, None): 2 * image})
    assert whole.shape == (2, 3, 6, 5)
    assert whole.dtype == np.int32
    assert [whole[t, z].max() for t in range(2) for z in range(3)] == [0, 0, 1, 2, 0, 0]
    single = Source(np.zeros((6, 5)), "YX")
    assert single.planes == [(None, None)]
    np.testing.assert_array_equal(single.assemble({(None, None): image}), image)


def test_time_comes_first_and_depth_last() -> None:
    image = np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)
    source = Source(image, "ZPTYX")
    assert source.label_axes == "TPZYX"
    assert source.label_shape == (4, 3, 2, 5, 6)
    np.testing.assert_array_equal(source.read((3, 2, 1, None, None)), image[1, 2, 3])


def test_linking_needs_its_axis_where_there_are_several() -> None:
    for axes in ("TZYX", "ZTYX"):
        Source(np.zeros((2, 3, 6, 5)), axes).check_link("z")
    Source(np.zeros((3, 6, 5)), "QYX").check_link("z")
    Source(np.zeros((6, 5)), "YX").check_link("z")
    with pytest.raises(ValueError, match="no axis Z to link along; the axes are TPYX"):
        Source(np.zeros((2, 3, 6, 5)), "TPYX").check_link("z")


def test_small_images_are_had_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(np.uint8)
    source = Source(Lazy(image), "ZCYX")
    np.testing.assert_array_equal(source.whole(), np.moveaxis(image, 1, -1))
    assert not source.is_large
    monkeypatch.setattr("napari_maskrcnn.sources.source.MOST_IN_MEMORY", 119)
    assert source.is_large


def test_a_level_of_fewer_slices_is_read_at_the_same_depth() -> None:
    full, half = np.zeros((4, 2, 8, 8)), np.zeros((2, 2, 4, 4))
    half += np.arange(2)[:, None, None, None]
    source = Source(full, "ZCYX", levels=(half,))
    seen = [np.asarray(source.read_level((z, None, None), 1).seen) for z in range(4)]
    assert [plane.shape for plane in seen] == [(4, 4, 2)] * 4
    assert [plane.max() for plane in seen] == [0, 0, 1, 1]


def test_many_channels_are_no_pixels_where_they_are_named() -> None:
    plane = Source(np.zeros((40, 8, 9)), "CYX").read((None, None))
    assert check_form(plane) == (8, 9)
    with pytest.raises(ValueError, match=r"shape \(8, 9, 40\)"):
        check_form(np.asarray(plane))


def test_an_empty_axis_is_named() -> None:
    with pytest.raises(ValueError, match=r"shape \(0, 6, 5\): it holds no pixel"):
        Source(np.zeros((0, 6, 5)), "ZYX")


@pytest.mark.parametrize("size", [(0.5,), (1.0, 0.5, 0.5), (0.5, 0.0)])
def test_a_pixel_has_a_size_along_every_axis(size: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must be 2 positive numbers, one for each of Y, X; got"):
        Source(np.zeros((2, 6, 5)), "CYX", size)


def test_a_source_lets_go_of_its_file() -> None:
    closed: list[bool] = []
    with Source(np.zeros((6, 5)), "YX", close=lambda: closed.append(True)):
        assert not closed
    assert closed == [True]


def test_pixels_that_are_not_square_are_looked_at_as_squares() -> None:
    source = Source(np.zeros((3, 20, 30)), "ZYX", pixel_size=(5.0, 2.0, 1.0))
    assert source.aspect == 2
    plane = source.read((0, None, None))
    assert isinstance(plane, Resampled)
    assert plane.shape == (20, 30)
    assert plane.seen.shape == (40, 30)
    almost = Source(np.zeros((20, 30)), "YX", pixel_size=(1.01, 1.0)).read((None, None))
    assert isinstance(almost, np.ndarray)


def test_a_coarser_level_is_looked_at_in_full_size() -> None:
    levels = (np.ones((3, 10, 15)), np.full((3, 5, 7), 2))
    source = Source(np.zeros((3, 20, 30)), "ZYX", levels=levels)
    plane = source.read_level((1, None, None), 2)
    assert plane.shape == (20, 30)
    assert plane.seen.shape == (5, 7)
    assert (np.asarray(plane.seen) == 2).all()
    assert isinstance(source.read_level((1, None, None), 0), np.ndarray)
    turned = Source(np.zeros((20, 30)), "YX", (1.0, 2.0), (np.zeros((10, 15)),))
    seen = turned.read_level((None, None), 1).seen
    assert isinstance(seen, Squared)
    assert seen.shape == (10, 30)
