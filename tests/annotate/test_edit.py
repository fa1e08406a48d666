"""Tests of edits: where they land in a stack, and that they touch nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from napari_maskrcnn.annotate.edit import Edit, Region, bounding_box


def stack() -> np.ndarray:
    """Three planes of 4 × 5; label 2 only in plane 1."""
    labels = np.zeros((3, 4, 5), dtype=np.uint16)
    labels[:, :2, :2] = 1
    labels[1, 2:, 3:] = 2
    return labels


def test_apply_writes_the_mask_only() -> None:
    labels = np.zeros((4, 5), dtype=np.int32)
    mask = np.array([[True, False], [False, True]])
    Edit((slice(1, 3), slice(2, 4)), mask, np.array([7, 8])).apply(labels)
    assert np.argwhere(labels).tolist() == [[1, 2], [2, 3]]
    assert labels[labels > 0].tolist() == [7, 8]


@pytest.mark.parametrize("plane", [(1,), (-2,), (1, slice(None)), (1, slice(None), slice(None))])
def test_plane_of_a_stack(plane: tuple) -> None:
    labels = stack()
    region = Region.of(labels, plane, axes=2)
    box, mask = region.find([2])
    edit = region.edit(box, mask, 9)
    assert edit.slices == (slice(1, 2), slice(2, 4), slice(3, 5))
    assert edit.mask.shape == (1, 2, 2)
    before = labels.copy()
    edit.apply(labels)
    assert np.array_equal(labels, np.where(before == 2, 9, before))


def test_plane_across_a_stack() -> None:
    labels = stack()
    region = Region.of(labels, (slice(None), 3, slice(None)), axes=2)
    edit = region.edit(*region.find([2]), 9)
    edit.apply(labels)
    assert np.argwhere(labels == 9).tolist() == [[1, 3, 3], [1, 3, 4]]
    assert np.argwhere(labels == 2).tolist() == [[1, 2, 3], [1, 2, 4]]


def test_a_window_says_where_to_look() -> None:
    labels = stack()
    region = Region.of(labels, (slice(None), slice(2, 4), slice(3, 9)))
    assert region.view.shape == (3, 2, 2)
    edit = region.edit(*region.find([2]), 9)
    assert edit.slices == (slice(1, 2), slice(2, 4), slice(3, 5))
    edit.apply(labels)
    assert np.array_equal(labels, np.where(stack() == 2, 9, stack()))
    with pytest.raises(ValueError, match="no label 1 here"):
        region.find([1])


def test_many_ids_are_found_like_few() -> None:
    labels = np.arange(24, dtype=np.int32).reshape(4, 6)
    region = Region.of(labels)
    for ids in ([5, 9], list(range(5, 20))):
        box, mask = region.find(ids)
        assert sorted(labels[box][mask].tolist()) == ids
    with pytest.raises(ValueError, match="no label 24, 25 here"):
        region.find(range(10, 26))


def test_indices_are_those_that_apply_writes() -> None:
    labels, other = stack(), stack()
    region = Region.of(labels, (1,))
    edit = region.edit(*region.find([1, 2]), np.arange(10, 18))
    edit.apply(labels)
    other[edit.indices] = edit.values
    assert np.array_equal(labels, other)
    assert sorted(labels[labels >= 10].tolist()) == list(range(10, 18))


def test_window_is_trimmed() -> None:
    region = Region.of(np.zeros((9, 9), dtype=np.int32))
    mask = np.zeros((6, 6), dtype=bool)
    mask[2, 3] = True
    edit = region.edit((slice(1, 7), slice(1, 7)), mask, 5)
    assert edit.slices == (slice(3, 4), slice(4, 5))
    assert edit.mask.tolist() == [[True]]


def test_bounding_box() -> None:
    mask = np.zeros((4, 5, 6), dtype=bool)
    assert bounding_box(mask) == (slice(0, 0),) * 3
    mask[1, 2, 3] = mask[2, 0, 3] = True
    assert bounding_box(mask) == (slice(1, 3), slice(0, 3), slice(3, 4))


@pytest.mark.parametrize(
    ("plane", "axes", "message"),
    [
        ((3,), 2, "no plane 3 on axis 0, which has 3"),
        ((-4,), 2, "no plane -4"),
        ((0, 0, 0, 0), 2, "has more axes than the labels, 3"),
        ((slice(0, 3, 2),), 2, "indices and slices without steps"),
        (None, 2, "one plane of 2 axes, but there are 3. Choose"),
        ((0, 0), 2, "one plane of 2 axes, but there are 1"),
    ],
)
def test_refuses_planes(plane: tuple | None, axes: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Region.of(stack(), plane, axes)


def test_refuses_floats_and_labels_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="the dtype is float64"):
        Region.of(np.zeros((3, 3)))
    region = Region.of(np.ones((3, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match="Label 256 does not fit into labels of type uint8"):
        region.edit(*region.find([1]), 256)
