"""An image that is looked at otherwise sampled, and its objects back in its own pixels.

Two reasons: pixels that are not square, as along the slow axis of a scanner, and an image with
coarser levels whose objects are large. The network sees square pixels of the level that fits;
masks come back by linear interpolation, so that outlines stay smooth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Job, Progress

# Nearer to a square than this, pixels are taken for square.
NEARLY_SQUARE = 0.05
# Pixels that are said to be longer than this are taken for a mistake in the file.
LONGEST_PIXEL = 8.0
# An object may be this much smaller in a level than the model knows it.
SMALLER = 0.75

Region = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Resampled:
    """An image of `shape` that is looked at as another array.

    Parameters
    ----------
    seen : (h, w) or (h, w, C) array
        What the network looks at.
    size : (int, int)
        Height and width in whose pixels objects are returned.
    """

    seen: Any
    size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, C) of the image itself."""
        return (*self.size, *self.seen.shape[2:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        return np.dtype(self.seen.dtype)

    @property
    def factors(self) -> tuple[float, float]:
        """Rows and columns of the image for each that is seen."""
        return self.size[0] / self.seen.shape[0], self.size[1] / self.seen.shape[1]

    def seen_diameter(self, diameter: float | None) -> float | None:
        """Return a diameter of the image in pixels that are seen.

        Where the image's own are not square, it is measured along their shorter side.
        """
        return None if diameter is None else diameter / max(self.factors)

    def seen_region(self, region: Region | None) -> Region | None:
        """Return a region of the image, half-open, in pixels that are seen, a little larger."""
        if region is None:
            return None
        y, x = self.factors
        top, left, bottom, right = region
        return (
            math.floor(top / y),
            math.floor(left / x),
            math.ceil(bottom / y),
            math.ceil(right / x),
        )

    def mapped(self, job: Job[Instances]) -> Job[Instances]:
        """Pass through a job on what is seen, its objects and regions in the image's pixels."""
        while True:
            try:
                step = next(job)
            except StopIteration as end:
                return rescaled(end.value, self.size)
            yield replace(step, data=self._mapped(step))

    def _mapped(self, step: Progress) -> dict[str, Any]:
        data = dict(step.data)
        if "found" in data:
            data["found"] = rescaled(data["found"], self.size)
        if "finished" in data:
            y, x = self.factors
            # Rounded, so that neighbours still share their border.
            data["finished"] = tuple(
                (round(top * y), round(left * x), round(bottom * y), round(right * x))
                for top, left, bottom, right in data["finished"]
            )
        return data


def choose_level(
    shapes: Sequence[Sequence[int]], diameter: float | None, known: float | None
) -> int:
    """Return the coarsest level in which objects are about as large as the model knows them.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Height and width of every level, the finest first.
    diameter : float, optional
        Of the objects, in pixels of the finest level.
    known : float, optional
        Diameter in pixels that the model was trained at (`ModelCard.diameter`).

    Returns
    -------
    int
        0, the finest, where one of the two is not known.
    """
    if diameter is None or known is None:
        return 0
    fits = 0
    for level, (height, width) in enumerate(shapes):
        coarser = max(shapes[0][0] / height, shapes[0][1] / width)
        if diameter / coarser >= SMALLER * known:
            fits = level
    return fits


def rescaled(found: Instances, shape: tuple[int, int]) -> Instances:
    """Return objects of an image in the pixels of the same image sampled to another shape (H, W).

    Objects that have no pixel there are left out.
    """
    y, x = shape[0] / found.shape[0], shape[1] / found.shape[1]
    crops, origins = [], np.zeros((len(found), 2), np.int32)
    for i, (crop, (top, left)) in enumerate(zip(found.crops, found.origins, strict=True)):
        rows = _samples(int(top), crop.shape[0], y, shape[0])
        columns = _samples(int(left), crop.shape[1], x, shape[1])
        origins[i] = rows[0], columns[0]
        inside = np.pad(crop, 1).astype(np.float32)
        along = _between(inside, rows[1], 0)
        crops.append(_between(along, columns[1], 1) >= 0.5)
    kept = np.array([bool(crop.any()) for crop in crops], bool)
    boxes = (found.boxes * [x, y, x, y]).astype(np.float32)
    placed = replace(found, boxes=boxes, shape=shape, crops=tuple(crops), origins=origins)
    return placed[kept]


def in_squares(image: Any, aspect: float) -> Any:
    """Return an image as it is to be looked at: a `Resampled` where pixels are not square.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Anything with ``shape``, ``dtype`` and slices.
    aspect : float
        Height of a pixel by its width.
    """
    seen = squared(image, aspect)
    return image if seen is image else Resampled(seen, (image.shape[0], image.shape[1]))


def squared(image: Any, aspect: float) -> Any:
    """Return an image with square pixels, or itself where they are.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Anything with ``shape``, ``dtype`` and slices.
    aspect : float
        Height of a pixel by its width.
    """
    if abs(math.log(aspect)) < NEARLY_SQUARE or max(aspect, 1 / aspect) > LONGEST_PIXEL:
        return image
    return Squared(image, 0, aspect) if aspect > 1 else Squared(image, 1, 1 / aspect)


@dataclass(frozen=True, eq=False)
class Squared:
    """An image stretched along one axis, of which only the piece that is asked for is made.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
    axis : int
        0 stretches the rows, 1 the columns.
    factor : float
        By how much, above 1.
    """

    image: Any
    axis: int
    factor: float

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, C)."""
        shape = [int(n) for n in self.image.shape]
        shape[self.axis] = round(shape[self.axis] * self.factor)
        return tuple(shape)

    @property
    def ndim(self) -> int:
        """2, or 3 with channels."""
        return len(self.image.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        return np.dtype(self.image.dtype)

    def __getitem__(self, where: slice | tuple[slice, ...]) -> NDArray[Any]:
        """Make a piece: slices of rows, columns and channels, those at the end may be left out."""
        slices = [*where] if isinstance(where, tuple) else [where]
        slices += [slice(None)] * (self.axis + 1 - len(slices))
        wanted = np.arange(*slices[self.axis].indices(self.shape[self.axis]))
        length = int(self.image.shape[self.axis])
        positions = ((wanted + 0.5) * length / self.shape[self.axis] - 0.5).clip(0, length - 1)
        first, stop = (0, 0)
        if len(wanted):
            first, stop = int(positions.min()), min(int(positions.max()) + 2, length)
        slices[self.axis] = slice(first, stop)
        piece = np.asarray(self.image[tuple(slices)])
        if not len(wanted):
            return piece
        found = _between(piece.astype(np.float32), positions - first, self.axis)
        if self.dtype.kind in "bui":
            found = np.rint(found)
        return found.astype(self.dtype)

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Make all of it."""
        whole = self[:, :]
        return whole if dtype is None else whole.astype(dtype, copy=False)


def _samples(first: int, length: int, factor: float, end: int) -> tuple[int, NDArray[np.float64]]:
    """First pixel of a stretched crop, and where its pixels lie in the crop padded by one."""
    start, stop = math.floor(first * factor), min(math.ceil((first + length) * factor), end)
    centres = (np.arange(start, max(stop, start)) + 0.5) / factor - 0.5
    return start, (centres - first + 1).clip(0, length + 1)


def _between(
    array: NDArray[np.float32], positions: NDArray[np.float64], axis: int
) -> NDArray[np.float32]:
    """Linear interpolation along one axis."""
    below = positions.astype(np.intp)
    above = np.minimum(below + 1, array.shape[axis] - 1)
    share = (positions - below).astype(np.float32)
    share = share.reshape([-1 if k == axis else 1 for k in range(array.ndim)])
    low, high = array.take(below, axis), array.take(above, axis)
    # Not low + share · (high - low): an infinite pixel would become NaN.
    found: NDArray[np.float32] = np.where(share > 0, low * (1 - share) + high * share, low)
    return found
