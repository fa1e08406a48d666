"""Overlapping tiles over an image, and which tile an object belongs to.

Every tile owns a core; cores part the image without a gap. An object is taken from the tile whose
core holds its centre, where it is seen whole as long as it is smaller than the overlap. Two tiles
may place a centre a little differently, so cores reach a margin over each other's border, and what
is found twice there is removed (`napari_maskrcnn.predict.seams`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.predict.regions import Region, intersection

MARGIN = 4.0
# Of an object's own side: the larger it is, the less sure is its centre.
MARGIN_SHARE = 0.1


@dataclass(frozen=True)
class Tile:
    """One tile, in image pixels, half-open: what is read, and the core that it owns."""

    top: int
    left: int
    bottom: int
    right: int
    core: Region

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def owns(self, boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which boxes (N, 4), image pixels, have their centre in the core or its margin."""
        top, left, bottom, right = self.core
        x1, y1, x2, y2 = boxes.T
        across, down = (np.maximum(MARGIN, MARGIN_SHARE * side) for side in (x2 - x1, y2 - y1))
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        inside_y = (y >= top - down) & (y < bottom + down)
        return inside_y & (x >= left - across) & (x < right + across)


@dataclass(frozen=True)
class Grid:
    """How an area is cut into tiles.

    Parameters
    ----------
    side : int
        Side of a tile, pixels; none is larger by `align` or more.
    overlap : int
        Overlap of neighbours, pixels; none is smaller by `align` or more. Less than `side`.
    align : float
        Tiles start at multiples of so many pixels from the area's first one, where they are large
        enough for it. A network sees an object in a tile as it does in the whole image when this
        is its stride.

    Raises
    ------
    ValueError
        `overlap` does not leave a step between tiles.
    """

    side: int
    overlap: int
    align: float = 1.0

    def __post_init__(self) -> None:
        if self.overlap >= self.side:
            raise ValueError(
                f"overlap is {self.overlap} px, side {self.side} px; the overlap must be smaller."
            )

    def tiles(self, area: Region) -> list[Tile]:
        """Cover an area of the image with equal tiles, no larger than their number asks for."""
        top, left, bottom, right = area
        rows, columns = self._axis(top, bottom - top), self._axis(left, right - left)
        return [
            Tile(y0, x0, y1, x1, (core_top, core_left, core_bottom, core_right))
            for (y0, y1, core_top, core_bottom), (x0, x1, core_left, core_right) in product(
                rows, columns
            )
        ]

    def halved(self) -> Grid | None:
        """A grid of four tiles in the place of each; None where they would be mostly overlap."""
        side = -(-(self.side + self.overlap) // 2)
        least = 2 * max(self.overlap, self.align)
        return replace(self, side=side) if least <= side < self.side else None

    def parts(self, tile: Tile) -> list[Tile]:
        """Cut a tile of a coarser grid; together the parts own what it owns."""
        smaller = self.tiles((tile.top, tile.left, tile.bottom, tile.right))
        cores = (intersection(part.core, tile.core) for part in smaller)
        pairs = zip(smaller, cores, strict=True)
        return [replace(part, core=core) for part, core in pairs if core is not None]

    def _axis(self, first: int, length: int) -> list[tuple[int, int, int, int]]:
        """Start, stop, core start and core stop of the tiles along one axis."""
        side, overlap, align = self.side, self.overlap, self.align
        if length <= side:
            return [(first, first + length, first, first + length)]
        count = -(-(length - overlap) // (side - overlap))
        least = -(-(length + (count - 1) * overlap) // count)
        steps = math.floor((length - least) / align)
        if steps < count - 1 or overlap < align:
            steps, align = length - least, 1.0
        starts = [first + round(k * steps // (count - 1) * align) for k in range(count)]
        stop = first + length
        size = stop - starts[-1]
        seams = [(a + size + b) // 2 for a, b in pairwise(starts)]
        edges = [first, *seams, stop]
        return [(s, s + size, lo, hi) for s, (lo, hi) in zip(starts, pairwise(edges), strict=True)]
