"""A background thread that writes what it is handed, and goes on after a full disk."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from napari_maskrcnn.annotate.journal.batch import Batch, End, JournalError, explained
from napari_maskrcnn.annotate.journal.file import Journal

logger = logging.getLogger(__name__)

#: From this size on, the layers that were closed first leave the file of a window that is open.
MOST_BYTES = 1_000_000_000


class JournalWriter:
    """Writes the journal of one window.

    The file is made with the first batch. Methods are for one thread, that of the window.

    Parameters
    ----------
    path : Path
        The journal's file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="labels-journal")
        self._waiting: list[tuple[Batch, Future[None]]] = []
        self._journal: Journal | None = None
        self._lost = False

    @property
    def waiting(self) -> int:
        """Number of batches that are not written yet, or failed and were not fetched yet."""
        return len(self._waiting)

    def submit(self, batch: Batch) -> None:
        """Have a batch written."""
        self._waiting.append((batch, self._start(partial(self._write, batch))))

    def failures(self) -> list[tuple[Batch, JournalError]]:
        """Return the batches that could not be written since the last call, and why."""
        failed = []
        while self._waiting and self._waiting[0][1].done():
            batch, future = self._waiting.pop(0)
            error = future.exception()
            if error is not None and not isinstance(error, JournalError):
                logger.error("Unexpected error in the journal", exc_info=error)
                error = explained(self.path, error)
            if error is not None:
                failed.append((batch, error))
        return failed

    def lost(self) -> bool:
        """Whether the file vanished since the last call, so that everything is to be written."""
        lost, self._lost = self._lost, False
        return lost

    def sync(self) -> None:
        """Have what was written brought to the disk itself."""
        self._start(self._sync)

    def wait(self) -> None:
        """Wait until everything that was submitted is written, or has failed."""
        self._start(lambda: None).result()

    def close(self, how: End | None) -> None:
        """Write the rest, note how the window ended, and let go of the file.

        Without a single edit the file goes away.
        """
        self._start(partial(self._end, how)).result()
        self._pool.shutdown()

    def _start(self, work: Callable[[], None]) -> Future[None]:
        try:
            return self._pool.submit(work)
        except RuntimeError:
            # The interpreter is ending: its threads have finished and start nothing new.
            future: Future[None] = Future()
            try:
                future.set_result(work())  # type: ignore[func-returns-value]
            except Exception as error:
                future.set_exception(error)
            return future

    def _write(self, batch: Batch) -> None:
        if self._journal is not None and not self.path.exists():
            logger.warning("The journal %s is gone; starting it anew.", self.path)
            self._journal.close()
            self._journal = None
            self._lost = True
        if self._journal is None:
            self._journal = Journal(self.path)
        self._journal.write(batch)
        if batch.ended:
            self._trim(self._journal)

    def _trim(self, journal: Journal) -> None:
        if self.path.stat().st_size > MOST_BYTES:
            ended = [layer for layer in journal.layers() if layer.ended]
            for layer in ended[: -(-len(ended) // 2)]:
                journal.forget(layer)

    def _sync(self) -> None:
        if self._journal is not None:
            try:
                self._journal.sync()
            except JournalError:
                logger.debug("The journal was not brought to the disk.", exc_info=True)

    def _end(self, how: End | None) -> None:
        journal, self._journal = self._journal, None
        if journal is None:
            return
        try:
            edited = any(layer.edits for layer in journal.layers())
            if how is not None:
                journal.end(how)
        except JournalError:
            logger.warning("The journal could not be ended.", exc_info=True)
            edited = True
        finally:
            journal.close()
        if not edited:
            shutil.rmtree(self.path.parent, ignore_errors=True)
