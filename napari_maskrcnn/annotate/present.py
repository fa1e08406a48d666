"""Which objects a label image holds, and of how many pixels; sorts only ids that are very large."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Ids up to this many times the number of pixels are counted in a table instead of sorted.
_TABLE_FACTOR = 4
_SMALL_TABLE = 10_000
#: Up to so many objects are looked for one by one, which is faster than all at once.
FEW = 8


def ids_of(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Ids above 0, the background, that occur in labels of any shape, ascending, (N,)."""
    if not _fits_table(labels):
        values = np.unique(labels)
        return values[values > 0].astype(np.int64)
    present = np.zeros(int(labels.max(initial=0)) + 1, dtype=bool)
    present[labels.ravel()] = True
    present[0] = False
    return np.flatnonzero(present).astype(np.int64)


def areas_of(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids that occur in labels, as `ids_of`, and the number of pixels of each."""
    if not _fits_table(labels):
        values, counts = np.unique(labels[labels > 0], return_counts=True)
        return values.astype(np.int64), counts.astype(np.int64)
    counts = np.bincount(labels.ravel())
    counts[:1] = 0
    ids = np.flatnonzero(counts)
    return ids.astype(np.int64), counts[ids].astype(np.int64)


def is_any(labels: NDArray[Any], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each pixel belongs to one of some objects; bool of the labels' shape."""
    if len(ids) <= FEW:
        among: NDArray[np.bool_] = np.zeros(labels.shape, dtype=bool)
        for i in ids:
            among |= labels == i
        return among
    if not _fits_table(labels):
        return np.isin(labels, ids)
    chosen = np.zeros(int(labels.max(initial=0)) + 1, dtype=bool)
    chosen[ids[ids < len(chosen)]] = True
    among = chosen[labels]
    return among


def _fits_table(labels: NDArray[Any]) -> bool:
    largest = int(labels.max(initial=0))
    return int(labels.min(initial=0)) >= 0 and largest <= max(
        _SMALL_TABLE, _TABLE_FACTOR * labels.size
    )
