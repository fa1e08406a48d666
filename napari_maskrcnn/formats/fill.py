"""Polygons to runs of pixels: a pixel belongs to a polygon when its centre lies inside.

Coordinates are corners, so the centre of the pixel in row 0, column 0 is (0.5, 0.5). All polygons
are filled at once: every edge crosses the centre lines of some rows, and between the first and the
second crossing of a line, the third and the fourth, and so on, lie the pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.runs import Runs

#: Most times that all outlines of a file together may cross a row of pixels.
MOST_CROSSINGS = 2**26
#: Coordinates beyond this are no pixels of any image.
_FARTHEST = 2.0**31


def fill(polygons: Sequence[Sequence[NDArray[Any]]], shape: tuple[int, int]) -> Runs:
    """Return the pixels of polygons inside an image.

    Parameters
    ----------
    polygons : sequence of sequences of (corners, 2) arrays
        Rings of each polygon with ``x, y`` of their corners. Where an even number of rings lie
        around a pixel, it is outside: holes may come in any order and direction.
    shape : (H, W)
        What lies outside is cut off.

    Returns
    -------
    Runs
        Of as many objects as there are polygons. Those too small to hold a centre have no run.

    Raises
    ------
    ValueError
        A coordinate is not finite, or the polygons have absurdly many or long edges.
    """
    height, width = shape
    starts, ends, owners = _edges(polygons)
    first = _row(np.minimum(starts[:, 1], ends[:, 1]), height)
    counts = _row(np.maximum(starts[:, 1], ends[:, 1]), height) - first
    crossing = np.flatnonzero(counts)
    starts, ends, owners = starts[crossing], ends[crossing], owners[crossing]
    first, counts = first[crossing], counts[crossing]
    total = int(counts.sum())
    if total > MOST_CROSSINGS:
        raise ValueError(
            f"its outlines cross {total:,} rows of pixels; more than {MOST_CROSSINGS:,} "
            "are not filled"
        )
    edge = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    x = _crossings(starts, ends, edge, rows)
    lines = owners[edge] * height + rows
    order = np.lexsort((x, lines))
    columns = np.clip(np.ceil(x[order] - 0.5), 0, width).astype(np.int64)
    lines = lines[order][::2]
    begins, stops = columns[::2], columns[1::2]
    kept = begins < stops
    objects, rows = np.divmod(lines[kept], height)
    return Runs(len(polygons), objects, rows, begins[kept], stops[kept])


def extent(polygons: Sequence[Sequence[NDArray[Any]]]) -> tuple[int, int]:
    """Return the smallest (H, W) that holds polygons, at least (1, 1)."""
    rings = [ring for polygon in polygons for ring in polygon if len(ring)]
    if not rings:
        return 1, 1
    largest = np.max([ring.max(axis=0) for ring in rings], axis=0)
    if not (np.abs(largest) < _FARTHEST).all():
        raise ValueError(f"a corner lies at x, y = {largest[0]:g}, {largest[1]:g}")
    width, height = np.maximum(np.ceil(largest), 1).astype(int).tolist()
    return height, width


def as_ring(corners: Any) -> NDArray[np.float64]:
    """Return corners, ``[[x, y], …]`` or ``[x, y, …]``, as an (n, 2) array, or say what is wrong.

    Raises
    ------
    ValueError
        They are no pairs of finite numbers, or fewer than three.
    """
    try:
        ring = np.asarray(corners, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("a polygon has coordinates that are no numbers") from error
    if ring.ndim == 1 and len(ring) % 2 == 0:
        ring = ring.reshape(-1, 2)
    if ring.ndim != 2 or ring.shape[1] < 2 or len(ring) < 3:
        raise ValueError("a polygon has fewer than three corners, or corners without x and y")
    ring = ring[:, :2]
    if not (np.abs(ring) < _FARTHEST).all():
        worst = ring[~(np.abs(ring) < _FARTHEST)][0]
        raise ValueError(f"a polygon has the coordinate {worst:g}")
    return ring


def _edges(
    polygons: Sequence[Sequence[NDArray[Any]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return where the edges of all rings start and end, (E, 2), and whose they are."""
    rings = [ring for polygon in polygons for ring in polygon if len(ring)]
    if not rings:
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.int64)
    lengths = np.array([len(ring) for ring in rings])
    corners = np.concatenate(rings).astype(np.float64)
    following = np.arange(1, len(corners) + 1)
    stops = np.cumsum(lengths)
    following[stops - 1] = stops - lengths
    owners = np.repeat(np.arange(len(polygons)), [sum(map(len, polygon)) for polygon in polygons])
    return corners, corners[following], owners


def _row(y: NDArray[np.float64], height: int) -> NDArray[np.int64]:
    """Return the first row whose centre line lies at `y` or below."""
    return np.clip(np.ceil(y - 0.5), 0, height).astype(np.int64)


def _crossings(
    starts: NDArray[np.float64],
    ends: NDArray[np.float64],
    edge: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return where edges cross the centre lines of rows."""
    # From the upper end, so that two polygons with a common edge cross each line at one place.
    downwards = (starts[:, 1] < ends[:, 1])[:, None]
    upper, lower = np.where(downwards, starts, ends), np.where(downwards, ends, starts)
    slope = (lower[:, 0] - upper[:, 0]) / (lower[:, 1] - upper[:, 1])
    x: NDArray[np.float64] = upper[edge, 0] + slope[edge] * (rows + 0.5 - upper[edge, 1])
    return x
