"""Which of many boxes overlap, without comparing each with all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST_CELL = 16.0


def overlapping(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of boxes that share some area, and how much.

    Boxes are sorted into the cells of a grid, so the work grows with their number and with the
    pairs that there are.

    Parameters
    ----------
    first, second : (N, 4), (M, 4) float32
        x1 y1 x2 y2.

    Returns
    -------
    rows, columns : (P,) int64
        Positions in `first` and `second`, in the order of `first`, then of `second`.
    iou : (P,) float64
        Intersection over union of the two boxes, above 0.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if not len(a) or not len(b):
        none = np.zeros(0, np.int64)
        return none, none, np.zeros(0)
    every = np.concatenate([a, b])
    cell = max(SMALLEST_CELL, 2 * float(np.median(every[:, 2:] - every[:, :2])))
    width = int(every[:, 2].max() // cell) + 2
    of_a, cells_a = _cells(a, cell, width)
    of_b, cells_b = _cells(b, cell, width)
    order = np.argsort(cells_b, kind="stable")
    of_b, cells_b = of_b[order], cells_b[order]
    start = np.searchsorted(cells_b, cells_a, side="left")
    count = np.searchsorted(cells_b, cells_a, side="right") - start
    rows = np.repeat(of_a, count)
    columns = of_b[_ranges(start, count)]
    rows, columns = np.divmod(np.unique(rows * len(b) + columns), len(b))
    iou = box_iou(a[rows], b[columns])
    there = iou > 0
    return rows[there], columns[there], iou[there]


def box_iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of each box (N, 4) with the one at its place in the other array."""
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, 2:], second[:, 2:])
    shared = (high - low).clip(min=0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return shared / np.maximum(areas[0] + areas[1] - shared, 1e-12)


def _cells(
    boxes: NDArray[np.float64], cell: float, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of the box and of the cell for every cell that a box reaches into."""
    low = (boxes[:, :2] // cell).astype(np.int64)
    size = (boxes[:, 2:] // cell).astype(np.int64) - low + 1
    count = size.prod(axis=1)
    which = np.repeat(np.arange(len(boxes)), count)
    within = _ranges(np.zeros(len(boxes), np.int64), count)
    down, across = np.divmod(within, size[which, 0])
    return which, (low[which, 1] + down) * width + low[which, 0] + across


def _ranges(start: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """``start, start + 1, …``, `count` numbers of each, one after the other."""
    ends = np.cumsum(count)
    return np.arange(int(count.sum())) - np.repeat(ends - count, count) + np.repeat(start, count)
