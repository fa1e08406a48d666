from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_maskrcnn.predict.pairs import box_iou, overlapping


def boxes(count: int) -> st.SearchStrategy[np.ndarray]:
    corners = arrays(np.float32, (count, 2), elements=st.floats(0, 400, width=16))
    sizes = arrays(np.float32, (count, 2), elements=st.floats(0, 300, width=16))
    return st.tuples(corners, sizes).map(lambda p: np.concatenate([p[0], p[0] + p[1]], 1))


@given(first=boxes(7), second=boxes(5))
def test_the_pairs_are_those_of_comparing_all(first: np.ndarray, second: np.ndarray) -> None:
    rows, columns, iou = overlapping(first, second)
    wide = first.astype(np.float64), second.astype(np.float64)
    every = np.array([[box_iou(a[None], b[None])[0] for b in wide[1]] for a in wide[0]])
    expected = np.nonzero(every)
    assert rows.tolist() == expected[0].tolist()
    assert columns.tolist() == expected[1].tolist()
    np.testing.assert_allclose(iou, every[expected])


def test_iou_of_a_shifted_square() -> None:
    square = np.array([[0, 0, 10, 10]], np.float32)
    assert overlapping(square, square + 5)[2].tolist() == [25 / 175]
    assert overlapping(square, square + 10)[2].tolist() == []


def test_no_box_has_no_pair() -> None:
    none = np.zeros((0, 4), np.float32)
    assert [len(part) for part in overlapping(none, np.ones((3, 4), np.float32))] == [0, 0, 0]


def test_many_boxes_take_no_table_of_all_pairs() -> None:
    """20,000 boxes would have 4e8 pairs; each of these meets itself and its neighbours."""
    y, x = np.divmod(np.arange(20_000), 100)
    many = np.stack([10 * x, 10 * y, 10 * x + 11, 10 * y + 11], 1).astype(np.float32)
    rows, columns, iou = overlapping(many, many)
    assert (iou[rows == columns] == 1).all()
    assert len(rows) == 20_000 + 2 * (99 * 200 + 100 * 199 + 2 * 99 * 199)
