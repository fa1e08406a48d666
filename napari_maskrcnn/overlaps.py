"""How the objects of two label images overlap, as sparse pixel counts.

Two images of a thousand objects each have a million pairs but only some thousand that touch, so
everything that compares label images (scores, counts of corrections, links between planes) starts
from the pairs that share pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Ids up to this many times the number of pixels are counted in a table instead of sorted.
_TABLE_FACTOR = 4


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The objects of two label images and the pairs of them that share pixels.

    Objects are listed in the order of their first pixel (C order), never of their ids, so that
    renumbering an image changes nothing that is computed from this.

    Attributes
    ----------
    first_ids, second_ids : (M,), (N,) int64
        Label of every object; 0, the background, is left out.
    first_areas, second_areas : (M,), (N,) int64
        Pixels of every object.
    rows, columns : (P,) int64
        Positions in ``first_ids`` and ``second_ids`` of the pairs that share pixels.
    pixels : (P,) int64
        Pixels that each of these pairs shares, always positive.
    """

    first_ids: NDArray[np.int64]
    first_areas: NDArray[np.int64]
    second_ids: NDArray[np.int64]
    second_areas: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    pixels: NDArray[np.int64]

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of the pairs that share pixels, (P,) in (0, 1]."""
        union = self.first_areas[self.rows] + self.second_areas[self.columns] - self.pixels
        return self.pixels / union

    @property
    def share(self) -> NDArray[np.float64]:
        """Pixels that the pairs share, as a share of the smaller object, (P,) in (0, 1]."""
        return self.pixels / np.minimum(
            self.first_areas[self.rows], self.second_areas[self.columns]
        )


def overlaps(first: ArrayLike, second: ArrayLike) -> Overlaps:
    """Count the pixels that the objects of two label images share.

    Parameters
    ----------
    first, second : array of integers, any number of dimensions, equal shapes
        Label images; 0 is the background.

    Returns
    -------
    Overlaps

    Raises
    ------
    ValueError
        For different shapes, a dtype that is not integer, or negative labels.
    """
    first, second = label_array(first), label_array(second)
    if first.shape != second.shape:
        raise ValueError(
            f"The two label images differ in shape: {first.shape} and {second.shape}. "
            "Compare labels of the same image, without cropping or rescaling one of them."
        )
    first_ids, first_index, first_areas = _compact(first)
    second_ids, second_index, second_areas = _compact(second)
    both = (first_index >= 0) & (second_index >= 0)
    width = max(len(second_ids), 1)
    keys, pixels = np.unique(first_index[both] * width + second_index[both], return_counts=True)
    return Overlaps(
        first_ids,
        first_areas,
        second_ids,
        second_areas,
        rows=keys // width,
        columns=keys % width,
        pixels=pixels.astype(np.int64),
    )


def label_array(labels: ArrayLike) -> NDArray[Any]:
    """Return labels as an array of integers, or say why they are none.

    Raises
    ------
    ValueError
        For a dtype that is not integer, or negative labels.
    """
    array = np.asarray(labels)
    if array.dtype == bool:
        return array.astype(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"Labels are whole numbers, but this array has dtype {array.dtype}. "
            "Convert it with labels.astype('int32')."
        )
    if array.size and np.issubdtype(array.dtype, np.signedinteger) and array.min() < 0:
        raise ValueError(
            f"Labels are 0 for the background and positive for objects, but the smallest here "
            f"is {array.min()}. Set negative values to 0."
        )
    return array


def _compact(
    labels: NDArray[Any],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Ids in the order of their first pixel, position of every pixel's id (-1: none), areas."""
    flat = labels.ravel()
    where = np.flatnonzero(flat)
    values = flat[where]
    position = np.full(flat.size, -1, dtype=np.int64)
    if values.size and int(values.max()) <= _TABLE_FACTOR * flat.size:
        ids = np.flatnonzero(np.bincount(values))
        table = np.empty(int(values.max()) + 1, dtype=np.int64)
        table[ids] = np.arange(len(ids))
        inverse = table[values]
    else:
        ids, inverse = np.unique(values, return_inverse=True)
    starts = np.empty(len(ids), dtype=np.int64)
    starts[inverse[::-1]] = np.arange(len(values))[::-1]
    order = np.argsort(starts)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    position[where] = rank[inverse]
    areas = np.bincount(inverse, minlength=len(ids))[order]
    return ids[order].astype(np.int64), position, areas.astype(np.int64)
