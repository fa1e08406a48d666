"""Parts of an image as the network's input, with one range of intensities for all of them.

Tiles that were stretched on their own would not fit together. So the range comes from a sample of
the whole image: of an array in memory every so many pixels, and of one that is read when it is
needed (dask, zarr) an even grid of small blocks, for its pixels cannot be read one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.images import (
    HIGH_PERCENT,
    LARGEST,
    LOW_PERCENT,
    NoFinitePixelError,
    channels_first,
    stretch,
    unit,
)

# About so many pixels are looked at; so many are read at once where all have to be.
SAMPLE = 1_000_000
WHOLE = 2048**2
# Blocks along each axis of a lazy image, and their side.
BLOCKS = 8
BLOCK = 128

Slices = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads parts of an image.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        numpy, dask, zarr or alike.
    channels : sequence of int, optional
        As for `napari_maskrcnn.images.to_chw`.
    limits : (float, float), optional
        Values that become 0 and 1; None divides by the largest value of the type.
    floor : float
        Stands for pixels that are not finite, and for a channel that is missing.
    """

    image: Any
    channels: Sequence[int] | None
    limits: tuple[float, float] | None
    floor: float

    def __call__(self, slices: Slices) -> NDArray[np.float32] | None:
        """Read a part as (3, h, w) float32 in about [0, 1]; None where nothing is to be seen."""
        chw = channels_first(np.asarray(self.image[slices]), self.channels, self.floor)
        if (chw.min((1, 2)) == chw.max((1, 2))).all():
            return None
        if self.limits is None:
            return unit(chw, np.dtype(self.image.dtype))
        return stretch(chw, self.limits)


def measure(image: Any, channels: Sequence[int] | None, stretched: bool) -> Reader:
    """Find the range of intensities of an image.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        numpy, dask, zarr or alike. Where the sample shows one value only, all of it is read, part
        by part.
    channels : sequence of int, optional
    stretched : bool
        Whether to stretch between the 1st and the 99.8th percentile.

    Raises
    ------
    ValueError
        No pixel is finite, or there is no such channel.
    """
    chw = channels_first(_sample(image), channels)
    low, high = (float(v) for v in np.percentile(chw, (LOW_PERCENT, HIGH_PERCENT)))
    floor = float(chw.min())
    if high <= low:
        floor, top = _range(image, channels)
        low, high = floor, top
    return Reader(image, channels, (low, high) if stretched else None, floor)


def _sample(image: Any) -> NDArray[Any]:
    """Some pixels of the image, (h, w) or (h, w, C)."""
    height, width = image.shape[:2]
    step = max(1, int(np.sqrt(height * width / SAMPLE)))
    if isinstance(image, np.ndarray):
        return image[::step, ::step]
    if height * width <= WHOLE:
        return np.asarray(image[:])[::step, ::step]
    # In the middle of the cells of a grid: borders are no better a sample than other places.
    middles = (np.arange(BLOCKS) + 0.5) / BLOCKS
    places = product(*((middles * n - BLOCK / 2).clip(0).astype(int) for n in (height, width)))
    blocks = [np.asarray(image[y : y + BLOCK, x : x + BLOCK]) for y, x in places]
    return np.concatenate([block.reshape(-1, 1, *image.shape[2:]) for block in blocks])


def _range(image: Any, channels: Sequence[int] | None) -> tuple[float, float]:
    """Least and largest finite value of the chosen channels, a part at a time."""
    low, high = np.nan, np.nan
    for part in _parts(image):
        # A floor that is not a number is left out by fmin and fmax.
        chw = channels_first(part, channels, np.nan)
        low = np.fmin(low, np.fmin.reduce(chw, axis=None))
        high = np.fmax(high, np.fmax.reduce(chw, axis=None))
    if np.isnan(low):
        what = "The image has" if channels is None else f"The channels {tuple(channels)} have"
        raise NoFinitePixelError(
            f"{what} no finite pixel (all are NaN, infinite or beyond ±{LARGEST:g})."
        )
    return float(low), float(high)


def _parts(image: Any) -> Iterator[NDArray[Any]]:
    side = int(np.sqrt(WHOLE))
    height, width = image.shape[:2]
    for y, x in product(range(0, height, side), range(0, width, side)):
        yield np.asarray(image[y : y + side, x : x + side])
