"""Objects of overlapping tiles put together: each once, and whole.

What lies across a seam may be found in both tiles; then the better one stays. What is larger than
the overlap is whole in none of them: each tile holds a piece that ends at the tile's border, and
pieces that agree where both tiles look are one object. Only objects near seams are compared, so the
work does not grow with the square of their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.instances import Instances, concatenated, joined
from napari_maskrcnn.predict.pairs import overlapping
from napari_maskrcnn.predict.regions import SAME_IOU, Region, intersection
from napari_maskrcnn.predict.tiles import MARGIN, Tile

# An object that ends so close to a border of its tile, in pixels, may go on beyond it.
CUT = 2.0
# Share of their union, where both tiles look, that two pieces of one object have in common.
AGREED = 0.5
# A piece with less than this share of the other's score is none: the other stays as it is.
EQUALLY_SURE = 0.5


def stitch(tiles: Sequence[Tile], parts: Sequence[Instances]) -> Instances:
    """Put the objects of tiles together.

    Parameters
    ----------
    tiles : sequence of Tile
        One at least.
    parts : sequence of Instances
        What each tile owns, in image pixels.

    Returns
    -------
    Instances
        Best score first.
    """
    inner, near, owners = [], [], []
    for k, (tile, part) in enumerate(zip(tiles, parts, strict=True)):
        close = _near_seams(tile, part)
        inner.append(part[~close])
        near.append(part[close])
        owners.append(np.full(int(close.sum()), k))
    whole = _without_doubles(concatenated(near), np.concatenate(owners), tiles)
    return joined([*inner, whole])


def _near_seams(tile: Tile, part: Instances) -> NDArray[np.bool_]:
    """Which objects may be seen by another tile as well: near a border of the core."""
    x1, y1, x2, y2 = part.boxes.T
    reach_x, reach_y = MARGIN + (x2 - x1), MARGIN + (y2 - y1)
    top, left, bottom, right = tile.core
    near: NDArray[np.bool_] = np.zeros(len(part), bool)
    # A core ends where its tile does only at the border of what is tiled.
    if top > tile.top:
        near |= y1 - reach_y < top
    if left > tile.left:
        near |= x1 - reach_x < left
    if bottom < tile.bottom:
        near |= y2 + reach_y > bottom
    if right < tile.right:
        near |= x2 + reach_x > right
    return near


def _without_doubles(
    seam: Instances, owners: NDArray[np.int64], tiles: Sequence[Tile]
) -> Instances:
    """Objects of several tiles, each once: `owners` (N,) says which tile found it."""
    i, j, iou = overlapping(seam.boxes, seam.boxes)
    other = (i < j) & (owners[i] != owners[j]) & (seam.classes[i] == seam.classes[j])
    i, j, iou = i[other], j[other], iou[other]
    same = iou > SAME_IOU
    pieces = np.zeros(len(i), bool)
    goes_on = _goes_on(seam.boxes, owners, tiles, i, j) | _goes_on(seam.boxes, owners, tiles, j, i)
    for k in np.flatnonzero(goes_on):
        a, b = int(i[k]), int(j[k])
        zone = intersection(_seen(tiles[owners[a]]), _seen(tiles[owners[b]]))
        if zone is None or _agreement(seam, a, b, zone) < AGREED:
            continue
        low, high = sorted((seam.scores[a], seam.scores[b]))
        pieces[k] = low >= EQUALLY_SURE * high
        same[k] = not pieces[k]
    groups = _groups(len(seam), i[pieces], j[pieces])
    merged = _merge(seam, groups)
    return merged[_best_of_same(merged, groups[i[same]], groups[j[same]])]


def _seen(tile: Tile) -> Region:
    return tile.top, tile.left, tile.bottom, tile.right


def _goes_on(
    boxes: NDArray[np.float32],
    owners: NDArray[np.int64],
    tiles: Sequence[Tile],
    cut: NDArray[np.int64],
    other: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Whether an object ends at a border of its tile and the other one reaches beyond it."""
    edges = np.array([(t.left, t.top, t.right, t.bottom) for t in tiles], np.float32)[owners[cut]]
    low = (boxes[cut, :2] <= edges[:, :2] + CUT) & (boxes[other, :2] < edges[:, :2])
    high = (boxes[cut, 2:] >= edges[:, 2:] - CUT) & (boxes[other, 2:] > edges[:, 2:])
    return np.logical_or.reduce(low | high, axis=1)


def _agreement(found: Instances, a: int, b: int, zone: Region) -> float:
    """Intersection over union of two masks in a region."""
    first, second = _mask_in(found, a, zone), _mask_in(found, b, zone)
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 0.0


def _mask_in(found: Instances, i: int, area: Region) -> NDArray[np.bool_]:
    """Mask of an object in a region, (h, w) of the region."""
    top, left, bottom, right = area
    mask = np.zeros((bottom - top, right - left), bool)
    crop, (y, x) = found.crops[i], (int(v) for v in found.origins[i])
    shared = intersection(area, (y, x, y + crop.shape[0], x + crop.shape[1]))
    if shared is not None:
        here = mask[shared[0] - top : shared[2] - top, shared[1] - left : shared[3] - left]
        here[:] = crop[shared[0] - y : shared[2] - y, shared[1] - x : shared[3] - x]
    return mask


def _groups(count: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the connected group that each of `count` things belongs to, from 0."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _merge(found: Instances, groups: NDArray[np.int64]) -> Instances:
    """One object for each group, in the order of their numbers, as sure as its best piece."""
    order = np.lexsort((-found.scores, groups))
    firsts = order[np.flatnonzero(np.diff(groups[order], prepend=-1))]
    best = found[firsts]
    boxes, origins, crops = best.boxes, best.origins, list(best.crops)
    sizes = np.bincount(groups, minlength=len(best))
    members = np.split(order, np.cumsum(sizes)[:-1]) if len(best) else []
    for group in np.flatnonzero(sizes > 1):
        pieces = members[group]
        low = found.origins[pieces].min(axis=0)
        ends = [found.origins[k] + found.crops[k].shape for k in pieces]
        high = np.max(ends, axis=0)
        area = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        crops[group] = np.logical_or.reduce([_mask_in(found, int(k), area) for k in pieces])
        origins[group] = low
        boxes[group, :2] = found.boxes[pieces, :2].min(axis=0)
        boxes[group, 2:] = found.boxes[pieces, 2:].max(axis=0)
    return replace(best, crops=tuple(crops))


def _best_of_same(
    found: Instances, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which objects stay when of every pair only the better may, (N,)."""
    stays: NDArray[np.bool_] = np.ones(len(found), bool)
    swap = found.scores[second] > found.scores[first]
    better, worse = np.where(swap, second, first), np.where(swap, first, second)
    # From the best one on, so that who is gone takes nobody along.
    for k in np.argsort(-found.scores[better], kind="stable"):
        if stays[better[k]] and better[k] != worse[k]:
            stays[worse[k]] = False
    return stays
