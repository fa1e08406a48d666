"""A plane of a larger array, of which only the piece that is asked for is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class View:
    """A plane, (H, W) or (H, W, C), of an array of any axes.

    Parameters
    ----------
    array : numpy, dask, zarr or any array with ``shape``, ``dtype`` and slicing
    index : tuple of int or None
        Position along every axis of the array; None along those of the plane and its channels.
    channel : int, optional
        Axis of the array that holds the channels.
    """

    array: Any
    index: tuple[int | None, ...]
    channel: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, C)."""
        return tuple(int(self.array.shape[axis]) for axis in self._own_axes())

    @property
    def ndim(self) -> int:
        """2, or 3 with channels."""
        return len(self._own_axes())

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        return np.dtype(self.array.dtype)

    def __getitem__(self, where: slice | tuple[slice, ...]) -> NDArray[Any]:
        """Read a piece: slices of rows, columns and channels, those at the end may be left out."""
        slices = where if isinstance(where, tuple) else (where,)
        wanted = dict(zip(self._own_axes(), slices, strict=False))
        index = tuple(
            wanted.get(axis, slice(None)) if at is None else at
            for axis, at in enumerate(self.index)
        )
        piece = np.asarray(self.array[index])
        if self.channel is None:
            return piece
        before = sum(at is None for at in self.index[: self.channel])
        return np.moveaxis(piece, before, -1)

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Read all of it."""
        whole = self[:, :]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def _own_axes(self) -> list[int]:
        plane = [k for k, at in enumerate(self.index) if at is None and k != self.channel]
        return plane if self.channel is None else [*plane, self.channel]
