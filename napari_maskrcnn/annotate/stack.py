"""Corrections along a stack: an object goes on in the next plane, or through a gap of planes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_maskrcnn.annotate.edit import Edit, Plane, Region
from napari_maskrcnn.annotate.present import ids_of


def copy(
    labels: NDArray[Any], ids: Sequence[int], plane: Sequence[int | slice], target: Plane
) -> Edit:
    """Put objects of one plane into another at the same place, under the same ids.

    Parameters
    ----------
    labels : integers, three axes or more
        0 is the background; objects of the target keep their pixels.
    ids : sequence of int
        The objects; those that are in the target already are left out.
    plane, target : tuple of int or slice(None)
        Where they are, and where they go; the same axes are fixed in both.

    Raises
    ------
    ValueError
        For an id that is not there, all of them in the target already, or no room there.
    """
    source, region = Region.of(labels, plane, axes=2), Region.of(labels, target, axes=2)
    source.find(ids)
    missing = sorted(set(ids) - set(ids_of(region.view).tolist()))
    if not missing:
        raise ValueError(
            f"Object {', '.join(map(str, ids))} is in that plane already. Go on from there."
        )
    box, mask = source.find(missing)
    room = mask & (region.view[box] == 0)
    if not room.any():
        raise ValueError(
            "Other objects take all the room in that plane. Delete or shrink them first."
        )
    return region.edit(box, room, source.view[box][room])


def interpolate(labels: NDArray[Any], label: int, axis: int, plane: Plane = None) -> Edit:
    """Fill the planes between those in which an object is drawn.

    Its centre moves in a straight line from plane to plane, and its outline turns gradually from
    the one into the other.

    Parameters
    ----------
    labels : integers, three axes or more
        0 is the background; other objects keep their pixels.
    label : int
        The object.
    axis : int
        Axis of the label image along which planes are filled.
    plane : tuple of int or slice, optional
        What is looked at: a slice for ``axis`` and for the two axes of the planes.

    Raises
    ------
    ValueError
        When the object is not there, has no gap, or other objects take all the room.
    """
    region = Region.of(labels, plane, axes=3)
    kept = [number for number, cut in enumerate(region.plane) if isinstance(cut, slice)]
    if axis not in kept:
        raise ValueError(f"Axis {axis} is fixed in the plane {region.plane}. Leave it open.")
    along = kept.index(axis)
    box, mask = region.find([label])
    mask = np.moveaxis(mask, along, 0)
    drawn = np.flatnonzero(mask.any(axis=(1, 2)))
    gaps = [(int(a), int(b)) for a, b in pairwise(drawn) if b > a + 1]
    if not gaps:
        raise ValueError(
            f"Object {label} has no gap to fill. Draw or copy it in a plane farther away first, "
            "under the same number."
        )
    filled = np.zeros_like(mask)
    for first, last in gaps:
        filled[first + 1 : last] = _between(mask[first], mask[last], last - first - 1)
    filled = np.moveaxis(filled, 0, along) & (region.view[box] == 0)
    if not filled.any():
        raise ValueError(f"Other objects take all the room in the gap of object {label}.")
    return region.edit(box, filled, label)


def _between(first: NDArray[np.bool_], last: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Masks at equal steps between two, (count, H, W)."""
    centres = np.stack([np.argwhere(mask).mean(axis=0) for mask in (first, last)])
    way = int(np.ceil(np.abs(centres[1] - centres[0]).max())) + 1
    ends = [_Depth(mask, centre, way) for mask, centre in zip((first, last), centres, strict=True)]
    steps = np.arange(1, count + 1) / (count + 1)
    grid = np.indices(first.shape, dtype=np.float64)
    masks = np.empty((count, *first.shape), dtype=bool)
    for number, step in enumerate(steps):
        centre = (1 - step) * centres[0] + step * centres[1]
        offsets = grid - centre[:, None, None]
        masks[number] = (1 - step) * ends[0](offsets) + step * ends[1](offsets) > 0
    return masks


class _Depth:
    """How deep inside a mask a point lies (negative outside), by its offset from the centre."""

    def __init__(self, mask: NDArray[np.bool_], centre: NDArray[np.float64], way: int) -> None:
        # Points are looked up at most as far outside the box as the centre moves.
        wide = np.pad(mask, way)
        inside, outside = (ndimage.distance_transform_edt(part) for part in (wide, ~wide))
        # Half a pixel: the outline runs between the pixels.
        self._depth = np.where(wide, inside - 0.5, 0.5 - outside)
        self._centre = centre + way

    def __call__(self, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
        at = offsets + self._centre[:, None, None]
        depth: NDArray[np.float64] = ndimage.map_coordinates(
            self._depth, at, order=1, mode="nearest"
        )
        return depth
