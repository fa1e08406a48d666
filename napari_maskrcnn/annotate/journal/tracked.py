"""One layer whose edits reach the journal: what it is told, and the batches it makes of that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from napari_maskrcnn.annotate.journal.batch import Batch
from napari_maskrcnn.annotate.journal.recorder import Recorder

#: Seconds that are copied for at once.
COPYING = 0.005
#: Copies of an edit that takes long are handed over after this, though not all of it is copied.
MOST_HELD = 0.5


class Parts(Protocol):
    """What belongs to a layer beside its pixels."""

    def changed(self) -> dict[str, Callable[[], bytes]]:
        """Return what changed since the last call: name, and what packs it in the thread."""

    def again(self) -> None:
        """Have the next call of `changed` return everything."""


class Tracked:
    """A layer whose edits reach the journal.

    Parameters
    ----------
    number : int
        Of the layer in its window.
    data : array
        Its labels; assign another to `data` when the layer gets one.
    parts : Parts
        What else belongs to it.
    wake : callable
        Called when a tick is due.
    edits : int
        Edits that it came with.
    """

    def __init__(
        self, number: int, data: Any, parts: Parts, wake: Callable[[], None], edits: int = 0
    ) -> None:
        self.number = number
        self.parts = parts
        self._wake = wake
        self.edited = edits > 0
        self._edits = edits
        self._by_hand = True
        self._counted = False
        self._undone = False
        self._window: Callable[[], Sequence[int | slice] | None] | None = None
        self._due = True
        self._held_since: float | None = None
        self.recorder = Recorder(data)

    def replace(self, data: Any) -> None:
        """Record another array from now on, as an edit."""
        self.recorder = Recorder(data)
        self._edits += 1
        self.edited = True
        self._wake()

    def step(
        self, windows: Iterable[Sequence[int | slice]], pixels: Iterable[Sequence[Any]] = ()
    ) -> None:
        """Note an edit, as `Recorder.note` takes it."""
        self.recorder.note(windows, pixels)
        self._edits += not self._counted
        self._counted = False
        self.edited = True
        self._wake()

    def note_parts(self, edited: bool = False) -> None:
        """Note that something beside the pixels changed, perhaps as an edit of the labels."""
        self._due = True
        self.edited |= edited
        self._wake()

    def note_said(self) -> None:
        """Note that a person said something of the labels: an edit, if the step is not yet one."""
        self._due = self.edited = True
        self._edits = max(self._edits, 1)
        self._wake()

    def note_own(self) -> None:
        """Note that pixels and parts changed by no hand: a slider shows more of a prediction."""
        self._due, self._by_hand = True, False
        self.recorder.look_at_all()
        self._wake()

    def look_again(self, window: Callable[[], Sequence[int | slice] | None] | None = None) -> None:
        """Look where an undo may have changed something, and at a window that may have changed.

        The window is asked for when it is looked at.
        """
        self._undone = True
        self._window = window or self._window
        self._wake()

    def note_now(self, window: Sequence[int | slice]) -> None:
        """Note what changed in the middle of a step, which will count when it ends."""
        self.recorder.note_now(window)
        self._by_hand = False
        if not self.edited:
            # A crash may come before the end of the first one.
            self.edited = self._counted = True
            self._edits += 1
        self._wake()

    @property
    def pending(self) -> bool:
        """Whether something is left to copy or to hand over."""
        return self._due or self._undone or self.recorder.pending or self._held_since is not None

    def copy(self, seconds: float, snapshot: bool = False) -> None:
        """Copy changes, and tiles of the snapshot too, for about this long."""
        recorder = self.recorder
        self._look()
        if recorder.pending if snapshot else recorder.changes_pending:
            if self._held_since is None:
                self._held_since = time.monotonic()
            recorder.copy(seconds, snapshot)

    def copy_edits(self) -> None:
        """Copy everything of a layer that was edited, however long it takes."""
        while self.edited and (self._undone or self.recorder.pending):
            self.copy(COPYING, snapshot=True)

    @property
    def changes_pending(self) -> bool:
        """Whether a change, rather than the snapshot, may be left to copy."""
        return self._undone or self.recorder.changes_pending

    def _look(self) -> None:
        if self._undone:
            self.recorder.note_undo()
            window = self._window() if self._window is not None else None
            if window is not None:
                self.recorder.look_at(window)
            self._undone, self._window = False, None

    def batch(self, at_once: bool = False) -> Batch | None:
        """Hand over what was copied, when it is the labels as they were at one moment."""
        held = 0.0 if self._held_since is None else time.monotonic() - self._held_since
        if self.changes_pending and held < MOST_HELD and not at_once:
            return None
        blocks = self.recorder.take()
        self._held_since = None
        if not (blocks or self._due or self._edits):
            return None
        parts = self.parts.changed()
        batch = Batch(self.number, self.recorder.tiles, blocks, parts, self._edits, self._by_hand)
        self._due, self._edits = False, 0
        # What no hand did may take several batches.
        self._by_hand = self._by_hand or not self.recorder.pending
        return batch

    def put_back(self, batch: Batch) -> None:
        """Take back what could not be written."""
        if batch.tiles == self.recorder.tiles:
            self.recorder.put_back(batch.blocks)
        self._edits += batch.edits
        self.again(everything=False)

    def again(self, everything: bool = True) -> None:
        """Have all parts written again, and all pixels too."""
        self.parts.again()
        self._due = True
        if everything:
            self.recorder.look_at_all()
