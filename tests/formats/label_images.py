"""Random label images for tests: everything that a writer may trip over, in small arrays."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Labels = NDArray[np.integer]


def label_images(count: int = 50, ndim: int | None = None) -> list[Labels]:
    """Return `count` label images, always the same: the corner cases, then random ones.

    `ndim` keeps those of that many axes.
    """
    random = (random_labels(seed) for seed in itertools.count())
    kept = (
        labels
        for labels in itertools.chain(corner_cases(), random)
        if ndim is None or labels.ndim == ndim
    )
    return list(itertools.islice(kept, count))


def corner_cases() -> list[Labels]:
    """Images that each hold one difficulty."""
    empty = np.zeros((5, 7), np.uint8)
    one_pixel = empty.copy()
    one_pixel[4, 6] = 1
    full = np.full((4, 6), 3, np.uint16)
    ring = np.zeros((9, 11), np.int32)
    ring[1:8, 2:10] = 70_000
    ring[3:6, 4:8] = 0
    ring[4, 5] = 2  # an island of another object in the hole
    pieces = np.zeros((8, 12), np.int64)
    pieces[0, 0] = pieces[7, 11] = pieces[3:5, 3:5] = 2**31 - 1
    diagonal = np.eye(6, dtype=np.uint16)  # pieces that touch only at corners
    checkers = np.indices((6, 8)).sum(axis=0) % 2 + 1  # touching everywhere, no background
    line = np.zeros((1, 9), np.uint8)
    line[0, 2:7] = 255
    stack = np.zeros((3, 6, 8), np.int32)
    stack[0, 1:4, 1:5], stack[2, 2:5, 2:6], stack[2, 0, 0] = 9, 9, 65_536
    series = np.zeros((2, 2, 5, 6), np.uint16)
    series[0, 1, 1:3, 1:5], series[1, 0, 2:4, 0:3] = 1, 300
    return [
        *(empty, one_pixel, full, ring, pieces, diagonal, checkers, line, stack, series),
        np.zeros((2, 4, 5), np.uint8),
    ]


def random_labels(seed: int) -> Labels:
    """One random image: blobs, some touching, with holes, in pieces, with gaps in the numbers."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(side) for side in rng.integers(12, 60, 2))
    if rng.random() < 0.25:
        shape = (int(rng.integers(2, 4)), *shape)
    noise = ndimage.gaussian_filter(
        rng.standard_normal(shape), (0,) * (len(shape) - 2) + (1.5, 1.5)
    )
    # Cells of a coarse grid cut the blobs: their parts touch along straight and stepped edges.
    cells = np.indices(shape)[-2:].sum(axis=0) // int(rng.integers(7, 15))
    labels, found = ndimage.label(noise > np.quantile(noise, rng.uniform(0.3, 0.8)))
    labels = np.where(labels > 0, labels + found * cells, 0)
    kept = np.unique(labels)
    # Some numbers stand for several parts, so that objects have pieces far from each other.
    numbers = rng.choice(np.arange(1, 2 * len(kept) + 2), len(kept))
    if rng.random() < 0.3:
        numbers = numbers + int(rng.choice([250, 65_530, 2**24]))
    labels = np.where(labels > 0, numbers[np.searchsorted(kept, labels)], 0)
    labels[rng.random(shape) < 0.03] = 0  # pinholes
    return labels.astype(rng.choice([np.int32, np.uint32, np.int64]))


def many_objects(count: int = 5000, side: int = 7) -> Labels:
    """`count` objects without two of one shape next to each other, ids 1 … `count`, (H, W) int32.

    Asymmetric, so that a shifted corner shows; most touch their neighbours.
    """
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    y, x = np.indices((rows * side, columns * side))
    number = (y // side) * columns + x // side + 1
    y, x = y % side, x % side
    shape = (y <= 2 + number % (side - 2)) & (x <= 2 + number % (side - 3)) & ~((y == 1) & (x == 1))
    shape &= ~((y == 0) & (x < number % 3))
    return np.where(shape & (number <= count), number, 0).astype(np.int32)
