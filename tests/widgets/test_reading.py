"""The pixels of a layer as the network reads them, whatever its axes, colours, units and levels."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_maskrcnn.sources.resampled import Resampled
from napari_maskrcnn.widgets.reading import Pixels


def read(data: Any, plane: tuple[int | None, ...], **options: Any) -> Any:
    image = ViewerModel().add_image(data, contrast_limits=(0, 255), **options)
    return Pixels.of(image).read(plane, None, None)


@pytest.mark.parametrize("plane", [(1, None, None), (None, 2, None), (None, None, 3)])
def test_any_two_axes_are_a_plane(plane: tuple[int | None, ...]) -> None:
    data = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    expected = data[tuple(slice(None) if at is None else at for at in plane)]
    assert np.array_equal(read(data, plane), expected)
    assert np.array_equal(read(da.from_array(data, chunks=2), plane)[:, :], expected)


def test_colours_come_last() -> None:
    data = np.arange(72, dtype=np.uint8).reshape(2, 3, 4, 3)
    assert np.array_equal(read(data, (1, None, None), rgb=True), data[1])


@pytest.mark.parametrize(
    ("scale", "units", "seen"),
    [
        ((1, 1, 1), ("s", "um", "um"), (6, 8)),
        ((1, 2, 1), ("s", "um", "um"), (12, 8)),
        ((1, 0.001, 1), ("s", "um", "nm"), (6, 8)),  # one nanometre each
        ((1, 0.001, 2), ("s", "um", "nm"), (6, 16)),
    ],
)
def test_pixels_are_squared_by_their_size_in_one_unit(
    scale: tuple[float, ...], units: tuple[str, ...], seen: tuple[int, int]
) -> None:
    found = read(np.zeros((3, 6, 8), np.uint8), (0, None, None), scale=scale, units=units)
    assert found.shape == (6, 8)
    assert (found.seen if isinstance(found, Resampled) else found).shape == seen


def test_time_has_no_length() -> None:
    data = np.zeros((3, 6, 8), np.uint8)
    found = read(data, (None, 0, None), scale=(5, 1, 1), units=("s", "um", "um"))
    assert found.shape == (3, 8)
    assert not isinstance(found, Resampled)
