"""One range of intensities for all tiles, and what no range can be found in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
import zarr

from napari_maskrcnn.images import as_image, check_form, stretch, to_chw
from napari_maskrcnn.predict import intensity
from napari_maskrcnn.predict.intensity import measure

WHOLE = (slice(None), slice(None))


def test_of_a_small_image_it_is_what_the_whole_image_gives() -> None:
    image = np.random.default_rng(0).normal(100, 30, (60, 80, 3))
    read = measure(image, (2, 0), True)
    np.testing.assert_array_equal(read(WHOLE), stretch(to_chw(image, (2, 0))))
    corner = read((slice(10, 20), slice(0, 5)))
    np.testing.assert_array_equal(corner, stretch(to_chw(image, (2, 0)))[:, 10:20, :5])


@pytest.mark.parametrize("kind", ["dask", "zarr", "torch"])
def test_other_arrays_give_what_numpy_gives(kind: str) -> None:
    image = np.random.default_rng(0).integers(0, 4000, (60, 80)).astype(np.int16)
    other: Any = {
        "dask": lambda: da.from_array(image, chunks=(16, 32)),
        "zarr": lambda: zarr.array(image, chunks=(16, 32)),
        "torch": lambda: torch.from_numpy(image),
    }[kind]()
    other = as_image(other)
    assert check_form(other) == (60, 80)
    found = measure(other, None, True)((slice(5, 25), slice(30, 70)))
    np.testing.assert_array_equal(found, measure(image, None, True)((slice(5, 25), slice(30, 70))))


def test_a_sample_of_blocks_comes_close_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intensity, "WHOLE", 1000)
    monkeypatch.setattr(intensity, "BLOCK", 16)
    y, x = np.mgrid[:600, :700]
    image = (1000 + y + 2 * x + np.random.default_rng(0).normal(0, 50, y.shape)).astype(np.float32)
    exact, sampled = measure(image, None, True), measure(da.from_array(image), None, True)
    assert exact.limits is not None
    low, high = exact.limits
    assert sampled.limits == pytest.approx(exact.limits, abs=0.04 * (high - low))


def test_where_the_sample_misses_what_is_there_all_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intensity, "WHOLE", 100**2)
    monkeypatch.setattr(intensity, "BLOCK", 4)
    image = np.full((300, 300), 7, np.uint16)
    image[121:123, 205] = 900
    read = measure(da.from_array(image, chunks=100), None, True)
    assert read.limits == (7, 900)
    assert read((slice(0, 100), slice(0, 100))) is None
    part = read((slice(100, 200), slice(200, 300)))
    assert part is not None
    assert (part.min(), part.max(), (part == 1).sum()) == (0, 1, 6)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_image_without_a_finite_pixel_is_refused(value: float, lazy: bool) -> None:
    image: Any = np.full((40, 50, 2), value, np.float32)
    image[..., 1] = 1
    image = da.from_array(image) if lazy else image
    with pytest.raises(ValueError, match=r"The channels \(0,\) have no finite pixel"):
        measure(image, (0,), True)
    with pytest.raises(ValueError, match="The image has no finite pixel"):
        measure(image[..., 0], None, True)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_what_is_masked_is_the_darkest(dtype: type) -> None:
    image = np.arange(5, 69).reshape(8, 8).astype(dtype)
    masked = np.ma.masked_greater(image, 60)
    found = as_image(masked)
    assert type(found) is np.ndarray
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.where(image > 60, 5, image))
    measure(found, None, True)
    with pytest.raises(ValueError, match="no pixel that is not masked"):
        as_image(np.ma.masked_all((8, 8), dtype))


def test_values_too_large_for_the_network_are_not_called_infinite() -> None:
    with pytest.raises(ValueError, match=r"beyond ±1e\+30"):
        measure(np.full((8, 8), 1e300), None, True)


def test_what_is_not_finite_is_the_darkest() -> None:
    image = np.arange(100.0).reshape(10, 10)
    image[3], image[4] = np.nan, np.inf
    part = measure(image, None, True)((slice(3, 6), slice(0, 10)))
    assert part is not None
    assert (part[:, :2] == part.min()).all()
    assert part.min() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((0, 500), np.uint8, "0 × 500 px"),
        ((500, 500, 0), np.uint8, "it has no channels"),
        ((500, 500), np.complex64, "complex64"),
        ((5, 500, 500), np.uint8, "predict_stack"),
        ((np.nan, 500), np.uint8, "compute_chunk_sizes"),
    ],
)
def test_a_lazy_image_is_judged_unread(shape: Any, dtype: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_form(SimpleNamespace(shape=shape, dtype=np.dtype(dtype)))
