"""The corrections of a label image, each a pure function that returns an edit.

None of them changes the labels; `Edit.apply` or the window does. Coordinates are (row, column) in
pixels with whole numbers at pixel centres.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_maskrcnn.annotate.checks import check_fits, check_new_ids, points_2d
from napari_maskrcnn.annotate.edit import Edit, Plane, Region
from napari_maskrcnn.annotate.polygon import inside_polygon
from napari_maskrcnn.annotate.present import areas_of
from napari_maskrcnn.annotate.put import put
from napari_maskrcnn.annotate.rows import listed
from napari_maskrcnn.annotate.shape import fill_holes, grow, keep_largest, shrink, smooth
from napari_maskrcnn.annotate.split import split_line, split_seeds
from napari_maskrcnn.annotate.stack import copy, interpolate

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Edit",
    "Plane",
    "add_polygon",
    "copy",
    "delete",
    "fill_holes",
    "grow",
    "interpolate",
    "keep_largest",
    "merge",
    "next_id",
    "remove_small",
    "shrink",
    "smooth",
    "split_line",
    "split_seeds",
]


def delete(labels: NDArray[Any], ids: Sequence[int], plane: Plane = None) -> Edit:
    """Remove objects.

    Parameters
    ----------
    labels : integers, any number of axes
        0 is the background.
    ids : sequence of int
        Objects to remove.
    plane : tuple of int or slice(None), optional
        Only in this plane of a stack; without it in the whole stack.

    Raises
    ------
    ValueError
        For no id, or one that is not there.
    """
    if not len(ids):
        raise ValueError("There is no object to delete. Click on one first.")
    region = Region.of(labels, plane)
    box, mask = region.find(ids)
    return region.edit(box, mask, 0)


def merge(
    labels: NDArray[Any], ids: Sequence[int], keep: int | None = None, plane: Plane = None
) -> Edit:
    """Make several objects one, whether they touch or not.

    Parameters
    ----------
    labels : integers, any number of axes
        0 is the background.
    ids : sequence of int
        Objects to merge, two or more.
    keep : int, optional
        The one of them whose id stays; without it the smallest.
    plane : tuple of int or slice(None), optional
        Only in this plane of a stack; without it in the whole stack.

    Raises
    ------
    ValueError
        For fewer than two ids, one that is not there, or a ``keep`` that is none of them.
    """
    chosen = sorted({operator.index(label) for label in ids})
    if len(chosen) < 2:
        raise ValueError(
            f"Merging needs two objects or more, got {chosen}. Click on one more object."
        )
    keep = chosen[0] if keep is None else operator.index(keep)
    if keep not in chosen:
        raise ValueError(f"Label {keep} should stay but is none of the objects to merge: {chosen}.")
    region = Region.of(labels, plane)
    region.find([keep])
    box, mask = region.find(label for label in chosen if label != keep)
    return region.edit(box, mask, keep)


def remove_small(labels: NDArray[Any], area: int, plane: Plane = None) -> Edit:
    """Remove the objects of fewer pixels than `area`.

    Parameters
    ----------
    labels : integers, any number of axes
        0 is the background.
    area : int
        Pixels that an object needs to stay; in a stack those of all its planes count.
    plane : tuple of int or slice(None), optional
        Only in this plane of a stack, counting its pixels there.

    Raises
    ------
    ValueError
        When no object is that small.
    """
    region = Region.of(labels, plane)
    ids, areas = areas_of(region.view)
    small = ids[areas < area]
    if not len(small):
        raise ValueError(f"No object here has fewer than {area} pixels. Give a larger size.")
    return region.edit(*region.find(small.tolist()), 0)


def add_polygon(
    labels: NDArray[Any], polygon: ArrayLike, new_id: int, plane: Plane = None
) -> tuple[Edit, int]:
    """Draw an object as a polygon: one that was missed, or anew what lies mostly inside.

    Objects of which at least half lies inside are taken for the same one, drawn wrongly, or for
    pieces of it: it takes their place, and the number of the largest. Others keep their pixels.

    Parameters
    ----------
    labels : (H, W) integers, or more axes with ``plane``
        0 is the background.
    polygon : (n, 2) float
        Corners as (row, column); may reach beyond the image.
    new_id : int
        Label of the object when it takes the place of none, from :func:`next_id`.
    plane : tuple of int or slice(None), optional
        The plane of a stack.

    Returns
    -------
    edit : Edit
    label : int
        Number of the object.

    Raises
    ------
    ValueError
        For fewer than three corners, a polygon without a pixel or that leaves no pixel of others,
        one that changes nothing, or an id that is in use.
    """
    region = Region.of(labels, plane, axes=2)
    corners = points_2d(polygon, "A polygon", least=3)
    check_new_ids(region.view, new_id)
    box, inside = inside_polygon(corners, region.view.shape)
    if not inside.any():
        raise ValueError("The outline covers no pixel of the image. Draw it larger.")
    return put(labels, inside, [cut.start for cut in box], new_id, plane)


def next_id(labels: NDArray[Any], table: pd.DataFrame | None = None) -> int:
    """Return an id that no object has, nor ever had.

    It is above all others, or where the labels' type has none above (a mask of 0 and 255, of bytes)
    the first of the longest row of unused ones.

    Parameters
    ----------
    labels : integers, any number of axes
        All labels, the whole stack.
    table : DataFrame, optional
        Its column ``index`` also lists the objects that were removed.

    Raises
    ------
    ValueError
        When the labels' type has no number left.
    """
    largest = int(labels.max()) if labels.size else 0
    known = [] if table is None or not len(table) else [int(i) for i in listed(table)]
    largest = max(largest, max(known, default=0))
    if largest < np.iinfo(labels.dtype).max:
        return largest + 1
    return _unused(labels, known)


def _unused(labels: NDArray[Any], known: Iterable[int]) -> int:
    """Return the first of the longest row of ids that are neither in labels nor known."""
    beyond = int(np.iinfo(labels.dtype).max) + 1
    used = {int(label) for label in (*np.unique(labels), *known)}
    bounds = sorted({0, beyond, *(label for label in used if 0 < label < beyond)})
    free, before = max((high - low - 1, -low) for low, high in pairwise(bounds))
    if not free:
        check_fits(beyond, labels.dtype)
    return 1 - before
