"""Tests of copying to another plane and of filling the planes between."""

from __future__ import annotations

import numpy as np
import pytest

from napari_maskrcnn.annotate.edits import Edit, copy, interpolate


def applied(labels: np.ndarray, edit: Edit) -> np.ndarray:
    after = labels.copy()
    edit.apply(after)
    return after


def disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:60, :80]
    return np.hypot(rows - row, columns - column) <= radius


def stack() -> np.ndarray:
    """Object 4 in planes 0 and 4 of five, moving and shrinking; object 9 in its way in plane 2."""
    labels = np.zeros((5, 60, 80), np.int32)
    labels[0][disc(20, 20, 12)] = 4
    labels[4][disc(36, 52, 8)] = 4
    labels[2, 25:28, 30:40] = 9
    return labels


def test_copy_goes_to_the_background_of_the_target_only() -> None:
    labels = stack()
    labels[1, 8:20, 8:20] = 3
    after = applied(labels, copy(labels, [4], (0,), (1,)))
    assert np.array_equal(after[1] == 4, (labels[0] == 4) & (labels[1] == 0))
    assert np.array_equal(after[[0, 2, 3, 4]], labels[[0, 2, 3, 4]])


def test_copy_refuses_what_is_there_and_where_there_is_no_room() -> None:
    labels = stack()
    with pytest.raises(ValueError, match="Object 4 is in that plane already"):
        copy(labels, [4], (0,), (4,))
    with pytest.raises(ValueError, match="no plane 5"):
        copy(labels, [4], (4,), (5,))
    labels[1] = 7
    with pytest.raises(ValueError, match="all the room in that plane"):
        copy(labels, [4], (0,), (1,))


def test_interpolation_moves_and_shrinks_in_even_steps() -> None:
    labels = stack()
    after = applied(labels, interpolate(labels, 4, axis=0))
    assert np.array_equal(after[[0, 4]], labels[[0, 4]])
    assert (after[2] == 9).sum() == 30
    for number, radius in ((1, 11), (2, 10), (3, 9)):
        wanted = disc(20 + 4 * number, 20 + 8 * number, radius) & (labels[number] == 0)
        got = after[number] == 4
        assert (got & wanted).sum() / (got | wanted).sum() > 0.92, number


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_interpolation_goes_along_any_axis(axis: int) -> None:
    labels = np.moveaxis(stack(), 0, axis)
    after = applied(labels, interpolate(labels, 4, axis))
    straight = applied(stack(), interpolate(stack(), 4, 0))
    assert np.array_equal(np.moveaxis(after, axis, 0), straight)


def test_interpolation_stays_at_its_time() -> None:
    film = np.stack([np.zeros_like(stack()), stack()])
    after = applied(film, interpolate(film, 4, axis=1, plane=(1,)))
    assert not after[0].any()
    assert (after[1] == 4).any(axis=(1, 2)).all()
    # Looking only where the object is finds the same.
    near = interpolate(film, 4, axis=1, plane=(1, slice(None), slice(5, 50), slice(5, 65)))
    assert np.array_equal(applied(film, near), after)


def test_interpolation_says_what_is_missing() -> None:
    labels = stack()
    labels[4] = 0
    with pytest.raises(ValueError, match="Object 4 has no gap to fill"):
        interpolate(labels, 4, axis=0)
    with pytest.raises(ValueError, match="Axis 0 is fixed"):
        interpolate(np.stack([labels]), 4, axis=0, plane=(0,))
    blocked = stack()
    blocked[1:4] = 9
    with pytest.raises(ValueError, match="all the room in the gap"):
        interpolate(blocked, 4, axis=0)
