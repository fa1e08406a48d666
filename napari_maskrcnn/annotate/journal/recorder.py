"""What of a label array has to go into the journal: noted at once, copied a few tiles at a time.

It is used in the thread that edits, so a copy is never half of an edit. The array itself is not
watched: whoever edits tells where.
"""

from __future__ import annotations

import mmap
import time
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.journal.tiles import Block, Tiles

#: Steps that an undo may still take back; napari keeps 100.
REMEMBERED = 200
#: Pixels whose place is looked up at once, in a tenth of a millisecond.
AT_ONCE = 50_000


class Recorder:
    """Notes which tiles of an array changed and hands out copies of them.

    Parameters
    ----------
    data : array
        Labels (numpy, dask, zarr). Of an array in memory everything is recorded, a snapshot first;
        of any other only what changed is ever read.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        self.tiles = Tiles.of(data)
        self.lazy = not in_memory(data)
        # Dictionaries as sets that keep their order.
        self._changed: dict[int, None] = {}
        self._later: dict[int, None] = {}
        self._copied: dict[int, Block] = {}
        self._scattered: deque[tuple[list[NDArray[Any]], set[int]]] = deque()
        self._steps: deque[set[int]] = deque(maxlen=REMEMBERED)
        self._note_later(range(len(self.tiles)))

    @property
    def pending(self) -> bool:
        """Whether there is anything left to copy."""
        return bool(self._scattered or self._changed or self._later)

    @property
    def changes_pending(self) -> bool:
        """Whether a change, rather than the snapshot, is left to copy."""
        return bool(self._scattered or self._changed)

    def note(
        self, windows: Iterable[Sequence[int | slice]], pixels: Iterable[Sequence[Any]] = ()
    ) -> None:
        """Note what a step changed that an undo can take back.

        Parameters
        ----------
        windows : iterable of windows
            An index expression of ints and slices each.
        pixels : iterable of index arrays, one an axis
            They must stay as they are: where millions of pixels lie is found out little by little,
            by `copy`.
        """
        step: set[int] = set()
        self._steps.append(step)
        for window in windows:
            self._add(self.tiles.touching(window), step)
        for indices in pixels:
            # Not copied: np.nonzero hands out every n-th number of one long array.
            axes = [a if a.ndim == 1 else a.ravel() for a in np.broadcast_arrays(*indices)]
            for start in range(0, len(axes[0]), AT_ONCE):
                self._scattered.append(([axis[start : start + AT_ONCE] for axis in axes], step))

    def note_now(self, window: Sequence[int | slice]) -> None:
        """Note that a window changed, in the middle of a step."""
        self._changed.update(dict.fromkeys(self.tiles.touching(window).tolist()))

    def note_undo(self) -> None:
        """Note that a step noted before may have been taken back or done again."""
        for step in self._steps:
            self._changed.update(dict.fromkeys(step))

    def look_at(self, window: Sequence[int | slice]) -> None:
        """Have a window of an array in memory looked at: it may have changed."""
        if not self.lazy:
            self._note_later(self.tiles.touching(window).tolist())

    def look_at_all(self) -> None:
        """Have everything looked at, of a lazy array what changed before."""
        self._note_later(range(len(self.tiles)))
        self.note_undo()

    def copy(self, seconds: float, snapshot: bool = True) -> bool:
        """Copy tiles for about this long; return whether all is copied.

        What changed goes first; `snapshot` says whether to go on with what may not have.
        """
        end = time.perf_counter() + seconds
        while self._scattered:
            pixels, step = self._scattered.popleft()
            self._add(self.tiles.around(pixels), step)
            if time.perf_counter() > end:
                return not self.pending
        for waiting in (self._changed, self._later) if snapshot else (self._changed,):
            while waiting:
                number = next(iter(waiting))
                del waiting[number]
                self._later.pop(number, None)
                self._copied[number] = self._block(number)
                if time.perf_counter() > end:
                    return not self.pending
        return not self.pending

    def take(self) -> dict[int, Block]:
        """Hand over what was copied."""
        copied, self._copied = self._copied, {}
        return copied

    def put_back(self, numbers: Iterable[int]) -> None:
        """Note that these tiles could not be written."""
        self._changed.update(dict.fromkeys(numbers))

    def _add(self, numbers: NDArray[np.int64], step: set[int]) -> None:
        found = numbers.tolist()
        step.update(found)
        self._changed.update(dict.fromkeys(found))

    def _note_later(self, numbers: Iterable[int]) -> None:
        if not self.lazy:
            self._later.update(dict.fromkeys(numbers))

    def _block(self, number: int) -> Block:
        window = self.tiles.window(number)
        if not self.lazy:
            return np.array(self.data[window])
        # A dask array's part is itself lazy and knows only the edits so far.
        part = self.data[window] if hasattr(self.data, "__dask_graph__") else None
        return partial(_read, self.data, window) if part is None else partial(np.asarray, part)


def _read(data: Any, window: tuple[slice, ...]) -> NDArray[Any]:
    return np.asarray(data[window])


def in_memory(data: Any) -> bool:
    """Whether reading an array costs no more than memory: numpy, or numpy inside xarray."""
    array = data if isinstance(data, np.ndarray) else getattr(data, "data", None)
    if not isinstance(array, np.ndarray):
        return False
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return not isinstance(owner, mmap.mmap)
