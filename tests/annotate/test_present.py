"""Tests of which objects a label image holds, small ids and large."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_maskrcnn.annotate.present import areas_of, ids_of, is_any

LABELS = arrays(
    np.int64, (4, 5), elements=st.sampled_from([0, 1, 2, 3, 5, 8, 13, 77, 20_000, 3_000_000_000])
)


@given(LABELS, st.sets(st.integers(0, 15), max_size=16))
@settings(max_examples=60, deadline=None)
def test_as_numpy_finds_them(labels: np.ndarray, chosen: set[int]) -> None:
    ids, counts = np.unique(labels[labels > 0], return_counts=True)
    assert np.array_equal(ids_of(labels), ids)
    assert [part.tolist() for part in areas_of(labels)] == [ids.tolist(), counts.tolist()]
    wanted = np.array(sorted(chosen), np.int64)
    assert np.array_equal(is_any(labels, wanted), np.isin(labels, wanted))


def test_an_empty_image_holds_none() -> None:
    empty = np.zeros((0, 4), np.uint8)
    assert len(ids_of(empty)) == len(areas_of(empty)[0]) == 0
    assert is_any(empty, np.array([1])).shape == (0, 4)


def test_what_is_below_the_background_is_no_object() -> None:
    labels = np.array([[-1, -1, 0], [5, 5, 2]])
    assert ids_of(labels).tolist() == [2, 5]
    assert [found.tolist() for found in areas_of(labels)] == [[2, 5], [1, 2]]
