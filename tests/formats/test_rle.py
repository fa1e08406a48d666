"""Tests of COCO's run lengths against pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask

from napari_maskrcnn.formats.rle import decode, encode, runs_of_counts
from napari_maskrcnn.formats.runs import Runs, paint, runs_of

PLANES = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 2)
)


def texts(plane: np.ndarray) -> dict[int, str]:
    ids, runs = runs_of(np.ascontiguousarray(plane.T))
    return dict(zip(ids.tolist(), encode(runs, plane.shape), strict=True))


@given(PLANES)
def test_texts_are_those_of_pycocotools(plane: np.ndarray) -> None:
    for label, text in texts(plane).items():
        expected = mask.encode(np.asfortranarray(plane == label).astype(np.uint8))
        assert text == expected["counts"].decode()


@given(PLANES)
def test_decoding_gives_the_pixels_back(plane: np.ndarray) -> None:
    height, width = plane.shape
    found = texts(plane)
    columns = np.zeros((width, height), np.uint8)
    runs = runs_of_counts(decode(list(found.values())), plane.size)
    paint(runs, np.array(list(found), np.int64), columns.reshape(1, -1))
    assert np.array_equal(columns.T, plane)


def test_counts_of_the_largest_images() -> None:
    # 2**31 pixels in one column: the object, a gap and the object, of 2**29 pixels and more.
    size, ends = 2**31, [5, 2**30, 2**30 + 7, 2**31]
    runs = Runs(1, *np.array([[0, 0], [0, 0], ends[::2], ends[1::2]]))
    (text,) = encode(runs, (size, 1))
    counts = [5, 2**30 - 5, 7, 2**30 - 7]
    assert decode([text])[0].tolist() == counts
    back = runs_of_counts(decode([text]), size)
    assert [back.starts.tolist(), back.stops.tolist()] == [ends[::2], ends[1::2]]


@pytest.mark.parametrize(
    "text",
    ["é", "/", "p", "1o", "o" * 20 + "1", "ooooooo1", "\x00"],
    ids=["high", "too low", "too high", "unfinished", "endless", "too long", "zero"],
)
def test_what_is_no_run_length(text: str) -> None:
    with pytest.raises(ValueError, match="no compressed run-length encoding"):
        decode(["11", text])


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([3, -1, 4], "that its image of 12 does not have"),
        ([3, 13], "that its image of 12 does not have"),
        ([6, 6, 6], "counts 18 pixels, but its image has 12"),
    ],
)
def test_counts_that_do_not_fit(counts: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        runs_of_counts([np.array(counts)], 12)


def test_background_at_the_end_may_be_left_out() -> None:
    runs = runs_of_counts([np.array([2, 3]), np.array([], np.int64), np.array([0, 12])], 12)
    assert runs.objects.tolist() == [0, 2]
    assert runs.starts.tolist() == [2, 0]
    assert runs.stops.tolist() == [5, 12]
