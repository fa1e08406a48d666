"""Which objects to look at, and in what order: from the least certain up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.rows import ACCEPTED

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Limits:
    """Objects to look at.

    Parameters
    ----------
    lowest, highest : float
        Scores. Objects without a score are left out unless these are 0 and 1.
    smallest, largest : float
        Areas in pixels.
    """

    lowest: float = 0.0
    highest: float = 1.0
    smallest: float = 0.0
    largest: float = float("inf")


@dataclass(frozen=True, eq=False)
class Queue:
    """Objects in the order in which they are looked at, the accepted ones too.

    Attributes
    ----------
    ids : (N,) int64
        By score, the lowest first; then those without a score; equals by their id.
    open : (N,) bool
        Which are not accepted yet.
    """

    ids: NDArray[np.int64]
    open: NDArray[np.bool_]

    @classmethod
    def of(cls, table: pd.DataFrame, limits: Limits) -> Queue:
        """Line up the objects of a features table that lie within limits."""
        index, area = table["index"].to_numpy(np.int64), table["area"].to_numpy(float)
        score = table["score"].to_numpy(float)
        unknown = np.isnan(score)
        known_too = limits.lowest <= 0 and limits.highest >= 1
        wanted = (area > 0) & (area >= limits.smallest) & (area <= limits.largest)
        with np.errstate(invalid="ignore"):
            wanted &= ((score >= limits.lowest) & (score <= limits.highest)) | (unknown & known_too)
        rows = np.flatnonzero(wanted)
        rows = rows[np.lexsort((index[rows], np.where(unknown, np.inf, score)[rows]))]
        states = table["state"].to_numpy(object)[rows]
        return cls(index[rows], np.array([state != ACCEPTED for state in states], dtype=bool))

    def __len__(self) -> int:
        return len(self.ids)

    def place(self, label: int) -> int:
        """Place of an object, from 0; -1 when it is not in the queue."""
        found = np.flatnonzero(self.ids == label)
        return int(found[0]) if len(found) else -1

    def after(self, place: int) -> int:
        """Next object that is not accepted at a place or after it, then from the start; 0 if none.

        Parameters
        ----------
        place : int
            From 0; may be the end.
        """
        candidates = np.flatnonzero(self.open)
        if not len(candidates):
            return 0
        later = candidates[candidates >= place]
        return int(self.ids[later[0] if len(later) else candidates[0]])

    def before(self, place: int) -> int:
        """Object before a place, accepted or not; the last one before the first; 0 if none."""
        return int(self.ids[place - 1]) if len(self.ids) else 0


def find(labels: Any, label: int, rows: slice, columns: slice) -> tuple[int, ...] | None:
    """Where an object is: the plane in which it has most pixels, and its centre there.

    Parameters
    ----------
    labels : (…, H, W) integers
        The labels.
    label : int
        The object.
    rows, columns : slice
        Between which it lies.

    Returns
    -------
    tuple of int or None
        One index an axis; None when it is not there.
    """
    own = np.asarray(labels[(..., rows, columns)]) == label
    counts = own.sum(axis=(-2, -1))
    if not counts.any():
        return None
    plane = np.unravel_index(int(np.argmax(counts)), counts.shape) if counts.ndim else ()
    inside = np.argwhere(own[plane])
    y, x = (inside.min(axis=0) + inside.max(axis=0)) // 2
    return (*map(int, plane), int(y) + rows.start, int(x) + columns.start)
