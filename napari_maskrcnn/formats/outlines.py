"""Runs of pixels to polygons along the pixels' edges, exact to the pixel, with holes and pieces.

Coordinates are corners: the pixel in row 0, column 0 is the square from (0, 0) to (1, 1).

Thousands of objects are outlined at once. Where a run of pixels begins or ends, the outline may
have a corner, above or below it; two runs of one object, one under the other, that begin (or end)
in the same column cancel each other's. Sorted by row, every two corners that are left are the ends
of a horizontal edge; sorted by column, of a vertical one; so each edge knows the next, and
following them gives the rings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.runs import Runs

#: One piece of an object: its outer ring, then its holes. A ring has the ``x, y`` of its corners,
#: (corners, 2) int64, the first not repeated at the end.
Piece = list[NDArray[np.int64]]

#: Objects that are outlined at once: enough for speed, few enough for memory.
_BATCH = 8192
_LOWER, _BEGINS = 1, 2


def outlines_of(runs: Runs, shape: tuple[int, int]) -> Iterator[list[Piece]]:
    """Yield the pieces of every object, in the objects' order.

    Parameters
    ----------
    runs : Runs
        As `runs_of` gives them.
    shape : (H, W)
        Of the plane.

    Yields
    ------
    list of Piece
        Valid as the polygons of OGC: no ring touches itself, and rings of one piece touch each
        other in single points at most. Pieces that meet only at a corner are separate. Outer rings
        are counter-clockwise where y points up, as GeoJSON wants them, holes clockwise.
    """
    for first in range(0, runs.count, _BATCH):
        yield from _outline(runs.between(first, first + _BATCH), shape)


@dataclass(frozen=True, eq=False)
class _Corners:
    """Corners of all outlines by object, row and column; 2k and 2k + 1 end a horizontal edge.

    Where two parts of an object meet at a corner, it is there twice, and each copy stays with its
    part: the outline turns there and does not cross itself.
    """

    objects: NDArray[np.int64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    #: 2 if its run begins here, + 1 if the run lies below.
    side: NDArray[np.int64]
    #: The corners by object, column and row: 2k and 2k + 1 in this order end a vertical edge.
    by_column: NDArray[np.intp]
    #: Numbers that sort like `by_column`, in its order.
    columns: NDArray[np.int64]
    #: The plane's height in corners, and width.
    shape: tuple[int, int]

    @classmethod
    def of(cls, runs: Runs, shape: tuple[int, int]) -> _Corners:
        """Find the corners of runs in a plane of `shape` (H, W)."""
        height, width = shape[0] + 1, shape[1] + 1
        above = runs.objects * height + runs.rows
        corners = np.concatenate(
            [
                (above * width + runs.starts) * 4 + _BEGINS + _LOWER,
                (above * width + runs.stops) * 4 + _LOWER,
                ((above + 1) * width + runs.starts) * 4 + _BEGINS,
                ((above + 1) * width + runs.stops) * 4,
            ]
        )
        corners.sort()
        straight = corners[1:] >> 1 == corners[:-1] >> 1
        kept = np.ones(len(corners), dtype=bool)
        kept[1:] &= ~straight
        kept[:-1] &= ~straight
        corners = corners[kept]
        lines, x = np.divmod(corners >> 2, width)
        objects, y = np.divmod(lines, height)
        columns = ((objects * width + x) * height + y) * 2 + (corners & _LOWER)
        order = np.argsort(columns)
        return cls(objects, x, y, corners & 3, order, columns[order], (height, width))

    def walk(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the corners in the order of all rings, and where each ring begins in it."""
        place = np.empty(len(self.x), np.intp)
        place[self.by_column] = np.arange(len(self.x))
        left = np.arange(0, len(self.x), 2)
        # Along its top an object is walked to the right, along its bottom to the left.
        is_top = (self.side[left] == 0) | (self.side[left] == _BEGINS + _LOWER)
        first, last = np.where(is_top, left, left + 1), np.where(is_top, left + 1, left)
        edges, starts = _follow(self.by_column[place[last] ^ 1] // 2)
        return np.stack([first[edges], last[edges]], axis=1).reshape(-1), 2 * starts

    def split(
        self, walked: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cut rings that touch themselves at a corner into rings that do not."""
        ring = _ring_of_corner(walked, starts)
        touching = np.flatnonzero(
            (self.x[1:] == self.x[:-1])
            & (self.y[1:] == self.y[:-1])
            & (self.objects[1:] == self.objects[:-1])
            & (ring[1:] == ring[:-1])
        )
        cut = np.unique(ring[touching])
        # Both copies of such a corner go by the number of the first.
        point = np.arange(len(walked))
        point[touching + 1] = touching
        stops = np.append(starts[1:], len(walked))
        loops: list[NDArray[np.int64]] = []
        for start, stop in zip(starts[cut], stops[cut], strict=True):
            loops += _loops(walked[start:stop], point[walked[start:stop]])
        whole = np.ones(len(starts), dtype=bool)
        whole[cut] = False
        lengths = np.array([*(stops - starts)[whole], *map(len, loops)], np.int64)
        kept = walked[np.repeat(whole, stops - starts)]
        return np.concatenate([kept, *loops]), np.cumsum(lengths) - lengths

    def around(
        self,
        runs: Runs,
        walked: NDArray[np.int64],
        starts: NDArray[np.int64],
        is_hole: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Return for each ring the outer ring of its piece; itself where it is one."""
        height, width = self.shape
        ring = _ring_of_corner(walked, starts)
        by_height = walked[np.lexsort((self.x[walked], self.y[walked], ring[walked]))]
        highest = by_height[starts[is_hole]]
        # Left of a hole's highest, leftmost corner lies its piece. Where that run of pixels begins
        # is the outer ring, or another hole of the same piece that lies further left.
        lines = self.objects[highest] * height + self.y[highest]
        begins = (runs.objects * height + runs.rows) * width + runs.starts
        run = np.searchsorted(begins, lines * width + self.x[highest]) - 1
        column = self.objects[highest] * width + runs.starts[run]
        edge = (column * height + self.y[highest]) * 2 + _LOWER
        upper = 2 * (np.searchsorted(self.columns[::2], edge, side="right") - 1)
        around = np.arange(len(starts))
        # Such an edge is walked upwards, and so belongs to the ring of its lower corner.
        around[is_hole] = ring[self.by_column[upper + 1]]
        while is_hole[around].any():
            around = around[around]
        return around


def _outline(runs: Runs, shape: tuple[int, int]) -> Iterator[list[Piece]]:
    """Yield the pieces of every object of a batch."""
    corners = _Corners.of(runs, shape)
    walked, starts = corners.split(*corners.walk())
    x, y = corners.x[walked], corners.y[walked]
    stops = np.append(starts[1:], len(walked))
    following = np.arange(1, len(walked) + 1)
    following[stops - 1] = starts
    areas = np.add.reduceat(x * y[following] - x[following] * y, starts) if len(starts) else starts
    around = corners.around(runs, walked, starts, areas < 0)
    objects = corners.objects[walked[starts]]
    points = np.stack([x, y], axis=1)
    pieces: list[list[Piece]] = [[] for _ in range(runs.count)]
    piece_of: dict[int, Piece] = {}
    # Outer rings first: -1 sorts before the holes' 0.
    for ring in np.lexsort((np.arange(len(starts)), areas < 0)).tolist():
        corner = points[starts[ring] : stops[ring]]
        if areas[ring] > 0:
            piece_of[ring] = [corner]
            pieces[objects[ring]].append(piece_of[ring])
        else:
            piece_of[around[ring]].append(corner)
    yield from pieces


def _follow(following: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the edges in the order in which they are walked, and where each ring begins."""
    after = following.tolist()
    seen = bytearray(len(after))
    walked: list[int] = []
    starts: list[int] = []
    for first in range(len(after)):
        if seen[first]:
            continue
        starts.append(len(walked))
        edge = first
        while not seen[edge]:
            seen[edge] = 1
            walked.append(edge)
            edge = after[edge]
    return np.array(walked, np.int64), np.array(starts, np.int64)


def _loops(corners: NDArray[np.int64], points: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Cut one ring where it comes back to a point."""
    loops: list[NDArray[np.int64]] = []
    path: list[int] = []
    place: dict[int, int] = {}
    for at, point in enumerate(points.tolist()):
        if point in place:
            back = place[point]
            loops.append(corners[path[back:]])
            for left in path[back:]:
                place.pop(int(points[left]), None)
            del path[back:]
        place[point] = len(path)
        path.append(at)
    return [*loops, corners[path]]


def _ring_of_corner(walked: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ring of each corner: of the edge that leaves it."""
    ring = np.empty(len(walked), np.int64)
    ring[walked] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(walked))))
    return ring
