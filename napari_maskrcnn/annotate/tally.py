"""What was corrected in an array of labels, kept up to date by looking only where edits were.

Planes are compared with what they were, tile by tile and a few milliseconds at a time, so that
labels of any size can be followed while someone paints in them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.journal.tiles import Tiles
from napari_maskrcnn.annotate.kinds import Counts, Kinds, Pairs, kinds_of
from napari_maskrcnn.annotate.outline import outline
from napari_maskrcnn.annotate.present import areas_of, is_any

#: One plane of an array: an int on every axis that is not in the plane, None on the two that are.
Plane = tuple[int | None, ...]
#: Pixels whose place is looked up at once.
AT_ONCE = 50_000

Sizes = tuple[NDArray[np.int64], NDArray[np.int64]]


class Tally:
    """Compares labels with what they were.

    Parameters
    ----------
    shape : tuple of int
        Shape of the labels, two axes or more.
    before : mapping of plane to (H, W) integers
        What they were in each plane, all parallel and at least one; other planes were empty. The
        arrays are not copied and must stay as they are.
    """

    def __init__(self, shape: Sequence[int], before: Mapping[Plane, NDArray[Any]]) -> None:
        plane = next(iter(before))
        inside = [axis for axis, at in enumerate(plane) if at is None]
        self._fixed = [axis for axis, at in enumerate(plane) if at is not None]
        # Tiles lie in planes, so the axes of the planes come last.
        self._order = [*self._fixed, *inside]
        self._before = before
        self._tiles = Tiles(tuple(int(shape[axis]) for axis in self._order), "<i8")
        self._waiting = dict.fromkeys(range(len(self._tiles)))
        self._differing: dict[Plane, dict[int, Pairs]] = {}
        self._unmeasured: dict[int, None] = {}
        self._sizes: dict[Plane, dict[int, Sizes]] = {}
        self._kinds: dict[Plane, Kinds] = {}
        self._index: dict[Plane, Sizes] = {}
        self._outlines: dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}

    def note(
        self, windows: Iterable[Sequence[int | slice]], pixels: Iterable[Sequence[Any]] = ()
    ) -> None:
        """Note where labels may have changed.

        Parameters
        ----------
        windows : iterable of windows
            An index expression each, an int or slice for every axis.
        pixels : iterable of index arrays, one an axis
            Single pixels.
        """
        for window in windows:
            numbers = self._tiles.touching([window[axis] for axis in self._order])
            self._waiting.update(dict.fromkeys(numbers.tolist()))
        for indices in pixels:
            axes = [np.ravel(a) for a in np.broadcast_arrays(*indices)]
            for start in range(0, len(axes[0]), AT_ONCE):
                part = [axes[axis][start : start + AT_ONCE] for axis in self._order]
                self._waiting.update(dict.fromkeys(self._tiles.around(part).tolist()))

    def look(self, data: Any, seconds: float = np.inf) -> bool:
        """Compare where something may have changed, for about this long.

        Parameters
        ----------
        data : integers (numpy, dask, zarr)
            The labels as they are now.
        seconds : float
            At least one tile is compared.

        Returns
        -------
        bool
            Whether all is compared, so that `kinds` and `counts` are right.
        """
        end = time.perf_counter() + seconds
        while self._waiting or self._unmeasured:
            if self._waiting:
                number = next(iter(self._waiting))
                del self._waiting[number]
                self._compare(number, data)
            else:
                number, _ = self._unmeasured.popitem()
                plane, window = self._place(number)
                self._sizes[plane][number] = areas_of(np.asarray(self._before[plane][window]))
            if time.perf_counter() > end:
                break
        return not (self._waiting or self._unmeasured)

    @property
    def kinds(self) -> Mapping[Plane, Kinds]:
        """What became of the objects of each plane that is not as before."""
        for plane, differing in self._differing.items():
            if plane not in self._kinds:
                pairs = Pairs.joined(list(differing.values()))
                self._kinds[plane] = kinds_of(pairs, *_joined(self._sizes[plane].values()))
        return self._kinds

    @property
    def counts(self) -> Counts:
        """Corrections of all planes; `unchanged` counts only in planes that are not as before."""
        return reduce(add, (kinds.counts for kinds in self.kinds.values()), Counts())

    def outlines(self, plane: Plane, ids: Iterable[int]) -> NDArray[np.float64]:
        """Outline of objects as they were in a plane, (N, 2, 2), as `outline` returns it.

        Parameters
        ----------
        plane : tuple
            A plane that is not as before.
        ids : iterable of int
            Objects of before.
        """
        wanted = np.array(sorted(ids), np.int64)
        known, tiles = self._where(plane)
        first, last = (np.searchsorted(known, wanted, side) for side in ("left", "right"))
        touched = [tiles[low:high] for low, high in zip(first, last, strict=True)]
        numbers = np.unique(np.concatenate([np.zeros(0, np.int64), *touched]))
        lines = [self._outlined(number, wanted) for number in numbers.tolist()]
        return np.concatenate([np.zeros((0, 2, 2)), *lines])

    def _where(self, plane: Plane) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids of before, ascending, each as often as there are tiles that hold it, and these."""
        if plane not in self._index:
            sizes = self._sizes[plane]
            none = np.zeros(0, np.int64)
            ids = np.concatenate([none, *(found for found, _ in sizes.values())])
            tiles = np.repeat(list(sizes), [len(found) for found, _ in sizes.values()])
            order = np.argsort(ids, kind="stable")
            self._index[plane] = ids[order], tiles[order].astype(np.int64)
        return self._index[plane]

    def _outlined(self, number: int, wanted: NDArray[np.int64]) -> NDArray[np.float64]:
        """Outline of objects within a tile, remembered as long as they are the same ones."""
        plane, window = self._place(number)
        ids, _ = self._sizes[plane][number]
        here = ids[np.isin(ids, wanted)]
        known = self._outlines.get(number)
        if known is None or not np.array_equal(known[0], here):
            framed = _with_frame(self._before[plane], window)
            lines = outline(framed, is_any(framed[1:-1, 1:-1], here))
            lines[:, 0] += [cut.start for cut in window]
            known = self._outlines[number] = here, lines
        return known[1]

    def _compare(self, number: int, data: Any) -> None:
        plane, window = self._place(number)
        cuts = iter(window)
        now = np.asarray(data[tuple(next(cuts) if at is None else at for at in plane)])
        old = self._before.get(plane)
        before = np.zeros_like(now) if old is None else np.asarray(old[window])
        known = self._differing.get(plane, {})
        if np.array_equal(now, before):
            if known.pop(number, None) is not None:
                self._forget(plane)
            return
        self._kinds.pop(plane, None)
        self._differing.setdefault(plane, known)[number] = Pairs.between(before, now)
        if plane not in self._sizes:
            self._sizes[plane] = {}
            if old is not None:
                at = [plane[axis] for axis in self._fixed]
                numbers = self._tiles.touching([i for i in at if i is not None])
                self._unmeasured.update(dict.fromkeys(numbers.tolist()))

    def _forget(self, plane: Plane) -> None:
        """Forget what became of a plane, and the plane itself when it is as before."""
        self._kinds.pop(plane, None)
        if not self._differing[plane]:
            del self._differing[plane]

    def _place(self, number: int) -> tuple[Plane, tuple[slice, slice]]:
        """Plane of a tile, and where it lies in that."""
        *fixed, rows, columns = self._tiles.window(number)
        starts = {axis: cut.start for axis, cut in zip(self._fixed, fixed, strict=True)}
        return tuple(starts.get(axis) for axis in range(len(self._order))), (rows, columns)


def _with_frame(labels: NDArray[Any], window: tuple[slice, slice]) -> NDArray[Any]:
    """Part of labels (H, W) with a pixel more on every side, 0 beyond them."""
    wider = tuple(
        slice(max(0, cut.start - 1), min(length, cut.stop + 1))
        for cut, length in zip(window, labels.shape, strict=True)
    )
    frame = [
        (1 - (cut.start - wide.start), 1 - (wide.stop - cut.stop))
        for cut, wide in zip(window, wider, strict=True)
    ]
    return np.pad(np.asarray(labels[wider]), frame)


def _joined(parts: Iterable[Sizes]) -> Sizes:
    """Objects of several tiles, ascending, and their pixels in all of them."""
    found = list(parts)
    none = np.zeros(0, np.int64)
    ids, place = np.unique(np.concatenate([none, *(i for i, _ in found)]), return_inverse=True)
    areas = np.bincount(place, np.concatenate([none, *(a for _, a in found)]), minlength=len(ids))
    return ids, areas.astype(np.int64)
