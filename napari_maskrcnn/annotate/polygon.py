"""What lies inside a drawn outline: its pixels, and the objects it encloses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_maskrcnn.annotate.checks import points_2d
from napari_maskrcnn.annotate.present import areas_of
from napari_maskrcnn.annotate.rows import Window


def inside_polygon(
    corners: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Pixels whose centre lies inside a polygon, counting crossings along each row.

    Takes the same time for a polygon of ten corners and of a thousand.

    Parameters
    ----------
    corners : (n, 2) float
        Rows and columns, in order; the last is joined to the first.
    shape : (int, int)
        Height and width of the image.

    Returns
    -------
    box : tuple of slice
        Window of the image that holds the polygon, as far as it lies in the image.
    inside : bool array of the window's shape
    """
    low = np.clip(np.floor(corners.min(axis=0)), 0, shape).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, low, shape).astype(int)
    height, width = (high - low).tolist()
    start, end = corners - low, np.roll(corners, -1, axis=0) - low
    top, bottom = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    # An edge crosses the rows from its upper end up to, but without, its lower end.
    first = np.clip(np.ceil(top), 0, height).astype(int)
    count = np.clip(np.ceil(bottom), first, height).astype(int) - first
    edge = np.repeat(np.arange(len(corners)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    along = (row - start[edge, 0]) / (end - start)[edge, 0]
    column = start[edge, 1] + along * (end - start)[edge, 1]
    crossings = np.zeros((height, width + 1), dtype=np.uint8)
    np.add.at(crossings, (row, np.clip(np.ceil(column), 0, width).astype(int)), 1)
    inside = np.bitwise_xor.accumulate(crossings[:, :-1] & 1, axis=1).astype(bool)
    return (slice(low[0], high[0]), slice(low[1], high[1])), inside


def objects_inside(
    labels: NDArray[Any],
    polygon: ArrayLike,
    where: Callable[[list[int]], Window | None] | None = None,
) -> list[int]:
    """Objects of which an outline encloses more than half.

    Parameters
    ----------
    labels : (H, W) integers
        0 is the background.
    polygon : (n, 2) float
        Corners as (row, column), three or more; may reach beyond the image.
    where : callable, optional
        Returns rows and columns between which objects lie, if it is known: so only these are
        looked at.

    Returns
    -------
    list of int
        Ascending; empty when the outline encloses none.
    """
    box, inside = inside_polygon(points_2d(polygon, "An outline", least=3), labels.shape)
    part = labels[box]
    touched, enclosed = areas_of(part[inside])
    if not len(touched):
        return []
    around = where(touched.tolist()) if where is not None else None
    ids, areas = areas_of(labels if around is None else labels[around])
    return [int(i) for i in touched[2 * enclosed > areas[np.searchsorted(ids, touched)]]]
