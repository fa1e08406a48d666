"""The journal of a window in use: what is copied when, what is handed to the thread, what to retry.

It belongs to the thread that edits and never waits there: its owner calls `Session.tick` as often
as that asks for, and each call copies for a few milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_maskrcnn.annotate.journal.batch import Batch, End, JournalError
from napari_maskrcnn.annotate.journal.tracked import COPYING, Parts, Tracked
from napari_maskrcnn.annotate.journal.writer import JournalWriter

#: Seconds from an edit to the first tick: what a stroke does in many moves is copied once.
DELAY = 0.1
#: Seconds from one tick to the next.
PAUSE = 0.03
RETRY = 5.0
#: Seconds after which what was written is also brought to the disk itself.
SYNC = 5.0
#: Batches that may wait for the thread; one is a few megabytes.
MOST_WAITING = 8


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
