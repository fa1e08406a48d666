"""The objects of a label image one by one, in one pass over the pixels and then only crops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Up to this label a look-up table of all numbers is small.
_TABLE_SIZE = 2**24


@dataclass(frozen=True, eq=False)
class Object:
    """One object of a plane.

    Attributes
    ----------
    label : int
        Its number in the label image.
    y, x : int
        Row and column of the first pixel of `mask` in the plane.
    mask : (h, w) bool
        Its pixels inside its box.
    """

    label: int
    y: int
    x: int
    mask: NDArray[np.bool_]


def objects_of(plane: NDArray[Any]) -> Iterator[Object]:
    """Yield the objects of a plane, (H, W) integers, by ascending label.

    Object by object only its box is touched, so that 100,000 of them take seconds.
    """
    ids, compact = compact_labels(plane)
    for number, box in enumerate(find_boxes(compact, len(ids)), 1):
        mask = compact[box] == number
        yield Object(int(ids[number - 1]), box[0].start, box[1].start, mask)


def compact_labels(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Renumber labels to 1 … N without gaps, keeping their order.

    Parameters
    ----------
    labels : array of non-negative integers

    Returns
    -------
    ids : (N,) int64
        The labels that occur, ascending, without the background: ``ids[k - 1]`` became ``k``.
    compact : int32 array of the labels' shape
        The array itself where nothing had to change.
    """
    import pandas as pd

    largest = int(labels.max(initial=0))
    if largest <= max(_TABLE_SIZE, 2 * labels.size):
        present = np.zeros(largest + 1, dtype=bool)
        present[labels.reshape(-1)] = True
        present[0] = False
        ids = np.flatnonzero(present)
        if len(ids) == largest:
            return ids.astype(np.int64), labels.astype(np.int32, copy=False)
        table = np.zeros(largest + 1, dtype=np.int32)
        table[ids] = np.arange(1, len(ids) + 1)
        return ids.astype(np.int64), table[labels]
    found = np.sort(pd.unique(labels.reshape(-1)))
    ids = found[found > 0]
    # Without a background the numbers still begin at 1.
    compact = np.searchsorted(ids, labels).astype(np.int32) + 1
    compact[labels == 0] = 0
    return ids.astype(np.int64), compact


def present_labels(labels: NDArray[Any]) -> list[int]:
    """Return the labels that occur, ascending, without the background."""
    import pandas as pd

    found = np.sort(pd.unique(labels.reshape(-1)))
    present: list[int] = found[found > 0].tolist()
    return present


def find_boxes(compact: NDArray[np.int32], count: int) -> list[tuple[slice, ...]]:
    """Return the box of each of the objects 1 … `count` of labels without gaps."""
    from scipy.ndimage import find_objects

    boxes: list[tuple[slice, ...]] = find_objects(compact, max_label=count) if count else []
    return boxes
