"""What became of each object, told from the pixels in which two label images differ.

Nearly all pixels of a corrected image are as before. With the objects' areas before, the few that
are not say everything, so an edit of one object costs no look at the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

ADDED = "added"
REMOVED = "removed"
RESHAPED = "reshaped"
SPLIT = "split"
MERGED = "merged"


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


@dataclass(frozen=True)
class Kinds:
    """What became of the objects of a plane; those that are as before are left out.

    Attributes
    ----------
    before : mapping of int to str
        ``removed``, ``reshaped``, ``split`` or ``merged``, by the id that the object had.
    after : mapping of int to str
        ``added``, ``reshaped``, ``split`` or ``merged``, by the id that it has.
    counts : Counts
        How many corrections these are.
    """

    before: Mapping[int, str] = field(default_factory=dict)
    after: Mapping[int, str] = field(default_factory=dict)
    counts: Counts = Counts()


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pixels in which two label images differ, counted by what they were and what they are.

    Attributes
    ----------
    before, after : (P,) int64
        Labels, 0 for the background; never equal.
    pixels : (P,) int64
        How many pixels went from the one to the other.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    pixels: NDArray[np.int64]

    @classmethod
    def between(cls, before: NDArray[Any], after: NDArray[Any]) -> Pairs:
        """Count the pixels of two arrays of integers and of one shape."""
        differ = before != after
        old, new = before[differ].astype(np.int64), after[differ].astype(np.int64)
        return cls._counted(old, new, np.ones(len(old), np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """Put the pixels of several parts of an image together."""
        none = np.zeros(0, np.int64)
        columns = [[p.before for p in parts], [p.after for p in parts], [p.pixels for p in parts]]
        return cls._counted(*(np.concatenate([none, *column]) for column in columns))

    @classmethod
    def _counted(
        cls, old: NDArray[np.int64], new: NDArray[np.int64], pixels: NDArray[np.int64]
    ) -> Pairs:
        # Ids may be in the billions, and two of them must fit into one number.
        ids, index = np.unique(np.concatenate([old, new]), return_inverse=True)
        width = max(len(ids), 1)
        keys, place = np.unique(index[: len(old)] * width + index[len(old) :], return_inverse=True)
        counts = np.bincount(place, pixels, minlength=len(keys)).astype(np.int64)
        return cls(ids[keys // width], ids[keys % width], counts)


def kinds_of(pairs: Pairs, ids: NDArray[np.int64], areas: NDArray[np.int64]) -> Kinds:
    """Say what became of each object.

    An object of before and one of after belong together when more than half of one of them lies
    in the other. Where several of before belong to several of after, the groups' surplus decides
    between split and merged, and the others count as reshaped.

    Parameters
    ----------
    pairs : Pairs
        The pixels that differ.
    ids, areas : (N,) int64
        All objects of before, ascending, and their pixels.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    touched = np.setdiff1d(np.union1d(pairs.before, pairs.after), [0])
    many = len(touched)
    old_area = _areas(touched, ids, areas)
    kept = old_area - _sums(touched, pairs.before, pairs.pixels)
    new_area = kept + _sums(touched, pairs.after, pairs.pixels)
    # What an object shares with itself, and with others.
    others = (pairs.before > 0) & (pairs.after > 0)
    own = np.flatnonzero(kept)
    first = np.concatenate([own, np.searchsorted(touched, pairs.before[others])])
    second = np.concatenate([own, np.searchsorted(touched, pairs.after[others])])
    shared = np.concatenate([kept[own], pairs.pixels[others]])
    related = (2 * shared > old_area[first]) | (2 * shared > new_area[second])
    edges = (np.ones(int(related.sum()), bool), (first[related], second[related] + many))
    groups, group = connected_components(
        coo_array(edges, shape=(2 * many, 2 * many)), directed=False
    )
    old = np.bincount(group[:many], old_area > 0, minlength=groups).astype(int)
    new = np.bincount(group[many:], new_area > 0, minlength=groups).astype(int)
    same = np.zeros(groups, bool)
    same[group[first[(shared == old_area[first]) & (shared == new_area[second])]]] = True
    kind = _kind(old, new, same)
    existed, exists = old_area > 0, new_area > 0
    return Kinds(
        _by_id(touched[existed], kind[group[:many][existed]]),
        _by_id(touched[exists], kind[group[many:][exists]]),
        _count(old, new, same, len(ids) - int(existed.sum())),
    )


def _kind(old: NDArray[Any], new: NDArray[Any], same: NDArray[np.bool_]) -> NDArray[Any]:
    """Kind of each group by its numbers of objects before and after; "" for the same pixels."""
    cases = [same, old == 0, new == 0, new > old, old > new]
    return np.select(cases, ["", ADDED, REMOVED, SPLIT, MERGED], RESHAPED)


def _count(old: NDArray[Any], new: NDArray[Any], same: NDArray[np.bool_], untouched: int) -> Counts:
    one_to_one = (old == 1) & (new == 1) & ~same
    # Of tangled groups those that neither split nor merged.
    tangled = (old > 1) & (new > 1)
    return Counts(
        added=int(((old == 0) & (new > 0)).sum()),
        removed=int(((new == 0) & (old > 0)).sum()),
        reshaped=int(one_to_one.sum() + np.minimum(old, new)[tangled].sum()),
        split=int(((old > 0) & (new > old)).sum()),
        merged=int(((new > 0) & (old > new)).sum()),
        unchanged=untouched + int(same.sum()),
    )


def _by_id(ids: NDArray[np.int64], kinds: NDArray[Any]) -> dict[int, str]:
    return {i: kind for i, kind in zip(ids.tolist(), kinds.tolist(), strict=True) if kind}


def _areas(
    wanted: NDArray[np.int64], ids: NDArray[np.int64], areas: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Area of each wanted object; 0 for those that are not there."""
    if not len(ids):
        return np.zeros(len(wanted), np.int64)
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[place] == wanted, areas[place], 0)


def _sums(
    wanted: NDArray[np.int64], ids: NDArray[np.int64], pixels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Sum of the pixels of each wanted object; the background is left out."""
    there = ids > 0
    place = np.searchsorted(wanted, ids[there])
    return np.bincount(place, pixels[there], minlength=len(wanted)).astype(np.int64)
