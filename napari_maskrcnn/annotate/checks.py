"""What the corrections ask of points and of new ids."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def points_2d(points: ArrayLike, what: str, least: int) -> NDArray[np.float64]:
    """Return (n, 2) finite points (row, column), at least so many, or say what is wrong."""
    array = np.asarray(points, dtype=np.float64)
    if array.size == 0:
        array = array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(
            f"{what} is a list of points (row, column), but its shape is {array.shape}."
        )
    if len(array) < least:
        raise ValueError(
            f"{what} needs at least {least} points, but there are {len(array)}. Draw more."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{what} has points that are not finite: {array.tolist()}.")
    return array


def check_new_ids(labels: NDArray[Any], first: int, count: int = 1) -> None:
    """Refuse new ids that are not positive, do not fit the dtype or are in use."""
    first = operator.index(first)
    if first <= 0:
        raise ValueError(f"A new object needs a positive id, got {first}.")
    check_fits(first + count - 1, labels.dtype)
    used = labels[(labels >= first) & (labels < first + count)]
    if used.size:
        raise ValueError(f"Label {used.flat[0]} is in use. Take a new one from next_id.")


def check_fits(label: int, dtype: np.dtype[Any]) -> None:
    """Refuse an id that the labels' type cannot hold."""
    if label > np.iinfo(dtype).max:
        raise ValueError(
            f"Label {label} does not fit into labels of type {dtype}. Convert them: in napari by a "
            "right click on their layer, Convert data type, int32; in Python by "
            "labels.astype('int32')."
        )
