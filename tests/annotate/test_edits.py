"""Tests of delete, merge, add and the next id."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_maskrcnn.annotate.edits import Edit, add_polygon, delete, merge, next_id
from napari_maskrcnn.annotate.polygon import inside_polygon

LABELS = arrays(np.int32, (5, 6), elements=st.integers(0, 4)).filter(
    lambda labels: len(set(labels.flat) - {0}) >= 2
)


def two() -> np.ndarray:
    labels = np.zeros((6, 8), dtype=np.int32)
    labels[1:3, 1:4] = 3
    labels[3:5, 2:6] = 5
    return labels


def applied(labels: np.ndarray, edit: Edit) -> np.ndarray:
    after = labels.copy()
    edit.apply(after)
    return after


class TestDelete:
    def test_one(self) -> None:
        assert np.array_equal(applied(two(), delete(two(), [5])), np.where(two() == 5, 0, two()))

    def test_in_one_plane_or_all(self) -> None:
        stack = np.stack([two(), two()])
        assert (applied(stack, delete(stack, [3], plane=(1,))) == 3).any(axis=(1, 2)).tolist() == [
            True,
            False,
        ]
        assert not (applied(stack, delete(stack, [3])) == 3).any()

    @given(LABELS, st.data())
    @settings(max_examples=30, deadline=None)
    def test_touches_nothing_else(self, labels: np.ndarray, data: st.DataObject) -> None:
        present = sorted(set(labels[labels > 0].tolist()))
        ids = data.draw(st.lists(st.sampled_from(present), min_size=1, unique=True))
        after = applied(labels, delete(labels, ids))
        assert np.array_equal(after, np.where(np.isin(labels, ids), 0, labels))

    @pytest.mark.parametrize(
        ("ids", "message"),
        [([], "no object to delete"), ([9], "no label 9 here"), ([0], "0 is the background")],
    )
    def test_refuses(self, ids: list[int], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            delete(two(), ids)


class TestMerge:
    def test_smallest_stays(self) -> None:
        edit = merge(two(), [5, 3])
        assert np.array_equal(applied(two(), edit), np.where(two() > 0, 3, 0))
        assert edit.mask.sum() == 8

    def test_chosen_stays(self) -> None:
        assert np.array_equal(
            applied(two(), merge(two(), [3, 5], keep=5)), np.where(two() > 0, 5, 0)
        )

    def test_numpy_ids(self) -> None:
        assert merge(two(), np.array([3, 5])).values.tolist() == [3] * 8

    def test_whole_stack(self) -> None:
        stack = np.stack([two(), two()])
        assert set(np.unique(applied(stack, merge(stack, [3, 5])))) == {0, 3}

    @given(LABELS, st.data())
    @settings(max_examples=30, deadline=None)
    def test_touches_nothing_else(self, labels: np.ndarray, data: st.DataObject) -> None:
        present = sorted(set(labels[labels > 0].tolist()))
        ids = data.draw(st.lists(st.sampled_from(present), min_size=2, unique=True))
        keep = data.draw(st.sampled_from(ids))
        after = applied(labels, merge(labels, ids, keep))
        assert np.array_equal(after, np.where(np.isin(labels, ids), keep, labels))

    @pytest.mark.parametrize(
        ("ids", "keep", "message"),
        [
            ([3], None, r"two objects or more, got \[3\]"),
            ([3, 3], None, r"two objects or more, got \[3\]"),
            ([3, 9], None, "no label 9 here"),
            ([3, 5], 4, r"Label 4 should stay but is none of .*\[3, 5\]"),
            ([0, 5], None, "0 is the background"),
        ],
    )
    def test_refuses(self, ids: list[int], keep: int | None, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            merge(two(), ids, keep)


class TestAddPolygon:
    def test_rectangle(self) -> None:
        labels = np.zeros((8, 9), dtype=np.int32)
        edit, label = add_polygon(labels, [(1.5, 2.5), (1.5, 6.5), (4.5, 6.5), (4.5, 2.5)], 7)
        after = applied(labels, edit)
        assert label == 7
        assert (after == 7).sum() == 12
        assert (after[2:5, 3:7] == 7).all()

    def test_what_lies_mostly_inside_is_drawn_anew(self) -> None:
        # All of 3 and half of 5: they are one, with the number of the one that is more of it.
        edit, label = add_polygon(two(), [(0.5, 0.5), (0.5, 5.5), (3.5, 5.5), (3.5, 0.5)], 6)
        after = applied(two(), edit)
        assert label == 3
        assert (after[1:4, 1:6] == 3).all()
        assert (after == 3).sum() == 15
        assert not (after == 5).any()
        # Of 5 nothing.
        edit, label = add_polygon(two(), [(0.5, 0.5), (0.5, 5.5), (2.5, 5.5), (2.5, 0.5)], 6)
        after = applied(two(), edit)
        assert label == 3
        assert (after[1:3, 1:6] == 3).all()
        assert np.array_equal(after == 5, two() == 5)

    def test_a_label_that_is_too_large_shrinks_to_the_outline(self) -> None:
        edit, label = add_polygon(two(), [(2.5, 1.5), (2.5, 4.5), (4.5, 4.5), (4.5, 1.5)], 6)
        assert label == 5
        assert np.argwhere(applied(two(), edit) == 5).tolist() == [
            [y, x] for y in (3, 4) for x in (2, 3, 4)
        ]

    def test_plane_of_a_stack(self) -> None:
        stack = np.zeros((3, 6, 6), dtype=np.uint8)
        edit, _ = add_polygon(stack, [(0, 0), (0, 3), (3, 3), (3, 0)], 1, plane=(2,))
        assert np.unique(np.nonzero(applied(stack, edit))[0]).tolist() == [2]

    @given(
        LABELS,
        arrays(np.float64, (4, 2), elements=st.floats(-3, 9)),
    )
    @settings(max_examples=40, deadline=None)
    def test_what_lies_mostly_outside_keeps_its_pixels(
        self, labels: np.ndarray, corners: np.ndarray
    ) -> None:
        try:
            edit, label = add_polygon(labels, corners, 9)
        except ValueError:
            # Many a polygon holds no pixel that is free; `test_refuses` says what is said then.
            return
        after = applied(labels, edit)
        box, inside = inside_polygon(corners, labels.shape)
        assert (after == label).any()
        for i in set(labels[labels > 0].tolist()):
            covered = 2 * np.count_nonzero((labels[box] == i) & inside) >= (labels == i).sum()
            if covered:
                assert i == label or not (after == i).any()
            else:
                assert np.array_equal(after == i, labels == i)

    @pytest.mark.parametrize(
        ("polygon", "new_id", "message"),
        [
            ([(0, 0), (1, 1)], 6, "at least 3 points, but there are 2"),
            ([], 6, "at least 3 points, but there are 0"),
            ([(0, 0, 0)] * 3, 6, r"but its shape is \(3, 3\)"),
            ([(0, 0), (0, np.nan), (3, 3)], 6, "not finite"),
            ([(50, 50), (50, 60), (60, 60)], 6, "covers no pixel"),
            ([(1.1, 1.1), (1.1, 1.9), (1.9, 1.9)], 6, "covers no pixel"),
            ([(0.5, 0.5), (0.5, 3.5), (2.5, 3.5), (2.5, 0.5)], 6, "just like this"),
            ([(2.5, 1.5), (2.5, 3.5), (3.5, 3.5), (3.5, 1.5)], 6, "Other objects lie here"),
            ([(0, 0), (0, 5), (5, 5)], 5, "Label 5 is in use"),
            ([(0, 0), (0, 5), (5, 5)], 0, "positive id, got 0"),
            ([(0, 0), (0, 5), (5, 5)], 2**31, "does not fit into labels of type int32"),
        ],
    )
    def test_refuses(self, polygon: list, new_id: int, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            add_polygon(two(), polygon, new_id)


class TestNextId:
    def test_after_the_largest(self) -> None:
        assert next_id(two()) == 6
        assert next_id(np.zeros((3, 3), dtype=np.uint8)) == 1
        assert next_id(np.zeros((0, 3), dtype=np.uint8)) == 1

    def test_never_reuses_a_removed_one(self) -> None:
        assert next_id(two(), pd.DataFrame({"index": [0, 3, 5, 12]})) == 13
        assert next_id(two(), pd.DataFrame({"index": [0, 1]})) == 6
        assert next_id(two(), pd.DataFrame({"index": []})) == 6

    def test_the_longest_unused_row_where_the_largest_is_taken(self) -> None:
        assert next_id(np.array([[0, 255]], dtype=np.uint8)) == 1
        used = np.array([3, 10, 255], dtype=np.uint8)
        assert next_id(used) == 11
        assert next_id(used, pd.DataFrame({"index": [0, 100, 250, 300]})) == 101
        assert next_id(np.array([-5, 127], dtype=np.int8)) == 1

    def test_full_type(self) -> None:
        full = np.arange(256, dtype=np.uint8)
        with pytest.raises(ValueError, match=r"Label 256 does not fit .*uint8.*astype\('int32'\)"):
            next_id(full)
        assert next_id(full[full != 9]) == 9
        with pytest.raises(
            ValueError, match="right click on their layer, Convert data type, int32"
        ):
            next_id(full[full != 9], pd.DataFrame({"index": [9]}))


def missing(edit: Callable[..., Edit], *arguments: object) -> None:
    before = two()
    with pytest.raises(ValueError, match="no label 77 here"):
        edit(before, *arguments)
    assert np.array_equal(before, two())


def test_a_refused_edit_changes_nothing() -> None:
    missing(delete, [3, 77])
    missing(merge, [3, 77])
