"""Area of the convex hull of many objects at once, as scikit-image counts it, in exact integers.

scikit-image stands a diamond on every pixel, the middles of its four edges, takes the hull of all,
and counts the pixels whose centre lies in it. One object at a time that takes a millisecond; here
the hulls of all objects of about one height grow together, row by row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
#: Outside every image, and still far from overflow in a product of two differences.
_FAR = 2**30
#: Rows of objects whose hulls grow together; bounds the memory.
_ROWS_AT_ONCE = 2**17


def convex_areas(heights: Ints, counts: Ints, rows: Ints, first: Ints, last: Ints) -> Ints:
    """Count the pixels in the convex hull of each object.

    Parameters
    ----------
    heights : (N,) int
        Rows of the box of each object.
    counts : (N,) int
        How many of them have a pixel.
    rows, first, last : (sum of counts,) int
        Those rows, from the top of the box, object after object, and the column of the first and
        the last pixel in each.

    Returns
    -------
    (N,) int64
        Pixels, as ``area_convex`` of ``skimage.measure.regionprops``.
    """
    areas = np.zeros(len(heights), np.int64)
    starts = np.cumsum(counts) - counts
    # Objects of about one height need about the same number of steps.
    order = np.argsort(-heights, kind="stable")
    at = 0
    while at < len(order):
        tallest = int(heights[order[at]])
        chosen = order[at : at + max(1, _ROWS_AT_ONCE // tallest)]
        at += len(chosen)
        each = np.repeat(np.arange(len(chosen)), counts[chosen])
        begun = np.cumsum(counts[chosen]) - counts[chosen]
        entry = starts[chosen][each] + np.arange(len(each)) - begun[each]
        left = np.full((len(chosen), tallest), _FAR)
        right = left.copy()
        left[each, rows[entry]] = first[entry]
        right[each, rows[entry]] = -last[entry]
        # Mirrored, the right side is a left side.
        inside = np.arange(tallest) < heights[chosen, None]
        widths = 1 - _hull_start(right) - _hull_start(left)
        areas[chosen] = np.where(inside, widths, 0).sum(axis=1)
    return areas


def _hull_start(columns: Ints) -> Ints:
    """First column inside the hull in every row, from the first pixel in every row or `_FAR`.

    All coordinates are doubled, so that the middles of pixel edges are whole: row ``r`` has its
    pixel's left edge at ``(2 r, 2 c - 1)`` and top and bottom edge at ``(2 r ∓ 1, 2 c)``.
    """
    count, rows = columns.shape
    ys = np.arange(-1, 2 * rows)
    xs = np.full((count, 2 * rows + 1), 2 * _FAR)
    xs[:, 1::2] = 2 * columns - 1
    xs[:, 0:-2:2] = np.minimum(xs[:, 0:-2:2], 2 * columns)
    xs[:, 2::2] = np.minimum(xs[:, 2::2], 2 * columns)
    hull, size = _lower_hull(ys, xs)
    return _first_inside(hull, size, ys, xs, rows)


def _lower_hull(ys: Ints, xs: Ints) -> tuple[Ints, Ints]:
    """Andrew's monotone chain over the rows, for all objects in step.

    Returns
    -------
    hull : (N, P) int
        Positions in `ys` of the corners, from the top.
    size : (N,) int
        How many of them count.
    """
    count, points = xs.shape
    hull = np.zeros((count, points), np.int64)
    size = np.zeros(count, np.int64)
    for point in range(points):
        active = np.flatnonzero(xs[:, point] < _FAR)
        waiting = active[size[active] >= 2]
        while len(waiting):
            a, b = hull[waiting, size[waiting] - 2], hull[waiting, size[waiting] - 1]
            turn = (ys[b] - ys[a]) * (xs[waiting, point] - xs[waiting, a])
            turn -= (ys[point] - ys[a]) * (xs[waiting, b] - xs[waiting, a])
            # A corner that the new point sees past is none.
            waiting = waiting[turn <= 0]
            size[waiting] -= 1
            waiting = waiting[size[waiting] >= 2]
        hull[active, size[active]] = point
        size[active] += 1
    return hull, size


def _first_inside(hull: Ints, size: Ints, ys: Ints, xs: Ints, rows: int) -> Ints:
    """First whole column on or right of the hull in every row of pixels."""
    every = np.arange(len(hull))
    edge = np.zeros(len(hull), np.int64)
    starts = np.zeros((len(hull), rows), np.int64)
    for row in range(rows):
        y = 2 * row
        following = np.minimum(edge + 1, size - 1)
        # Corners are at least one doubled row apart: at most two of them lie in between.
        for _ in range(2):
            edge = np.where(
                (ys[hull[every, following]] < y) & (following < size - 1), following, edge
            )
            following = np.minimum(edge + 1, size - 1)
        a, b = hull[every, edge], hull[every, following]
        rise = np.maximum(ys[b] - ys[a], 1)
        # x = xa + (xb - xa) (y - ya) / rise, halved and rounded up.
        top = xs[every, a] * rise + (xs[every, b] - xs[every, a]) * (y - ys[a])
        starts[:, row] = -(-top // (2 * rise))
    return starts
