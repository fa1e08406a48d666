"""Tests of splitting along a line and between points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_maskrcnn.annotate.edits import Edit, merge, next_id, split_line, split_seeds
from napari_maskrcnn.synthetic import synthetic_nuclei


def square(dtype: type = np.int32) -> np.ndarray:
    """A 6 × 8 object, label 3, beside label 4."""
    labels = np.zeros((10, 14), dtype=dtype)
    labels[2:8, 2:10] = 3
    labels[2:8, 10:12] = 4
    return labels


def applied(labels: np.ndarray, edit: Edit) -> np.ndarray:
    after = labels.copy()
    edit.apply(after)
    return after


class TestSplitLine:
    def test_straight(self) -> None:
        after = applied(square(), split_line(square(), 3, [(0, 6.5), (9, 6.5)], 5))
        assert (after[2:8, 2:7] == 3).all()
        assert (after[2:8, 7:10] == 5).all()
        assert (after[2:8, 10:12] == 4).all()
        assert (after > 0).sum() == (square() > 0).sum()

    def test_through_pixel_centres(self) -> None:
        after = applied(square(), split_line(square(), 3, [(0, 6), (4, 6), (9, 6)], 5))
        assert np.bincount(after.ravel())[[3, 5]].tolist() == [30, 18]

    def test_diagonal(self) -> None:
        after = applied(square(), split_line(square(), 3, [(1, 1), (9, 11)], 5))
        parts = np.bincount(after.ravel())[[3, 5]]
        assert parts.sum() == 48
        assert parts.min() >= 15
        assert all(ndimage.label(after == label)[1] == 1 for label in (3, 5))

    def test_bent_line_cuts_out_a_corner(self) -> None:
        line = [(-1, 5.5), (4.5, 5.5), (4.5, -1)]
        after = applied(square(), split_line(square(), 3, line, 5))
        assert np.argwhere(after == 5).min(axis=0).tolist() == [2, 2]
        assert (after == 5).sum() == 12

    def test_zigzag_makes_three(self) -> None:
        line = [(0, 3.5), (9, 3.5), (12, 5), (9, 6.5), (0, 6.5)]
        after = applied(square(), split_line(square(), 3, line, 5))
        assert (after[2:8, 2:4] == 6).all() or (after[2:8, 2:4] == 5).all()
        assert sorted(np.bincount(after.ravel())[[3, 5, 6]].tolist()) == [12, 18, 18]

    def test_ends_a_little_inside(self) -> None:
        after = applied(square(), split_line(square(), 3, [(3, 6.5), (6, 6.5)], 5))
        assert (after == 5).sum() == 18

    def test_two_pixels(self) -> None:
        labels = np.array([[0, 1, 1, 0]], dtype=np.uint8)
        after = applied(labels, split_line(labels, 1, [(-1, 1.5), (1, 1.5)], 2))
        assert sorted(after.ravel().tolist()) == [0, 0, 1, 2]

    def test_pieces_that_the_line_misses_keep_their_label(self) -> None:
        labels = square()
        labels[0, 0] = 3
        after = applied(labels, split_line(labels, 3, [(1, 6.5), (9, 6.5)], 5))
        assert after[0, 0] == 3
        assert (after == 5).sum() == 18

    def test_plane_of_a_stack(self) -> None:
        stack = np.stack([square(), square()])
        after = applied(stack, split_line(stack, 3, [(0, 6.5), (9, 6.5)], 5, plane=(1,)))
        assert not (after[0] == 5).any()
        assert (after[1] == 5).sum() == 18

    @given(
        st.tuples(st.floats(2.6, 6.4), st.floats(-2, 1)),
        st.lists(st.tuples(st.floats(2, 7), st.floats(2, 9)), max_size=4),
        st.tuples(st.floats(2.6, 6.4), st.floats(10, 16)),
    )
    @settings(max_examples=80, deadline=None)
    def test_divides_the_object_and_nothing_else(
        self, start: tuple, bends: list[tuple], end: tuple
    ) -> None:
        labels = square()
        after = applied(labels, split_line(labels, 3, [start, *bends, end], 5))
        changed = after != labels
        assert (labels[changed] == 3).all()
        assert (after[changed] >= 5).all()
        sizes = np.bincount(after[labels == 3])
        assert sizes[3] == sizes.max()
        assert len(np.flatnonzero(sizes)) >= 2

    @given(st.integers(0, 50), st.floats(0, np.pi), st.floats(-0.3, 0.3))
    @settings(max_examples=25, deadline=None)
    def test_line_through_a_nucleus_makes_two_and_merging_undoes_it(
        self, seed: int, angle: float, offset: float
    ) -> None:
        _, labels = synthetic_nuclei((48, 48), 3, (14, 20), seed)
        label = int(np.argmax(np.bincount(labels[labels > 0])))
        rows, columns = np.nonzero(labels == label)
        direction = np.array([np.sin(angle), np.cos(angle)])
        middle = np.array([rows.mean(), columns.mean()]) + 5 * offset * direction[::-1] * [1, -1]
        line = [middle - 40 * direction, middle + 40 * direction]
        edit = split_line(labels, label, line, next_id(labels))
        after = applied(labels, edit)
        parts = np.unique(after[labels == label])
        assume(len(parts) == 2)
        for part in parts:
            assert ndimage.label(after == part, structure=np.ones((3, 3)))[1] == 1
        assert np.array_equal(applied(after, merge(after, parts, keep=label)), labels)

    def test_dense_freehand_line_equals_the_straight_one(self) -> None:
        straight = applied(square(), split_line(square(), 3, [(0, 6.3), (9, 6.3)], 5))
        dense = [(row, 6.3) for row in np.linspace(0, 9, 200)]
        assert np.array_equal(applied(square(), split_line(square(), 3, dense, 5)), straight)

    @pytest.mark.parametrize(
        ("label", "line", "new_id", "message"),
        [
            (3, [(0, 0), (0, 13)], 5, "does not cross object 3"),
            (3, [(4, 5), (4.5, 6)], 5, r"does not cross object 3\. Draw it from one side"),
            (9, [(0, 6.5), (9, 6.5)], 5, "no label 9 here"),
            (3, [(0, 6.5)], 5, "at least 2 points, but there are 1"),
            (3, [(4, 4), (4, 4)], 5, "does not cross"),
            (3, [(0, 6.5), (9, 6.5)], 4, "Label 4 is in use"),
        ],
    )
    def test_refuses(self, label: int, line: list, new_id: int, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            split_line(square(), label, line, new_id)

    def test_refuses_what_does_not_fit(self) -> None:
        with pytest.raises(ValueError, match="256 does not fit into labels of type uint8"):
            split_line(square(np.uint8), 3, [(0, 6.5), (9, 6.5)], 256)


class TestSplitSeeds:
    def dumbbell(self) -> np.ndarray:
        """Two discs of radius 6 that touch at column 12."""
        y, x = np.mgrid[:17, :27]
        discs = [(y - 8) ** 2 + (x - centre) ** 2 <= 36 for centre in (7, 18)]
        return np.where(discs[0] | discs[1], 2, 0).astype(np.int32)

    def test_cuts_at_the_waist(self) -> None:
        labels = self.dumbbell()
        after = applied(labels, split_seeds(labels, 2, [(8, 18), (8, 7)], 3))
        assert (after[8, 2:11] == 3).all()
        assert (after[8, 15:23] == 2).all()
        assert abs(int((after == 2).sum()) - int((after == 3).sum())) < 16
        assert np.array_equal(after > 0, labels > 0)

    def test_three_points(self) -> None:
        labels = np.ones((5, 30), dtype=np.uint8)
        after = applied(labels, split_seeds(labels, 1, [(2, 3), (2, 15), (2, 26)], 2))
        assert np.unique(after).tolist() == [1, 2, 3]
        assert after[2, [3, 15, 26]].tolist() == [1, 2, 3]

    def test_piece_without_a_point_keeps_its_label(self) -> None:
        labels = self.dumbbell()
        labels[0, 0] = 2
        after = applied(labels, split_seeds(labels, 2, [(8, 7), (8, 18)], 3))
        assert after[0, 0] == 2

    def test_plane_of_a_stack(self) -> None:
        stack = np.stack([self.dumbbell()] * 2)
        after = applied(stack, split_seeds(stack, 2, [(8, 7), (8, 18)], 3, plane=(0,)))
        assert (after == 3).any(axis=(1, 2)).tolist() == [True, False]

    @pytest.mark.parametrize(
        ("points", "new_id", "message"),
        [
            ([(8, 7)], 3, "at least 2 points, but there are 1"),
            ([(8, 7), (0, 0)], 3, r"Point 2 lies outside object 2\. Click inside"),
            ([(8, 7), (99, 99)], 3, "Point 2 lies outside object 2"),
            ([(8, 7), (8.2, 7.2)], 3, "Points 1 and 2 lie on the same pixel"),
            ([(8, 7), (8, 18)], 2, "Label 2 is in use"),
        ],
    )
    def test_refuses(self, points: list, new_id: int, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            split_seeds(self.dumbbell(), 2, points, new_id)
