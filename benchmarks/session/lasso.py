"""Outlines that a person draws: along an object, or around several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from napari_maskrcnn.annotate.polygon import objects_inside

Outline = NDArray[np.float64]


def along(mask: NDArray[np.bool_]) -> Outline:
    """Corners (n, 2) of a drag along the border of an object."""
    from skimage.measure import find_contours

    contours = find_contours(np.pad(mask, 1).astype(float), 0.5)
    return np.asarray(max(contours, key=len)) - 1


def around(labels: NDArray[np.int32], ids: Sequence[int]) -> Outline:
    """Corners (n, 2) of a drag around labels that bends outward only."""
    pixels = np.argwhere(np.isin(labels, ids)).astype(float)
    offsets = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)])
    corners = (pixels[:, None] + offsets).reshape(-1, 2)
    return np.asarray(corners[ConvexHull(corners).vertices])


def everything(shape: tuple[int, ...]) -> Outline:
    """Corners of a drag around the image."""
    height, width = shape
    return np.array([(-2, -2), (-2, width + 1), (height + 1, width + 1), (height + 1, -2)], float)


def groups(
    labels: NDArray[np.int32], ids: Sequence[int], free: Sequence[int] = ()
) -> list[list[int]]:
    """Labels that are got in one drag each: nearest first, as long as it meets no other label.

    An outline counts for the objects of which it encloses more than half, as in the window. Labels
    that are `free` may be got with them.
    """
    found = [[i] for i in ids]
    middles = {i: np.argwhere(labels == i).mean(0) for i in ids}
    allowed = {*ids, *free}
    refused: set[frozenset[int]] = set()
    while True:
        pairs = [
            (float(np.hypot(*(middles[i] - middles[k]))), a, b)
            for a, first in enumerate(found)
            for b, second in enumerate(found[:a])
            for i in first
            for k in second
            if frozenset(first + second) not in refused
        ]
        if not pairs:
            return found
        _, a, b = min(pairs)
        both = found[a] + found[b]
        inside = set(objects_inside(labels, around(labels, both)))
        if set(both) <= inside <= allowed:
            found = [g for n, g in enumerate(found) if n not in (a, b)] + [both]
        else:
            refused.add(frozenset(both))
