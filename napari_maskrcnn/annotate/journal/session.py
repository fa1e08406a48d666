"""The journal of a window in use: what is copied when, what is handed to the thread, what to retry.

It belongs to the thread that edits and never waits there: its owner calls `Session.tick` as often
as that asks for, and each call copies for a few milliseconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from napari_maskrcnn.annotate.journal.batch import Batch, End, JournalError
from napari_maskrcnn.annotate.journal.recorder import Recorder
from napari_maskrcnn.annotate.journal.writer import JournalWriter

logger = logging.getLogger(__name__)

#: Seconds from an edit to the first tick: what a stroke does in many moves is copied once.
DELAY = 0.1
#: Seconds that a tick copies for, and from one tick to the next.
COPYING = 0.005
PAUSE = 0.03
#: Copies of an edit that takes long are handed over after this, though not all of it is copied.
MOST_HELD = 0.5
RETRY = 5.0
#: Seconds after which what was written is also brought to the disk itself.
SYNC = 5.0
#: Batches that may wait for the thread; one is a few megabytes.
MOST_WAITING = 8


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


class Session:
    """The journal of one window.

    Parameters
    ----------
    path : Path
        Its file; made with the first layer.
    wake : callable
        Called when a tick is due within `DELAY`.
    problem : callable
        Called once with the reason when the journal cannot be written, and once with None when it
        can again.
    """

    def __init__(
        self,
        path: Path,
        wake: Callable[[], None],
        problem: Callable[[JournalError | None], None],
    ) -> None:
        self.writer = JournalWriter(path)
        self.tracked: dict[int, Tracked] = {}
        self._wake = wake
        self._problem = problem
        self._next = 1
        self._orphans: list[Batch] = []
        self._failing = False
        self._retry_at = 0.0
        self._unsynced = False
        self._synced_at = 0.0

    def track(self, data: Any, parts: Parts, edits: int = 0) -> Tracked:
        """Begin to record a layer, with edits of an earlier session."""
        tracked = Tracked(self._next, data, parts, self._wake, edits)
        self.tracked[tracked.number] = tracked
        self._next += 1
        self._wake()
        return tracked

    def untrack(self, tracked: Tracked, how: End = "closed") -> None:
        """Stop recording a layer that was closed; what is left of its changes is written."""
        del self.tracked[tracked.number]
        tracked.copy_edits()
        batch = tracked.batch(at_once=True) or Batch(tracked.number, tracked.recorder.tiles)
        batch.ended = how
        self.writer.submit(batch)
        self._wake()

    @property
    def settled(self) -> bool:
        """Whether everything is on the disk."""
        waiting = any(tracked.pending for tracked in self.tracked.values())
        return not (self.writer.waiting or waiting or self._orphans or self._failing)

    def tick(self) -> float | None:
        """Copy and hand over a little; return in how many seconds to call again, if at all."""
        self._look_at_writer()
        now = time.monotonic()
        if now < self._retry_at:
            return self._retry_at - now
        for orphan in self._orphans:
            self.writer.submit(orphan)
        self._orphans.clear()
        if self.writer.waiting >= MOST_WAITING:
            return PAUSE
        end = time.perf_counter() + COPYING
        # What a person did goes before the snapshot of another layer.
        order = sorted(self.tracked.values(), key=lambda t: not t.changes_pending)
        for tracked in order:
            if (left := end - time.perf_counter()) > 0:
                # A snapshot that is being written must not keep an edit waiting.
                tracked.copy(left, snapshot=self.writer.waiting < 2)
            if (batch := tracked.batch()) is not None:
                self.writer.submit(batch)
        if not self.settled:
            return PAUSE
        return self._sync_later(now)

    def _sync_later(self, now: float) -> float | None:
        if not self._unsynced:
            return None
        if now - self._synced_at < SYNC:
            return SYNC - (now - self._synced_at)
        self.writer.sync()
        self._unsynced, self._synced_at = False, now
        return None

    def flush(self) -> None:
        """Write everything now and wait for it."""
        for tracked in self.tracked.values():
            while tracked.pending:
                tracked.copy(COPYING, snapshot=True)
                self._submit(tracked)
        self.writer.wait()
        self._look_at_writer()

    def close(self, how: End | None = "closed") -> None:
        """Write everything, note how the window ended, and let go of the file."""
        for tracked in list(self.tracked.values()):
            tracked.copy_edits()
            self._submit(tracked)
        self.tracked.clear()
        self.writer.close(how)

    def _submit(self, tracked: Tracked) -> None:
        if (batch := tracked.batch(at_once=True)) is not None:
            self.writer.submit(batch)

    def _look_at_writer(self) -> None:
        waiting = self.writer.waiting
        failures = self.writer.failures()
        for batch, _ in failures:
            if batch.layer in self.tracked:
                self.tracked[batch.layer].put_back(batch)
            else:
                self._orphans.append(batch)
        if self.writer.lost():
            for tracked in self.tracked.values():
                tracked.again()
        if failures:
            self._retry_at = time.monotonic() + RETRY
            if not self._failing:
                self._failing = True
                self._problem(failures[0][1])
        elif waiting > self.writer.waiting:
            self._unsynced = True
            if self._failing:
                self._failing = False
                self._problem(None)
