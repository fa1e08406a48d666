"""Masks back into the image: the grid of a box is sampled at the box's own pixels.

Bilinear sampling of a grid is separable: the pixels of a box are ``Wy · grid · Wxᵀ``, with hat
functions in the small matrices W. So nothing of the size of the image is ever made.

The rule (where a pixel falls in the grid) belongs to the weights: ``subpixel`` is the exact inverse
of the mask targets; ``torchvision`` repeats the truncated integer boxes its weights were judged by.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Of a box's start and stop, the cells of its grid and the image's length along one axis: the first
# pixel, and each pixel's position in the grid (0 is the first cell's centre).
Rule = Callable[[float, float, int, int], tuple[int, NDArray[np.float64]]]
THRESHOLD = 0.5


def subpixel(start: float, stop: float, cells: int, length: int) -> tuple[int, NDArray[np.float64]]:
    """Pixels whose centre lies in the half-open box, each at its exact place."""
    first = max(0, int(np.ceil(start - 0.5)))
    last = min(length, int(np.ceil(stop - 0.5)))
    centre = np.arange(first, last) + 0.5
    position = (centre - start) / max(stop - start, 1e-6) * cells - 0.5
    return first, position.clip(0, cells - 1)


def torchvision(
    start: float, stop: float, cells: int, length: int
) -> tuple[int, NDArray[np.float64]]:
    """Grid padded by an empty cell all round, stretched over the truncated, closed integer box."""
    half = (stop - start) / 2 * (cells + 2) / cells
    middle = (start + stop) / 2
    low, high = int(middle - half), int(middle + half)
    size = max(high - low + 1, 1)
    pixels = np.arange(max(low, 0), min(high + 1, length))
    position = (pixels - low + 0.5) * (cells + 2) / size - 0.5
    # Cell −1 and `cells` are the padding; beyond their centres the value stays.
    first = int(pixels[0]) if len(pixels) else 0
    return first, position.clip(0, cells + 1) - 1


RULES: dict[str, Rule] = {"subpixel": subpixel, "torchvision": torchvision}


def paste(
    masks: NDArray[np.float32], boxes: NDArray[np.float32], shape: tuple[int, int], rule: Rule
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

    Returns
    -------
    crops : tuple of (h, w) bool
        Pixels with a probability above one half, in the box; (0, 0) where a box has no pixel.
    origins : (N, 2) int32
        Row and column of each crop's first pixel.
    """
    crops: list[NDArray[np.bool_]] = []
    origins = np.zeros((len(boxes), 2), np.int32)
    cells = masks.shape[-1] if masks.ndim == 3 else 0
    for i, (x1, y1, x2, y2) in enumerate(np.asarray(boxes, np.float64)):
        left, across = rule(x1, x2, cells, shape[1])
        top, down = rule(y1, y2, cells, shape[0])
        values = _hats(down, cells) @ masks[i] @ _hats(across, cells).T
        crops.append(values > THRESHOLD)
        origins[i] = top, left
    return tuple(crops), origins


def _hats(position: NDArray[np.float64], cells: int) -> NDArray[np.float32]:
    """Weight (n, cells) of each cell at each of n positions; outside the grid it is empty."""
    weight = 1 - np.abs(position[:, None] - np.arange(cells))
    return weight.clip(min=0).astype(np.float32)
