"""Tests of the objects of a label image, against a plain comparison with every label."""

from __future__ import annotations

import numpy as np
import pytest

from napari_maskrcnn.formats.objects import compact_labels, find_boxes, objects_of
from tests.formats.label_images import label_images, many_objects


@pytest.mark.parametrize("labels", label_images(25, ndim=2))
def test_objects_are_the_labels(labels: np.ndarray) -> None:
    rebuilt = np.zeros_like(labels)
    found = list(objects_of(labels))
    assert [item.label for item in found] == [label for label in np.unique(labels) if label]
    for item in found:
        height, width = item.mask.shape
        rebuilt[item.y : item.y + height, item.x : item.x + width][item.mask] = item.label
        assert item.mask.any(axis=0)[[0, -1]].all()
        assert item.mask.any(axis=1)[[0, -1]].all()
    assert np.array_equal(rebuilt, labels)


@pytest.mark.parametrize("labels", label_images(25))
def test_compact_numbers_have_no_gaps(labels: np.ndarray) -> None:
    ids, compact = compact_labels(labels)
    assert compact.dtype == np.int32
    assert np.array_equal(np.concatenate([[0], ids])[compact], labels)
    assert set(np.unique(compact)) - {0} == set(range(1, len(ids) + 1))


def test_far_numbers_need_no_table() -> None:
    labels = np.array([[0, 2**40], [7, 2**40]])
    ids, compact = compact_labels(labels)
    assert ids.tolist() == [7, 2**40]
    assert compact.tolist() == [[0, 2], [1, 2]]


def test_many() -> None:
    labels = many_objects(5000)
    ids, compact = compact_labels(labels)
    assert len(ids) == 5000
    assert compact is labels
    assert len(find_boxes(compact, 5000)) == 5000
