"""Masks back into the image: the grid of a box is sampled at the box's own pixels.

Bilinear sampling of a grid is separable: the pixels of a box are ``Wy · grid · Wxᵀ``, with hat
functions in the small matrices W. So nothing of the size of the image is ever made, and boxes of
about one size are sampled together.

The rule (where a pixel falls in the grid) belongs to the weights: ``subpixel`` is the exact inverse
of the mask targets; ``torchvision`` repeats the truncated integer boxes its weights were judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
THRESHOLD = 0.5
# Pixels that are sampled together at most: few enough for the cache, enough to be worth a call.
TOGETHER = 2**16


@dataclass(frozen=True)
class Pixels:
    """Pixels of boxes along one axis, and where they fall in the grid.

    Parameters
    ----------
    first, count : (N,) int64
        First pixel, and how many.
    start, step : (N,) float64
        Place of the first pixel in the grid, and from each to the next; 0 is the centre of the
        first cell.
    low, high : float
        Places that lie further out count as these.
    """

    first: NDArray[np.int64]
    count: NDArray[np.int64]
    start: Floats
    step: Floats
    low: float
    high: float

    def weights(self, which: NDArray[np.int64], cells: int) -> Tensor:
        """Weight (n, pixels, cells) of each cell in each pixel of some boxes, float32.

        As many pixels as the longest has; a place outside the grid is empty.
        """
        index = np.arange(self.count[which].max(initial=0))
        places = self.start[which, None] + self.step[which, None] * index
        inside = torch.from_numpy(places.clip(self.low, self.high))
        return (1 - (inside[..., None] - torch.arange(cells)).abs()).clamp_(min=0).float()


# Of the boxes' starts and stops, the cells of their grids and the image's length along one axis.
Rule = Callable[[Floats, Floats, int, int], Pixels]


def subpixel(start: Floats, stop: Floats, cells: int, length: int) -> Pixels:
    """Pixels whose centre lies in the half-open box, each at its exact place."""
    first = np.maximum(np.ceil(start - 0.5), 0).astype(np.int64)
    last = np.minimum(np.ceil(stop - 0.5), length).astype(np.int64)
    step = cells / np.maximum(stop - start, 1e-6)
    place = (first + 0.5 - start) * step - 0.5
    return Pixels(first, np.maximum(last - first, 0), place, step, 0, cells - 1)


def torchvision(start: Floats, stop: Floats, cells: int, length: int) -> Pixels:
    """Grid padded by an empty cell all round, stretched over the truncated, closed integer box."""
    half = (stop - start) / 2 * (cells + 2) / cells
    middle = (start + stop) / 2
    low, high = np.trunc(middle - half).astype(np.int64), np.trunc(middle + half).astype(np.int64)
    first = low.clip(0, length)
    count = (np.minimum(high + 1, length) - first).clip(min=0)
    step = (cells + 2) / np.maximum(high - low + 1, 1)
    # Cells −1 and `cells` are the padding; beyond their centres the value stays.
    place = (first - low + 0.5) * step - 1.5
    return Pixels(first, count, place, step, -1, cells)


RULES: dict[str, Rule] = {"subpixel": subpixel, "torchvision": torchvision}


def paste(
    masks: NDArray[np.float32],
    boxes: NDArray[np.float32],
    shape: tuple[int, int],
    rule: Rule,
    threshold: float = THRESHOLD,
) -> tuple[tuple[NDArray[np.bool_], ...], NDArray[np.int32]]:
    """Boolean crops of masks in their boxes.

    Parameters
    ----------
    masks : (N, M, M) float32
        Probability of every cell.
    boxes : (N, 4) float32
        x1 y1 x2 y2 in image pixels.
    shape : (int, int)
        Height and width of the image.
    rule : Rule
        Where a pixel falls in the grid.
    threshold : float
        Probability above which a pixel is the object's.

    Returns
    -------
    crops : tuple of (h, w) bool
        Pixels with a probability above it, in the box; (0, 0) where a box has no pixel.
    origins : (N, 2) int32
        Row and column of each crop's first pixel.
    """
    cells = masks.shape[-1]
    x1, y1, x2, y2 = np.asarray(boxes, np.float64).T
    across, down = rule(x1, x2, cells, shape[1]), rule(y1, y2, cells, shape[0])
    grids = torch.from_numpy(np.asarray(masks, np.float32))
    crops: list[NDArray[np.bool_]] = [np.zeros((0, 0), bool)] * len(boxes)
    for some in _of_one_size(down.count, across.count):
        rows, columns = down.weights(some, cells), across.weights(some, cells)
        inside = (rows @ grids[some] @ columns.transpose(1, 2) > threshold).numpy()
        for k, pixels in zip(some, inside, strict=True):
            crops[k] = pixels[: down.count[k], : across.count[k]].copy()
    origins = np.stack([down.first, across.first], 1).astype(np.int32)
    return tuple(crops), origins


def _of_one_size(
    heights: NDArray[np.int64], widths: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """Numbers of boxes that have pixels, by size, in parts of at most `TOGETHER` pixels."""
    sizes = np.maximum(heights, widths)
    order = np.argsort(sizes, kind="stable")
    order = order[(heights * widths)[order] > 0]
    start = 0
    while start < len(order):
        # The largest of a part comes last and decides its height and width for all.
        part = np.arange(1, len(order) - start + 1) * sizes[order[start:]] ** 2
        stop = start + max(1, int(np.searchsorted(part, TOGETHER, side="right")))
        yield order[start:stop]
        start = stop
