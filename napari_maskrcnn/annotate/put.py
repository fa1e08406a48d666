"""Putting an object where a person or the network sees it, among those that are there already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.edit import Edit, Plane, Region
from napari_maskrcnn.annotate.present import FEW, areas_of

#: An object of which this share lies under the new one is taken for the same, drawn wrongly, or a
#: piece of it.
COVERED = 0.5


def put(
    labels: NDArray[Any],
    mask: NDArray[np.bool_],
    origin: Sequence[int],
    new_id: int,
    plane: Plane = None,
    instead: int = 0,
) -> tuple[Edit, int]:
    """Put an object into a label image.

    It takes the place of objects that it covers mostly, and keeps the number of the largest of
    them; others keep their pixels.

    Parameters
    ----------
    labels : (H, W) integers, or more axes with ``plane``
        0 is the background.
    mask : (h, w) bool
        Pixels of the object.
    origin : (row, column)
        Of the mask's first pixel.
    new_id : int
        Its label when it takes the place of none.
    plane : tuple of int or slice(None), optional
        The plane of a stack.
    instead : int, optional
        Object whose place and number it takes, however much of it it covers; 0 for none.

    Returns
    -------
    edit : Edit
    label : int
        Number of the object.

    Raises
    ------
    ValueError
        Where nothing would change, or where other objects leave it no pixel.
    """
    region = Region.of(labels, plane, axes=2)
    view = region.view
    box = tuple(slice(int(o), int(o) + n) for o, n in zip(origin, mask.shape, strict=True))
    below = view[box]
    ids, inside = areas_of(below[mask])
    under = dict(zip(ids.tolist(), inside.tolist(), strict=True))
    whole = _areas(view, ids)
    covered = [i for i, n in under.items() if n >= COVERED * whole[i]]
    if instead:
        covered = [instead, *(i for i in covered if i != instead)]
    label = instead or max(covered, key=lambda i: under[i], default=new_id)
    mine = mask & ((below == 0) | np.isin(below, covered))
    if not mine.any():
        raise ValueError("Other objects lie here already. Delete them first.")
    window = box
    if covered:
        old, _ = region.find(covered)
        window = tuple(
            slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(box, old, strict=True)
        )
    before = view[window]
    after = np.where(np.isin(before, covered), 0, before)
    part = tuple(
        slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, window, strict=True)
    )
    after[part][mine] = label
    changed = after != before
    if not changed.any():
        raise ValueError("It is drawn just like this already. Correct it with the other tools.")
    return region.edit(window, changed, after[changed]), label


def _areas(view: NDArray[Any], ids: NDArray[np.int64]) -> dict[int, int]:
    """Pixels of some objects in a plane."""
    if len(ids) <= FEW:
        return {int(i): int(np.count_nonzero(view == i)) for i in ids}
    found = areas_of(view)
    return dict(zip(*(part.tolist() for part in found), strict=True))
