"""Tests of the order of the review, and of finding an object in a stack."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_maskrcnn.annotate.review import Limits, Queue, find


def table() -> pd.DataFrame:
    """Objects 1 to 6: 2 is gone, 4 has no score, 5 is accepted, 3 and 6 have one score."""
    return pd.DataFrame(
        {
            "index": range(7),
            "score": [np.nan, 0.9, 0.1, 0.5, np.nan, 0.2, 0.5],
            "area": [0, 30, 0, 10, 20, 50, 40],
            "state": ["", "predicted", "predicted", "predicted", "added", "accepted", "predicted"],
        }
    )


def test_the_least_certain_comes_first_and_the_unknown_last() -> None:
    queue = Queue.of(table(), Limits())
    assert queue.ids.tolist() == [5, 3, 6, 1, 4]
    assert queue.open.tolist() == [False, True, True, True, True]


@pytest.mark.parametrize(
    ("limits", "ids"),
    [
        (Limits(lowest=0.3), [3, 6, 1]),
        (Limits(highest=0.5), [5, 3, 6]),
        (Limits(smallest=20), [5, 6, 1, 4]),
        (Limits(largest=20), [3, 4]),
        (Limits(lowest=0.95), []),
    ],
)
def test_limits(limits: Limits, ids: list[int]) -> None:
    assert Queue.of(table(), limits).ids.tolist() == ids


def test_steps_pass_accepted_ones_and_go_round() -> None:
    queue = Queue.of(table(), Limits())
    seen = [queue.after(0)]
    for _ in range(4):
        seen.append(queue.after(queue.place(seen[-1]) + 1))
    assert seen == [3, 6, 1, 4, 3]
    # Back also shows those that were accepted, to take that back.
    assert queue.before(queue.place(3)) == 5
    assert queue.before(queue.place(5)) == 4
    assert queue.place(2) == -1
    nothing = Queue.of(table(), Limits(lowest=0.95))
    assert (nothing.after(0), nothing.before(0), len(nothing)) == (0, 0, 0)


def test_an_object_is_found_where_most_of_it_is() -> None:
    stack = np.zeros((4, 20, 30), np.int32)
    stack[1, 3:5, 4:6] = 7
    stack[2, 3:8, 4:13] = 7
    assert find(stack, 7, slice(0, 20), slice(0, 30)) == (2, 5, 8)
    assert find(stack, 7, slice(3, 8), slice(4, 13)) == (2, 5, 8)
    assert find(stack[2], 7, slice(3, 8), slice(4, 13)) == (5, 8)
    assert find(stack, 8, slice(3, 8), slice(4, 13)) is None
