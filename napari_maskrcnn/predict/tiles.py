"""Overlapping tiles over an image, and which tile an object belongs to.

Every tile owns a core; cores part the image without a gap. An object is taken from the tile whose
core holds its centre, where it is seen whole as long as it is smaller than the overlap. Two tiles
may place a centre a little differently, so cores reach a margin over each other's border, and what
is found twice there is removed by non-maximum suppression.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

MARGIN = 4.0


@dataclass(frozen=True)
class Tile:
    """One tile, in image pixels, half-open: what is read, and the core that it owns."""

    top: int
    left: int
    bottom: int
    right: int
    core: tuple[float, float, float, float]

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def owns(self, boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which boxes (N, 4), image pixels, have their centre in the core or its margin."""
        top, left, bottom, right = self.core
        x = (boxes[:, 0] + boxes[:, 2]) / 2
        y = (boxes[:, 1] + boxes[:, 3]) / 2
        inside_y = (y >= top - MARGIN) & (y < bottom + MARGIN)
        return inside_y & (x >= left - MARGIN) & (x < right + MARGIN)


def make_tiles(shape: tuple[int, int], side: int, overlap: int) -> list[Tile]:
    """Cover an image of `shape` (H, W) with equal tiles of at most `side` pixels.

    Parameters
    ----------
    shape : (int, int)
        Height and width.
    side : int
        Largest side of a tile, pixels.
    overlap : int
        Least overlap of neighbours, pixels; less than `side`.

    Raises
    ------
    ValueError
        `overlap` does not leave a step between tiles.
    """
    if overlap >= side:
        raise ValueError(f"overlap is {overlap} px, side {side} px; the overlap must be smaller.")
    rows, columns = (_axis(n, side, overlap) for n in shape)
    return [
        Tile(top, left, bottom, right, (y0, x0, y1, x1))
        for (top, bottom, y0, y1), (left, right, x0, x1) in product(rows, columns)
    ]


def _axis(length: int, side: int, overlap: int) -> list[tuple[int, int, float, float]]:
    """Start, stop, core start and core stop of the tiles along one axis."""
    count = max(1, -(-(length - overlap) // (side - overlap)))
    size = min(length, side)
    starts = np.linspace(0, length - size, count).round().astype(int).tolist()
    seams = [(a + size + b) / 2 for a, b in pairwise(starts)]
    edges = [0.0, *seams, float(length)]
    return [(s, s + size, lo, hi) for s, (lo, hi) in zip(starts, pairwise(edges), strict=True)]
