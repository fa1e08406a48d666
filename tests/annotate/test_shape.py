"""Tests of the corrections of an object's shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_maskrcnn.annotate.edits import (
    Edit,
    fill_holes,
    grow,
    keep_largest,
    remove_small,
    shrink,
    smooth,
)

SHAPERS = (fill_holes, grow, keep_largest, shrink, smooth)
LABELS = arrays(np.int32, (9, 11), elements=st.integers(0, 3)).filter(np.any)


def ring() -> np.ndarray:
    """Object 1 with a hole of 4 × 4 in which object 2 takes four pixels; object 3 is in pieces."""
    labels = np.zeros((20, 30), np.int32)
    labels[2:12, 2:12] = 1
    labels[5:9, 5:9] = 0
    labels[6:8, 6:8] = 2
    labels[2:8, 14:20] = 3
    labels[15:17, 14:17] = 3
    labels[17:18, 17:18] = 3
    return labels


def applied(labels: np.ndarray, edit: Edit) -> np.ndarray:
    after = labels.copy()
    edit.apply(after)
    return after


def test_holes_are_filled_around_what_lies_in_them() -> None:
    edit = fill_holes(ring(), [1])
    after = applied(ring(), edit)
    assert np.bincount(after.ravel())[1:].tolist() == [96, 4, 43]
    assert edit.mask.sum() == 12
    assert edit.mask.shape == (4, 4)


def test_grow_takes_background_and_shrink_gives_it_back() -> None:
    labels = ring()
    labels[2:8, 13] = 4
    after = applied(labels, grow(labels, [3]))
    gained = (after == 3) & (labels != 3)
    assert (labels[gained] == 0).all()
    assert (after == 4).sum() == 6
    # Six rows on the free side, above and below, and the outline of the two small pieces.
    assert after[2:8, 20].tolist() == [3] * 6
    assert after[1, 14:20].tolist() == [3] * 6
    square = np.zeros((9, 9), np.int32)
    square[3:6, 3:6] = 7
    wider = applied(square, grow(square, [7]))
    assert (wider == 7).sum() == 9 + 12
    assert np.array_equal(applied(wider, shrink(wider, [7])), square)
    assert np.array_equal(applied(wider, shrink(wider, [7], pixels=2))[4:5, 4:5], [[7]])


def test_an_object_at_the_border_does_not_shrink_from_there() -> None:
    labels = np.zeros((10, 10), np.int32)
    labels[0:5, 0:5] = 1
    after = applied(labels, shrink(labels, [1]))
    assert (after == 1).sum() == 16
    assert (after[:4, :4] == 1).all()


def test_the_largest_piece_stays_and_corners_connect() -> None:
    after = applied(ring(), keep_largest(ring(), [3]))
    assert (after == 3).sum() == 36
    # The two small pieces touch at a corner: they are one.
    rest = ring()
    rest[2:8, 14:20] = 0
    with pytest.raises(ValueError, match="already one piece"):
        keep_largest(rest, [3])


def test_smooth_cuts_off_a_thorn_and_keeps_the_size() -> None:
    labels = np.zeros((60, 60), np.int32)
    rows, columns = np.mgrid[:60, :60]
    disc = (rows - 30) ** 2 + (columns - 30) ** 2 <= 15**2
    labels[disc] = 5
    labels[30, 45:58] = 5
    after = applied(labels, smooth(labels, [5]))
    assert not (after[:, 48:] == 5).any()
    assert abs(int((after == 5).sum()) - int(disc.sum())) < 30


def test_several_at_once_and_in_one_plane_of_a_stack() -> None:
    stack = np.stack([ring()] * 3)
    edit = keep_largest(stack, [1, 3], plane=(1,))
    after = applied(stack, edit)
    assert (after == 3).sum(axis=(1, 2)).tolist() == [43, 36, 43]
    many = np.zeros((12, 60), np.int32)
    for i in range(10):
        many[2:10, 6 * i + 1 : 6 * i + 5] = i + 1
        many[5:7, 6 * i + 2 : 6 * i + 4] = 0
    filled = applied(many, fill_holes(many, range(1, 11)))
    assert np.bincount(filled.ravel())[1:].tolist() == [32] * 10


@given(LABELS, st.sampled_from(SHAPERS), st.data())
@settings(max_examples=80, deadline=None)
def test_neighbours_keep_their_pixels(
    labels: np.ndarray, tool: Callable[..., Edit], data: st.DataObject
) -> None:
    present = sorted(set(labels[labels > 0].tolist()))
    ids = data.draw(st.lists(st.sampled_from(present), min_size=1, unique=True))
    before = labels.copy()
    try:
        edit = tool(labels, ids)
    except ValueError:
        # Nothing to fill, no room to grow: the labels stay as they are.
        assert np.array_equal(labels, before)
        return
    after = applied(labels, edit)
    assert np.array_equal(labels, before)
    others = ~np.isin(labels, [0, *ids])
    assert np.array_equal(after[others], labels[others])
    assert set(after[labels == 0].tolist()) <= {0, *ids}
    assert set(ids) <= set(after.ravel().tolist())
    assert not np.array_equal(after, labels)


@pytest.mark.parametrize(
    ("tool", "ids", "message"),
    [
        (fill_holes, [3], "no hole to fill"),
        (keep_largest, [1], "already one piece"),
        (shrink, [2], "Object 2 is so small that it would vanish"),
        (grow, [2, 9], "no label 9 here"),
        (smooth, [], "Click on one, or draw around several"),
        (grow, [0], "0 is the background"),
    ],
)
def test_what_cannot_be_done_is_said(
    tool: Callable[..., Edit], ids: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        tool(ring(), ids)


def test_a_full_image_has_no_room_to_grow() -> None:
    with pytest.raises(ValueError, match="no background around"):
        grow(np.ones((5, 5), np.int32), [1])


def test_small_objects_are_removed_by_their_area() -> None:
    assert np.bincount(applied(ring(), remove_small(ring(), 43)).ravel())[1:].tolist() == [
        84,
        0,
        43,
    ]
    with pytest.raises(ValueError, match="fewer than 4 pixels"):
        remove_small(ring(), 4)
    stack = np.stack([ring(), ring()])
    with pytest.raises(ValueError, match="fewer than 8 pixels"):
        remove_small(stack, 8)
    assert not (applied(stack, remove_small(stack, 5, plane=(0,))) == 2)[0].any()
    far = np.where(ring() == 2, 2_000_000_000, ring())
    assert set(applied(far, remove_small(far, 5)).ravel().tolist()) == {0, 1, 3}
