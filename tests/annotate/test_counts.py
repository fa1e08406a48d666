"""Tests of counting corrections: each kind alone, together, and both ways round."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_maskrcnn.annotate.counts import Counts, difference

LABELS = arrays(np.int32, (4, 6), elements=st.integers(0, 4))


def three() -> np.ndarray:
    labels = np.zeros((12, 12), dtype=np.int32)
    labels[0:3, 0:4] = 1
    labels[4:8, 0:4] = 2
    labels[9:12, 0:4] = 3
    return labels


def changed(*changes: tuple[slice, slice, int]) -> np.ndarray:
    labels = three()
    for rows, columns, label in changes:
        labels[rows, columns] = label
    return labels


ALL, OFF = slice(None), slice(6, 9)


@pytest.mark.parametrize(
    ("after", "counts"),
    [
        (three(), Counts(unchanged=3)),
        (three() * 100, Counts(unchanged=3)),
        (changed((OFF, OFF, 9)), Counts(added=1, unchanged=3)),
        (np.where(three() == 2, 0, three()), Counts(removed=1, unchanged=2)),
        (changed((slice(4, 5), ALL, 0)), Counts(reshaped=1, unchanged=2)),
        (changed((slice(0, 3), slice(4, 9), 1)), Counts(reshaped=1, unchanged=2)),
        (changed((slice(4, 6), slice(0, 4), 9)), Counts(split=1, unchanged=2)),
        (np.where(three() == 2, 1, three()), Counts(merged=1, unchanged=1)),
        (np.where(three() > 0, 3, 0), Counts(merged=1)),
        (np.roll(three(), 6, axis=1), Counts(added=3, removed=3)),
        (three() * 0, Counts(removed=3)),
    ],
)
def test_each_kind(after: np.ndarray, counts: Counts) -> None:
    assert difference(three(), after) == counts


def test_several_kinds_together() -> None:
    after = changed((OFF, OFF, 9), (slice(4, 6), slice(0, 4), 8), (slice(9, 10), ALL, 0))
    counts = difference(three(), after)
    assert counts == Counts(added=1, split=1, reshaped=1, unchanged=1)
    assert counts.corrections == 3


def test_border_moved_far_is_two_reshaped() -> None:
    before = np.repeat([[1, 1, 1, 2, 2, 2, 2]], 3, axis=0)
    after = np.repeat([[1, 1, 1, 1, 1, 1, 2]], 3, axis=0)
    assert difference(before, after) == Counts(reshaped=2)


def test_no_background_and_no_pixels() -> None:
    full = np.ones((3, 3), dtype=np.uint8)
    assert difference(full, full) == Counts(unchanged=1)
    assert difference(full, full * 2) == Counts(unchanged=1)
    assert difference(full[:0], full[:0]) == Counts()


@given(LABELS, LABELS)
@settings(max_examples=60, deadline=None)
def test_backwards_is_the_mirror(before: np.ndarray, after: np.ndarray) -> None:
    there, back = difference(before, after), difference(after, before)
    assert there == Counts(
        added=back.removed,
        removed=back.added,
        reshaped=back.reshaped,
        split=back.merged,
        merged=back.split,
        unchanged=back.unchanged,
    )


@given(LABELS, LABELS, st.permutations(range(1, 5)))
@settings(max_examples=40, deadline=None)
def test_ids_do_not_matter(before: np.ndarray, after: np.ndarray, ids: list[int]) -> None:
    renumber = np.array([0, *ids])
    assert difference(before, renumber[after]) == difference(before, after)


@given(LABELS)
@settings(max_examples=20, deadline=None)
def test_nothing_changed(labels: np.ndarray) -> None:
    assert difference(labels, labels) == Counts(unchanged=len(set(labels.flat) - {0}))


def test_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"before have shape \(12, 12\), those after \(12, 11\)"):
        difference(three(), three()[:, :11])
