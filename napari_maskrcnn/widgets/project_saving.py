"""What a person leaves of an image is written in the background; until then the journal has it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_maskrcnn.annotate.project.leave import Left, leave
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.widgets.jobs_ui import show_note, show_problem
from napari_maskrcnn.widgets.recovery import keeper_of
from napari_maskrcnn.widgets.warm_up import lower_priority

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

    from napari_maskrcnn.annotate.project.entries import Entry

POLL_MS = 50
RETRY_MS = 10_000
AGAIN = "{}. It is kept in the journal, and tried again until it succeeds."
SAVED = "{} is saved now."


@dataclass(frozen=True, eq=False)
class _Change:
    """A change of a project that is being made; of an image that was left, with its labels."""

    make: Callable[[], Entry]
    future: Future[Entry]
    name: str = ""
    labels: Labels | None = None
    retried: bool = False


class Saver(QObject):
    """Makes changes of a project one after the other; labels until they are on the disk.

    Signals
    -------
    saved (Entry)
        A change is on the disk.
    done_with (Labels)
        These labels are, as they were when they were handed over last.
    """

    saved = Signal(object)
    done_with = Signal(object)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._keeper = keeper_of(viewer)
        self._pool = ThreadPoolExecutor(1, "project-saving", lower_priority)
        self._waiting: list[_Change] = []
        self._failed: list[_Change] = []
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._look)
        self._retry = QTimer(self)
        self._retry.setInterval(RETRY_MS)
        self._retry.timeout.connect(self.again)

    @property
    def waiting(self) -> bool:
        """Whether something is being written."""
        return bool(self._waiting)

    @property
    def unsaved(self) -> set[str]:
        """Images whose labels could not be written yet."""
        return {change.name for change in self._failed}

    def save(self, project: Project, left: Left, labels: Labels) -> None:
        """Write what is left of an image; its layer may be removed meanwhile."""
        self._keeper.hold(labels)
        # What could not be written of the same image before is in this.
        self._failed = [change for change in self._failed if change.name != left.name]
        self._submit(partial(leave, project, left), left.name, labels)

    def submit(self, make: Callable[[], Entry]) -> None:
        """Make a change in the background that returns the changed entry."""
        self._submit(make)

    def again(self) -> None:
        """Try again what could not be written."""
        failed, self._failed = self._failed, []
        for change in failed:
            self._submit(change.make, change.name, change.labels, retried=True)

    def barrier(self) -> Callable[[], object]:
        """Return what waits, in any thread, until all that was saved so far is on the disk."""
        return partial(wait, [change.future for change in self._waiting])

    def finish(self) -> None:
        """Wait until everything is written that can be; the rest stays in the journal."""
        self.again()
        wait([change.future for change in self._waiting])
        self._look()
        self._failed.clear()
        self._retry.stop()

    def _submit(
        self,
        make: Callable[[], Entry],
        name: str = "",
        labels: Labels | None = None,
        retried: bool = False,
    ) -> None:
        self._waiting.append(_Change(make, self._pool.submit(make), name, labels, retried))
        self._timer.start()

    def _look(self) -> None:
        done = [change for change in self._waiting if change.future.done()]
        self._waiting = [change for change in self._waiting if change not in done]
        if not self._waiting:
            self._timer.stop()
        for change in done:
            error = change.future.exception()
            if error is not None:
                self._could_not(change, error)
                continue
            if change.labels is not None and not self.has(change.labels):
                self._keeper.let_go(change.labels)
                self.done_with.emit(change.labels)
            if change.retried:
                show_note(SAVED.format(change.name))
            self.saved.emit(change.future.result())

    def _could_not(self, change: _Change, error: BaseException) -> None:
        if change.labels is None:
            show_problem(error if isinstance(error, Exception) else str(error))
            return
        if not change.retried:
            show_problem(AGAIN.format(str(error).rstrip(".")))
        self._failed.append(change)
        self._retry.start()

    def has(self, labels: Labels) -> bool:
        """Whether labels are still to be written."""
        return any(change.labels is labels for change in (*self._waiting, *self._failed))
