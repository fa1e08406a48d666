"""Found, missed and extra objects."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import Model
from napari_maskrcnn.train.comparison import EXTRA, FOUND, MISSED, compare_job, differences
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.metrics import count_errors


def square(labels: np.ndarray, value: int, top: int, left: int, side: int) -> None:
    labels[top : top + side, left : left + side] = value


@pytest.fixture
def true() -> np.ndarray:
    labels = np.zeros((40, 60), np.int32)
    square(labels, 7, 2, 2, 10)
    square(labels, 3, 2, 30, 6)
    square(labels, 2**31 - 1, 25, 2, 10)
    return labels


def test_every_object_is_found_missed_or_extra(true: np.ndarray) -> None:
    predicted = np.zeros_like(true)
    square(predicted, 1, 3, 3, 10)  # found, a pixel off
    square(predicted, 2, 0, 28, 12)  # around a small one: both are wrong
    square(predicted, 9, 30, 40, 5)
    seen = differences(true, predicted)
    at = {
        place: seen.kinds[int(seen.labels[place])] for place in ((6, 6), (1, 29), (4, 32), (32, 42))
    }
    assert list(at.values()) == [FOUND, EXTRA, MISSED, EXTRA]
    assert seen.kinds[int(seen.labels[30, 5])] == MISSED
    assert (seen.count(FOUND), seen.count(MISSED), seen.count(EXTRA)) == (1, 2, 2)
    assert count_errors(true, predicted) == {"objects": 3, "missed": 2, "extra": 2}


def test_what_is_right_but_for_a_pixel_is_shown_as_it_was_predicted(true: np.ndarray) -> None:
    predicted = np.roll(true, 1, axis=1)
    seen = differences(true, predicted)
    assert set(seen.kinds.values()) == {FOUND}
    np.testing.assert_array_equal(seen.labels > 0, predicted > 0)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 9)), max_size=8))
def test_the_counts_add_up(squares: list[tuple[int, int, int]]) -> None:
    one, other = np.zeros((2, 40, 40), np.int32)
    for number, (top, left, side) in enumerate(squares, start=1):
        square(one if number % 2 else other, number, top, left, side)
    seen, errors = differences(one, other), count_errors(one, other)
    assert seen.count(MISSED) == errors["missed"]
    assert seen.count(EXTRA) == errors["extra"]
    assert seen.count(FOUND) == errors["objects"] - errors["missed"]


def test_two_models_are_compared_on_an_image(base: Model, example: Example) -> None:
    found = run(compare_job(example, lambda: base, base))
    assert found is not None
    assert found.before is not None
    np.testing.assert_array_equal(found.before.labels, found.after.labels)
    assert found.after.count(FOUND) + found.after.count(MISSED) == len(example.objects)
    alone = run(compare_job(example, None, base))
    assert alone is not None
    assert alone.before is None
    stop = threading.Event()
    stop.set()
    assert run(compare_job(example, None, base, stop)) is None
