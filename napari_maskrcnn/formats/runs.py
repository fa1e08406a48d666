"""The objects of a plane as horizontal runs of pixels: what every outline and mask can become.

A plane of 100,000 objects has a few million runs. They are found, sorted and painted back without
an image an object, so all of them together cost little more than one look at the plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Most pixels that are painted for one file, objects on top of each other counted again.
MOST_PAINTED = 2**34


@dataclass(frozen=True, eq=False)
class Runs:
    """Horizontal runs of pixels of N objects, sorted by object; in `runs_of` then by row.

    Attributes
    ----------
    count : int
        N, the number of objects; some may have no run.
    objects : (R,) int64
        Which object, 0 … N − 1, each run belongs to, ascending.
    rows, starts, stops : (R,) int64
        The pixels ``starts <= x < stops`` of a row.
    """

    count: int
    objects: NDArray[np.int64]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    @property
    def areas(self) -> NDArray[np.int64]:
        """Pixels of each object, (N,); twice where its own runs overlap."""
        lengths = (self.stops - self.starts).astype(np.float64)
        return np.bincount(self.objects, lengths, minlength=self.count).astype(np.int64)

    def boxes(self) -> NDArray[np.int64]:
        """Half-open boxes ``x1 y1 x2 y2`` of the objects, (N, 4); each must have a run."""
        if not self.count:
            return np.zeros((0, 4), np.int64)
        first = np.searchsorted(self.objects, np.arange(self.count))
        return np.stack(
            [
                np.minimum.reduceat(self.starts, first),
                np.minimum.reduceat(self.rows, first),
                np.maximum.reduceat(self.stops, first),
                np.maximum.reduceat(self.rows, first) + 1,
            ],
            axis=1,
        )

    def between(self, first: int, last: int) -> Runs:
        """Return the runs of the objects `first` … `last` − 1, which become 0, 1, … ."""
        where = slice(*np.searchsorted(self.objects, [first, last]))
        return Runs(
            min(last, self.count) - first,
            self.objects[where] - first,
            self.rows[where],
            self.starts[where],
            self.stops[where],
        )


def runs_of(plane: NDArray[Any]) -> tuple[NDArray[np.int64], Runs]:
    """Return the labels of a plane, (N,) ascending, and the runs of the objects in their order.

    Parameters
    ----------
    plane : (H, W) non-negative integers
        0 is the background.
    """
    breaks = np.empty(plane.shape, dtype=bool)
    breaks[:, 0] = True
    np.not_equal(plane[:, 1:], plane[:, :-1], out=breaks[:, 1:])
    starts = np.flatnonzero(breaks)
    del breaks
    values = plane.reshape(-1)[starts]
    stops = np.append(starts[1:], plane.size)
    kept = np.flatnonzero(values)
    values, starts, stops = values[kept], starts[kept], stops[kept]
    ids, objects = np.unique(values, return_inverse=True)
    if len(ids) and int(ids[-1]) > np.iinfo(np.int64).max:
        raise ValueError(f"The largest label is {ids[-1]}; renumber the labels from 1.")
    order = np.argsort(objects, kind="stable")
    rows, columns = np.divmod(starts[order], plane.shape[1])
    lengths = stops[order] - starts[order]
    runs = Runs(len(ids), objects[order].astype(np.int64), rows, columns, columns + lengths)
    return ids.astype(np.int64), runs


def paint(
    runs: Runs,
    labels: NDArray[np.int64],
    plane: NDArray[Any],
    order: NDArray[np.intp] | None = None,
) -> None:
    """Paint objects into a plane, in place.

    Parameters
    ----------
    runs : Runs
        Of N objects, inside the plane.
    labels : (N,) integers
        What each object's pixels become.
    plane : (H, W) integers
        Contiguous, of a type that holds the labels.
    order : (N,) integers, optional
        Objects from the lowest to the topmost; ascending without it.

    Raises
    ------
    ValueError
        The objects cover each other so often that painting them would take minutes.
    """
    painted = int((runs.stops - runs.starts).sum())
    if painted > MOST_PAINTED:
        raise ValueError(
            f"its objects have {painted:,} pixels together, most under others; more than "
            f"{MOST_PAINTED:,} are not painted"
        )
    at = slice(None)
    if order is not None:
        rank = np.empty(runs.count, np.int64)
        rank[order] = np.arange(runs.count)
        at = np.argsort(rank[runs.objects], kind="stable")  # type: ignore[assignment]
    flat = plane.reshape(-1)
    lines = runs.rows[at] * plane.shape[1]
    # Runs may cover each other, and only a loop is sure to paint them in this order.
    for start, stop, label in zip(
        (lines + runs.starts[at]).tolist(),
        (lines + runs.stops[at]).tolist(),
        labels[runs.objects[at]].tolist(),
        strict=True,
    ):
        flat[start:stop] = label


def top_last(
    areas: NDArray[np.int64], scores: NDArray[np.float64] | None = None
) -> NDArray[np.intp]:
    """Return objects from the lowest to the topmost, (N,).

    The better score lies on top; objects without one (NaN) lie below those with one. Of equal
    scores the smaller object lies on top, of equal sizes the first.
    """
    ranked = np.full(len(areas), -np.inf) if scores is None else np.nan_to_num(scores, nan=-np.inf)
    return np.lexsort((-np.arange(len(areas)), -areas, ranked))
