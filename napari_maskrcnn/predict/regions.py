"""Parts of an image as rectangles: which objects lie in them, and new ones in place of old."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.instances import Instances, joined
from napari_maskrcnn.predict.pairs import overlapping

#: Top, left, bottom and right in image pixels, half-open.
Region = tuple[int, int, int, int]

#: Boxes of one class that overlap more than this are one object, found twice.
SAME_IOU = 0.5
# An unsure candidate beside a region must not hide a sure object in it.
FAR_SURER = 2.0


def clip_region(region: Region, shape: tuple[int, int]) -> Region:
    """Return the part of a region that lies in an image of `shape` (H, W).

    Raises
    ------
    ValueError
        No part of it does.
    """
    top, left, bottom, right = (int(edge) for edge in region)
    height, width = shape
    inside = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise ValueError(
            f"The region (top {top}, left {left}, bottom {bottom}, right {right}) holds no pixel "
            f"of the image, which has {height} × {width} px."
        )
    return inside


def intersection(first: Region, second: Region) -> Region | None:
    """Return what two regions share, or None."""
    top, left = max(first[0], second[0]), max(first[1], second[1])
    bottom, right = min(first[2], second[2]), min(first[3], second[3])
    return (top, left, bottom, right) if top < bottom and left < right else None


def grown(region: Region, by: int, shape: tuple[int, int]) -> Region:
    """Return a region that reaches so many pixels further, up to the border of the image."""
    top, left, bottom, right = region
    return (
        max(top - by, 0),
        max(left - by, 0),
        min(bottom + by, shape[0]),
        min(right + by, shape[1]),
    )


def centred_in(boxes: NDArray[np.float32], regions: Sequence[Region]) -> NDArray[np.bool_]:
    """Which boxes (N, 4), image pixels, have their centre in one of the regions."""
    x = (boxes[:, 0] + boxes[:, 2]) / 2
    y = (boxes[:, 1] + boxes[:, 3]) / 2
    inside = np.zeros(len(boxes), bool)
    for top, left, bottom, right in regions:
        inside |= (y >= top) & (y < bottom) & (x >= left) & (x < right)
    return inside


def only_in(found: Instances, regions: Sequence[Region]) -> Instances:
    """Return the objects whose centre lies in one of the regions."""
    return found[centred_in(found.boxes, regions)]


def replaced(older: Instances, newer: Instances, regions: Sequence[Region]) -> Instances:
    """Put the newer objects of some regions in the place of the older ones there.

    An object belongs to the region that its centre lies in. One that lies across the border of a
    region may have its centre inside in one prediction and outside in the other: where an older
    object stays, it goes before its newer double, unless that is far surer.

    Parameters
    ----------
    older, newer : Instances
        Of one image, by the same classes.
    regions : sequence of Region
        What was predicted again.

    Returns
    -------
    Instances
        Best score first.
    """
    stays = older[~centred_in(older.boxes, regions)]
    comes = only_in(newer, regions)
    i, j, iou = overlapping(stays.boxes, comes.boxes)
    double = (iou > SAME_IOU) & (stays.classes[i] == comes.classes[j])
    i, j = i[double], j[double]
    surer = comes.scores[j] > FAR_SURER * stays.scores[i]
    gone, refused = np.zeros(len(stays), bool), np.zeros(len(comes), bool)
    gone[i[surer]] = True
    refused[j[~surer]] = True
    return joined([stays[~gone], comes[~refused]])
