"""What was corrected: two label images compared object by object, whatever their ids.

Corrections are counted from the result, not from events: undo, paint and scripts all end in pixels.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_maskrcnn.annotate.present import ids_of, is_any
from napari_maskrcnn.overlaps import Overlaps, overlaps


@dataclass(frozen=True)
class Counts:
    """Numbers of corrected objects.

    Attributes
    ----------
    added, removed : int
        Objects that cover no object of before, or of after, by more than half of either.
    reshaped : int
        Objects whose outline changed.
    split : int
        Objects of before that became several.
    merged : int
        Objects of after that were several.
    unchanged : int
        Objects with the same pixels, even if under another id.
    """

    added: int = 0
    removed: int = 0
    reshaped: int = 0
    split: int = 0
    merged: int = 0
    unchanged: int = 0

    @property
    def corrections(self) -> int:
        """All corrections together."""
        return self.added + self.removed + self.reshaped + self.split + self.merged

    def __add__(self, other: Counts) -> Counts:
        """Counts of two planes together."""
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def difference(before: ArrayLike, after: ArrayLike) -> Counts:
    """Count what changed from one label image to another.

    An object of before and one of after belong together when more than half of one of them lies
    in the other. Where several of before belong to several of after, the groups' surplus decides
    between split and merged, and the others count as reshaped.

    Parameters
    ----------
    before, after : integers of equal shape, any number of axes
        0 is the background.

    Raises
    ------
    ValueError
        For different shapes, or labels that are no integers.
    """
    old, new = np.asarray(before), np.asarray(after)
    if old.shape != new.shape:
        raise ValueError(
            f"The labels before have shape {old.shape}, those after {new.shape}. Compare labels "
            "of the same image."
        )
    changed = old != new
    touched = np.union1d(ids_of(old[changed]), ids_of(new[changed]))
    # Objects with the same pixels under the same id are left out, which is nearly all of them.
    involved = is_any(old, touched) | is_any(new, touched)
    first, second = old[involved], new[involved]
    shared = overlaps(_only(first, touched), _only(second, touched))
    untouched = len(ids_of(old)) - len(shared.first_ids)
    return _count(shared, untouched)


def _only(labels: NDArray[Any], ids: NDArray[Any]) -> NDArray[Any]:
    return np.where(is_any(labels, ids), labels, 0)


def _count(shared: Overlaps, untouched: int) -> Counts:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    olds, news = len(shared.first_ids), len(shared.second_ids)
    related = (2 * shared.pixels > shared.first_areas[shared.rows]) | (
        2 * shared.pixels > shared.second_areas[shared.columns]
    )
    rows, columns = shared.rows[related], shared.columns[related]
    graph = coo_array(
        (np.ones(len(rows), dtype=bool), (rows, columns + olds)), shape=(olds + news,) * 2
    )
    groups, group = connected_components(graph, directed=False)
    old = np.bincount(group[:olds], minlength=groups)
    new = np.bincount(group[olds:], minlength=groups)
    same = int((shared.iou == 1).sum())
    return Counts(
        added=int((old == 0).sum()),
        removed=int((new == 0).sum()),
        reshaped=_reshaped(old, new) - same,
        split=int(((old > 0) & (new > old)).sum()),
        merged=int(((new > 0) & (old > new)).sum()),
        unchanged=untouched + same,
    )


def _reshaped(old: NDArray[Any], new: NDArray[Any]) -> int:
    """Objects of one-to-one groups, and of tangled groups those that neither split nor merged."""
    one_to_one = (old == 1) & (new == 1)
    tangled = (old > 1) & (new > 1)
    return int(one_to_one.sum() + np.minimum(old, new)[tangled].sum())
