"""A label array in tiles: what changed is kept tile by tile, and tiles make it again."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Longest side of a tile: 256 kB of int32, which is copied in 0.05 ms.
SIDE = 256
#: Fast, and label images are small at any level.
LEVEL = 1

Block = NDArray[Any] | Callable[[], NDArray[Any]]


@dataclass(frozen=True)
class Tiles:
    """How an array is cut: plane by plane, numbered in C order.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array, any number of axes.
    dtype : str
        Its number type as numpy writes it, such as ``<i4``.
    """

    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, data: Any) -> Tiles:
        """Cut an array (numpy, dask, zarr)."""
        return cls(tuple(int(n) for n in data.shape), np.dtype(data.dtype).str)

    @cached_property
    def tile(self) -> tuple[int, ...]:
        """Shape of a tile that no border cuts: thin on every axis but the last two."""
        thin = len(self.shape) - 2
        return tuple(1 if axis < thin else min(SIDE, n) for axis, n in enumerate(self.shape))

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Number of tiles along every axis."""
        return tuple(-(-n // max(size, 1)) for n, size in zip(self.shape, self.tile, strict=True))

    def __len__(self) -> int:
        return int(np.prod(self.counts, dtype=np.int64))

    def window(self, number: int) -> tuple[slice, ...]:
        """Where in the array a tile lies."""
        at = np.unravel_index(number, self.counts)
        return tuple(
            slice(int(i) * size, min((int(i) + 1) * size, n))
            for i, size, n in zip(at, self.tile, self.shape, strict=True)
        )

    def touching(self, window: Sequence[int | slice]) -> NDArray[np.int64]:
        """Numbers of the tiles that a window of the array touches.

        Parameters
        ----------
        window : sequence of int or slice with step 1
            One an axis; axes left out at the end are whole. One that counts from the end is taken
            for the whole axis.
        """
        whole = [*window, *[slice(None)] * (len(self.shape) - len(window))]
        numbers = np.zeros(1, np.int64)
        for cut, n, size, count in zip(whole, self.shape, self.tile, self.counts, strict=True):
            start, stop = _bounds(cut, n)
            if start >= stop:
                return np.zeros(0, np.int64)
            along = np.arange(start // size, (stop - 1) // size + 1)
            numbers = (numbers[:, None] * count + along).ravel()
        return numbers

    def around(self, indices: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
        """Numbers of the tiles in the bounding box of pixels, given by index arrays."""
        if any(axis.size == 0 for axis in indices):
            return np.zeros(0, np.int64)
        return self.touching([slice(int(a.min()), int(a.max()) + 1) for a in indices])

    def unpacked(
        self, contents: Iterable[tuple[int, bytes]]
    ) -> Iterator[tuple[tuple[slice, ...], NDArray[Any]]]:
        """Unpack tiles, each a number and a content; yield where they lie and their pixels."""
        for number, content in contents:
            window = self.window(number)
            shape = tuple(cut.stop - cut.start for cut in window)
            yield window, unpack(content, shape, self.dtype)

    def to_json(self) -> Mapping[str, Any]:
        """Return what makes this object again."""
        return {"shape": list(self.shape), "dtype": self.dtype}


def _bounds(cut: int | slice, n: int) -> tuple[int, int]:
    if isinstance(cut, slice):
        if cut.start is not None and cut.start < 0:
            return 0, n
        start, stop, _ = cut.indices(n)
        return start, stop
    return cut % n, cut % n + 1


def pack(block: NDArray[Any], dtype: str) -> bytes:
    """Pack a tile; one of background alone takes no bytes."""
    content = np.ascontiguousarray(block, np.dtype(dtype))
    return zlib.compress(content.data, LEVEL) if content.any() else b""


def unpack(content: bytes, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Unpack a tile."""
    if not content:
        return np.zeros(shape, np.dtype(dtype))
    return np.frombuffer(zlib.decompress(content), np.dtype(dtype)).reshape(shape)
