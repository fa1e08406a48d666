"""What finished tiles hold, in few pixels: enough to watch a prediction grow on a screen."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.predict.regions import Region

#: Most rows or columns of a plane's preview, and most pixels of all planes' together.
MOST_SIDE = 1024
MOST_PIXELS = 64_000_000


@dataclass(frozen=True, eq=False)
class Patch:
    """What finished tiles of a plane hold, every so many pixels.

    Attributes
    ----------
    plane : hashable
        Key of the plane.
    finished : tuple of (slice, slice)
        What the tiles answer for.
    pieces : list of (int, int, (h, w) bool)
        First row and column of each object, and its mask; the best last, to lie on top.
    """

    plane: Hashable
    finished: tuple[tuple[slice, slice], ...]
    pieces: list[tuple[int, int, NDArray[np.bool_]]]


def preview_factor(shape: Sequence[int], planes: int) -> int:
    """Return by how much a preview is smaller than planes of `shape` (H, W)."""
    by_side = -(-max(shape) // MOST_SIDE)
    by_pixels = int(np.ceil(np.sqrt(planes * shape[0] * shape[1] / MOST_PIXELS)))
    return max(1, by_side, by_pixels)


def make_patch(step: Progress, score: float, factor: int) -> Patch | None:
    """Shrink what a step of a prediction found; None when no tile was finished, or the last was.

    Parameters
    ----------
    step : Progress
        Of `predict_planes_job`.
    score : float
        Least score of an object.
    factor : int
        Every so many pixels one is shown.
    """
    if "found" not in step.data or step.done >= step.total:
        return None
    found = step.data["found"]
    pieces = []
    # Best first: the last ones lie on top.
    for i in range(int(np.count_nonzero(found.scores >= score)) - 1, -1, -1):
        top, left = (int(start) for start in found.origins[i])
        # The first of the pixels that are shown.
        row, column = -(-top // factor), -(-left // factor)
        crop = found.crops[i][row * factor - top :: factor, column * factor - left :: factor]
        if crop.any():
            pieces.append((row, column, crop))
    finished = tuple(_shrunken(region, factor) for region in step.data["finished"])
    return Patch(step.data["plane"], finished, pieces)


def draw(image: NDArray[np.int32], patch: Patch, old: int, last: int) -> int:
    """Draw a patch into the preview of a plane; return the last number it used.

    Parameters
    ----------
    image : (h, w) int32
        Changed in place.
    patch : Patch
    old : int
        Numbers up to this one are an earlier prediction's and go where tiles are finished.
    last : int
        Last number that was used.
    """
    for where in patch.finished:
        part = image[where]
        part[part <= old] = 0
    for row, column, crop in patch.pieces:
        last += 1
        image[row : row + crop.shape[0], column : column + crop.shape[1]][crop] = last
    return last


def _shrunken(region: Region, factor: int) -> tuple[slice, slice]:
    top, left, bottom, right = (-(-edge // factor) for edge in region)
    return slice(top, bottom), slice(left, right)
