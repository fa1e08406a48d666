"""The tally equals a comparison from scratch after any edits, however the planes lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_maskrcnn.annotate.counts import compare, difference
from napari_maskrcnn.annotate.kinds import Counts, Kinds
from napari_maskrcnn.annotate.outline import outline
from napari_maskrcnn.annotate.tally import Tally

PLANES = [(None, None), (0, None, None), (None, 1, None), (None, None, 2)]
EDITS = st.lists(
    st.tuples(*[st.integers(0, 300)] * 2, *[st.integers(1, 290)] * 2, st.integers(0, 5)),
    min_size=1,
    max_size=5,
)


def start(plane: tuple[int | None, ...]) -> tuple[np.ndarray, dict[Any, np.ndarray]]:
    """Labels of which two planes of three are known, across several tiles of the journal's."""
    image = np.zeros((280, 300), np.int32)
    image[10:60, 10:290], image[100:270, 40:120], image[100:270, 120:200] = 1, 2, 3
    if len(plane) == 2:
        return image.copy(), {plane: image}
    (axis,) = (axis for axis, at in enumerate(plane) if at is not None)
    data = np.zeros([3 if a == axis else n for a, n in enumerate(np.insert([280, 300], axis, 3))])
    data = data.astype(np.int32)
    before = {}
    for at in (0, 2):
        key = tuple(at if a == axis else None for a in range(3))
        before[key] = image * (at + 1)
        data[tuple(slice(None) if i is None else i for i in key)] = before[key]
    return data, before


def from_scratch(data: np.ndarray, before: dict[Any, np.ndarray]) -> dict[Any, Kinds]:
    plane = next(iter(before))
    axes = [a for a, at in enumerate(plane) if at is not None]
    found = {}
    for position in np.ndindex(*(data.shape[a] for a in axes)):
        key = tuple(None if at is None else position[0] for at in plane)
        now = data[tuple(slice(None) if i is None else i for i in key)]
        old = before.get(key, np.zeros_like(now))
        if not np.array_equal(old, now):
            found[key] = compare(old, now)
    return found


@pytest.mark.parametrize("plane", PLANES)
@given(EDITS, st.booleans())
@settings(max_examples=8, deadline=None)
def test_it_equals_a_comparison_from_scratch(plane: Any, edits: Any, by_pixel: bool) -> None:
    data, before = start(plane)
    tally = Tally(data.shape, before)
    assert tally.look(data)
    assert dict(tally.kinds) == {}
    states = [data.copy()]
    for row, column, height, width, label in edits:
        boxed = [slice(row, row + height), slice(column, column + width)]
        window = (
            tuple(boxed)
            if data.ndim == 2
            else tuple(
                slice(cut.start % 3, cut.start % 3 + 1) if n == 3 else cut
                for n, cut in zip(data.shape, [boxed[0], boxed[1], boxed[1]], strict=True)
            )
        )
        data[window] = label
        inside = np.zeros(data.shape, bool)
        inside[window] = True
        pixels = np.nonzero(inside)
        tally.note([] if by_pixel else [window], [pixels] if by_pixel else [])
        while not tally.look(data, 0):
            pass
        assert dict(tally.kinds) == from_scratch(data, before)
        states.append(data.copy())
    for state in (states[0], states[-1], states[0]):
        data[...] = state
        tally.note([(slice(None),) * data.ndim])
        tally.look(data)
        assert dict(tally.kinds) == from_scratch(data, before)
    assert tally.counts == Counts()


def test_the_kinds_name_the_objects() -> None:
    before = np.zeros((12, 40), np.int32)
    for label, column in enumerate(range(0, 40, 8), 1):
        before[2:8, column : column + 5] = label
    after = before.copy()
    after[after == 1] = 0
    after[2, 8:13] = 0
    after[5:8, 16:21] = 9
    after[after == 5] = 4
    after[10:12, 0:6] = 8
    kinds = compare(before, after)
    assert kinds.before == {1: "removed", 2: "reshaped", 3: "split", 4: "merged", 5: "merged"}
    assert kinds.after == {2: "reshaped", 3: "split", 9: "split", 4: "merged", 8: "added"}
    assert kinds.counts == difference(before, after) == Counts(1, 1, 1, 1, 1, 0)
    tally = Tally(before.shape, {(None, None): before})
    tally.look(after)
    (lines,) = (tally.outlines(plane, [1]) for plane in tally.kinds)
    assert {tuple(line.ravel()) for line in lines} == {
        (1.5, -0.5, 0, 5),
        (7.5, -0.5, 0, 5),
        (1.5, -0.5, 6, 0),
        (1.5, 4.5, 6, 0),
    }
    assert len(tally.outlines((None, None), [])) == 0


def test_outlines_across_tiles_are_those_of_the_whole() -> None:
    before = np.zeros((600, 520), np.int32)
    before[200:300, 100:400], before[300:330, 250:260], before[590:, 500:] = 3, 4, 6
    before[100:110, 0:520] = 5
    tally = Tally(before.shape, {(None, None): before})
    after = np.zeros_like(before)
    tally.look(after)
    assert tally.kinds[None, None].before == dict.fromkeys((3, 4, 5, 6), "removed")
    for ids in ([3], [3, 5], [3, 4, 5, 6], [4]):
        covered = np.zeros((2, 2 * 601, 2 * 521), np.int8)
        for lines, image in (
            (outline(np.pad(before, 1), np.isin(before, ids)), covered[0]),
            (tally.outlines((None, None), ids), covered[1]),
        ):
            for (row, column), (down, right) in (lines * 2).astype(int):
                image[row + 1 : row + 2 + down, column + 1 : column + 2 + right] = 1
        assert np.array_equal(*covered)


def test_one_tile_of_many_is_looked_at_per_edit() -> None:
    class Counting:
        def __init__(self, data: np.ndarray) -> None:
            self.data, self.read = data, 0

        def __getitem__(self, window: Any) -> np.ndarray:
            self.read += 1
            return self.data[window]

    data = np.zeros((2, 600, 600), np.uint16)
    counting = Counting(data)
    tally = Tally(data.shape, {(0, None, None): data[0].copy()})
    tally.look(counting)
    assert counting.read == 2 * 9
    data[1, 300:310, 300:310] = 4
    tally.note([(1, slice(300, 310), slice(300, 310))])
    tally.look(counting)
    assert counting.read == 2 * 9 + 1
    assert tally.counts == Counts(added=1)
