"""Overlapping tiles over an image, and which tile an object belongs to.

Every tile owns a core; cores part the image without a gap. An object is taken from the tile whose
core holds its centre, where it is seen whole as long as it is smaller than the overlap. Two tiles
may place a centre a little differently, so cores reach a margin over each other's border, and what
is found twice there is removed (`napari_maskrcnn.predict.seams`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.predict.regions import Region

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


def make_tiles(area: Region, side: int, overlap: int, align: float = 1.0) -> list[Tile]:
    """Cover an area with equal tiles, no larger than their number asks for.

    Parameters
    ----------
    area : Region
        What to cover, image pixels.
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
    if overlap >= side:
        raise ValueError(f"overlap is {overlap} px, side {side} px; the overlap must be smaller.")
    top, left, bottom, right = area
    rows = _axis(top, bottom - top, side, overlap, align)
    columns = _axis(left, right - left, side, overlap, align)
    return [
        Tile(y0, x0, y1, x1, (core_top, core_left, core_bottom, core_right))
        for (y0, y1, core_top, core_bottom), (x0, x1, core_left, core_right) in product(
            rows, columns
        )
    ]


def _axis(
    first: int, length: int, side: int, overlap: int, align: float
) -> list[tuple[int, int, int, int]]:
    """Start, stop, core start and core stop of the tiles along one axis."""
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
