"""Tests of the sparse overlap counts, against counting by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_maskrcnn.overlaps import overlaps

LABELS = arrays(np.int32, (4, 5), elements=st.sampled_from([0, 1, 2, 3, 70_000]))


def test_counts() -> None:
    first = np.array([[9, 9, 9, 0], [0, 4, 4, 4]])
    second = np.array([[1, 1, 0, 0], [0, 0, 2, 2]])
    shared = overlaps(first, second)
    assert shared.first_ids.tolist() == [9, 4]
    assert shared.first_areas.tolist() == [3, 3]
    assert shared.second_ids.tolist() == [1, 2]
    assert shared.second_areas.tolist() == [2, 2]
    assert shared.pixels.tolist() == [2, 2]
    assert shared.iou == pytest.approx([2 / 3, 2 / 3])


@given(LABELS, LABELS)
@settings(max_examples=50, deadline=None)
def test_equals_brute_force(first: np.ndarray, second: np.ndarray) -> None:
    shared = overlaps(first, second)
    found = {
        (int(shared.first_ids[row]), int(shared.second_ids[column])): int(pixels)
        for row, column, pixels in zip(shared.rows, shared.columns, shared.pixels, strict=True)
    }
    both = (first > 0) & (second > 0)
    expected: dict[tuple[int, int], int] = {}
    for pair in zip(first[both].tolist(), second[both].tolist(), strict=True):
        expected[pair] = expected.get(pair, 0) + 1
    assert found == expected
    assert dict(zip(shared.first_ids, shared.first_areas, strict=True)) == {
        label: (first == label).sum() for label in np.unique(first[first > 0])
    }


def test_objects_come_in_the_order_of_their_first_pixel() -> None:
    labels = np.array([[0, 5, 2], [5, 1, 2**50]])
    assert overlaps(labels, labels).first_ids.tolist() == [5, 2, 1, 2**50]


def test_empty_and_masks() -> None:
    nothing = overlaps(np.zeros((2, 0), int), np.zeros((2, 0), int))
    assert len(nothing.first_ids) == len(nothing.pixels) == 0
    assert overlaps(np.eye(3, dtype=bool), np.eye(3, dtype=np.uint8)).pixels.tolist() == [3]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), r"\(2, 3\) and \(3, 2\)"),
        (np.zeros((2, 3)), np.zeros((2, 3), int), "dtype float64"),
        (np.zeros((2, 3), int), np.full((2, 3), -4), "smallest here is -4"),
    ],
)
def test_refuses(first: np.ndarray, second: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        overlaps(first, second)
