"""Outlines: every border between two labels is covered by exactly one line."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_maskrcnn.annotate.outline import outline


def test_a_rectangle_has_four_lines() -> None:
    labels = np.zeros((6, 9), np.int32)
    labels[2:4, 3:8] = 5
    expected = {(1.5, 2.5, 0, 5), (3.5, 2.5, 0, 5), (1.5, 2.5, 2, 0), (1.5, 7.5, 2, 0)}
    assert {tuple(line.ravel()) for line in outline(np.pad(labels, 1), labels > 0)} == expected
    assert outline(np.zeros((6, 7), int), np.zeros((4, 5), bool)).shape == (0, 2, 2)


@given(arrays(np.uint8, (5, 7), elements=st.integers(0, 3)))
@settings(max_examples=40, deadline=None)
def test_the_lines_are_as_long_as_the_borders(labels: np.ndarray) -> None:
    framed = np.pad(labels.astype(int), 1)
    borders = sum(int((np.diff(framed, axis=axis) != 0).sum()) for axis in (0, 1))
    lines = outline(framed, labels > 0)
    assert lines[:, 1].sum() == borders
    # They run from corner to corner of pixels, within the image.
    assert np.array_equal(lines[:, 0] % 1, np.full((len(lines), 2), 0.5))
    ends = lines.sum(axis=1)
    assert (ends <= np.array(labels.shape) - 0.5).all()
