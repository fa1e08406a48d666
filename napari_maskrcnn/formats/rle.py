"""COCO's run-length encoding ↔ runs of pixels, for all objects of an image at once.

COCO counts pixels down the columns: so many outside the object, so many inside, and so on. It
writes the counts (from the fourth on, the difference to the last but one) in characters of six
bits, one of which says that another follows. pycocotools, by which the tests measure this, decodes
into a full image for every object, hours for 100,000 of them, and writes beyond its memory where
counts exceed 2**29.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.runs import Runs

_MORE, _SIGN, _FIRST = 32, 16, 48
#: Characters of a number of 35 bits, more than an image has pixels.
_MOST_CHARACTERS = 7


def encode(columns: Runs, shape: tuple[int, int]) -> list[str]:
    """Return the compressed text of each object of a plane, the same as pycocotools'.

    Parameters
    ----------
    columns : Runs
        As `runs_of` gives them for the transposed plane: each "row" is a column of the image.
    shape : (H, W)
        Of the image.
    """
    if not columns.count:
        return []
    counts, amounts = _counts(columns, shape)
    numbers = counts.copy()
    at = np.arange(len(counts)) - np.repeat(np.cumsum(amounts) - amounts, amounts)
    later = np.flatnonzero(at > 2)
    numbers[later] -= counts[later - 2]
    characters = np.zeros((len(numbers), _MOST_CHARACTERS), np.uint8)
    unfinished = np.ones(len(numbers), dtype=bool)
    for place in range(_MOST_CHARACTERS):
        bits = numbers & (_MORE - 1)
        numbers >>= 5
        # The last character's highest bit is the sign, so the rest must be all that bit.
        more = unfinished & (numbers != np.where(bits & _SIGN, -1, 0))
        characters[unfinished, place] = (bits + np.where(more, _MORE, 0) + _FIRST)[unfinished]
        unfinished = more
    used = characters > 0
    text = characters[used].tobytes().decode("ascii")
    lengths = np.add.reduceat(used.sum(axis=1), np.cumsum(amounts) - amounts)
    return [text[start:stop] for start, stop in pairwise([0, *np.cumsum(lengths).tolist()])]


def _counts(columns: Runs, shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the counts of all objects, one after the other, and how many each object has."""
    first = columns.rows * shape[0] + columns.starts
    last = columns.rows * shape[0] + columns.stops
    # A run that ends at the bottom goes on at the top of the next column.
    joined = (first[1:] == last[:-1]) & (columns.objects[1:] == columns.objects[:-1])
    begins, ends = (
        np.flatnonzero(np.append(True, ~joined)),
        np.flatnonzero(np.append(~joined, True)),
    )
    first, last, objects = first[begins], last[ends], columns.objects[begins]
    before = np.append(0, np.where(objects[1:] == objects[:-1], last[:-1], 0))
    inner = np.stack([first - before, last - first], axis=1).reshape(-1)
    bounds = np.searchsorted(objects, np.arange(columns.count + 1))
    after = shape[0] * shape[1] - last[bounds[1:] - 1]
    at_end = after > 0
    counts = np.insert(inner, 2 * bounds[1:][at_end], after[at_end])
    return counts, 2 * np.diff(bounds) + at_end


def decode(texts: Sequence[str | bytes]) -> list[NDArray[np.int64]]:
    """Return the counts of each compressed text.

    Raises
    ------
    ValueError
        A text is not of COCO's compressed run-length encoding.
    """
    encoded = [
        text.encode("latin-1", "replace") if isinstance(text, str) else text for text in texts
    ]
    data = np.frombuffer(b"".join(encoded), np.uint8).astype(np.int64) - _FIRST
    if not len(data):
        return [np.zeros(0, np.int64) for _ in encoded]
    lengths = np.array([len(text) for text in encoded])
    ends = np.flatnonzero(~data & _MORE)
    begins = np.append(0, ends[:-1] + 1)
    if (
        ((data < 0) | (data >= 64)).any()
        or not np.isin(np.cumsum(lengths)[lengths > 0] - 1, ends).all()
        or (ends - begins).max() >= _MOST_CHARACTERS
    ):
        raise ValueError("a mask is no compressed run-length encoding of COCO")
    place = np.arange(len(data)) - np.repeat(begins, ends - begins + 1)
    numbers = np.add.reduceat((data & (_MORE - 1)) << 5 * place, begins)
    numbers -= np.where(data[ends] & _SIGN, 1 << 5 * (place[ends] + 1), 0)
    amounts = np.diff(np.searchsorted(ends, np.append(0, np.cumsum(lengths))))
    return np.split(_undo_differences(numbers, amounts), np.cumsum(amounts)[:-1])


def _undo_differences(numbers: NDArray[np.int64], amounts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add up, object by object, the differences of every other count from the fourth on."""
    objects = np.repeat(np.arange(len(amounts)), amounts)
    at = np.arange(len(numbers)) - np.repeat(np.cumsum(amounts) - amounts, amounts)
    # The first count stands alone; the others make two chains, 2nd 4th … and 3rd 5th … .
    chain = 3 * objects + np.where(at == 0, 0, 2 - at % 2)
    order = np.argsort(chain, kind="stable")
    sums = np.cumsum(numbers[order])
    new = np.flatnonzero(np.diff(chain[order], prepend=-1))
    before = np.where(new > 0, sums[new - 1], 0)
    counts = np.empty_like(numbers)
    counts[order] = sums - np.repeat(before, np.diff(np.append(new, len(sums))))
    return counts


def runs_of_counts(counts: Sequence[NDArray[np.int64]], pixels: int) -> Runs:
    """Return the pixels of objects as runs of one single column of `pixels` pixels.

    That is a plane of (1, `pixels`), the image's columns one after the other.

    Raises
    ------
    ValueError
        Counts are negative or do not add up to the image's pixels.
    """
    amounts = np.array([len(each) for each in counts], np.int64)
    joined = np.concatenate([np.zeros(0, np.int64), *counts])
    if len(joined) and (joined.min() < 0 or joined.max() > pixels):
        raise ValueError(f"a mask counts pixels that its image of {pixels:,} does not have")
    first = np.cumsum(amounts) - amounts
    sums = np.append(0, np.cumsum(joined))
    totals = sums[first + amounts] - sums[first]
    # Some programs leave out the background at the end.
    if (totals > pixels).any():
        raise ValueError(
            f"a mask counts {int(totals.max()):,} pixels, but its image has {pixels:,}"
        )
    objects = np.repeat(np.arange(len(amounts)), amounts)
    inside = (np.arange(len(joined)) - first[objects]) % 2 == 1
    inside &= joined > 0
    starts = (sums[:-1] - sums[first][objects])[inside]
    return Runs(
        len(counts),
        objects[inside],
        np.zeros(len(starts), np.int64),
        starts,
        starts + joined[inside],
    )
