"""One job at a time in a background thread, with everything a window owes to it.

Progress goes to the activity panel and to a bar beside the button; Cancel ends the job at its next
step; errors become notifications; buttons come back whatever happened.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_maskrcnn.jobs import Job, JobError, Progress, guarded, pausable
from napari_maskrcnn.widgets.collector import full_collections_postponed
from napari_maskrcnn.widgets.turns import short_turns
from napari_maskrcnn.widgets.warm_up import lower_priority, warm_up_job

if TYPE_CHECKING:
    from napari.utils import progress

logger = logging.getLogger(__name__)

MakeJob = Callable[[threading.Event], Job[Any]]
Events = tuple[threading.Event, threading.Event]
SHOW_EVERY_MS = 100
#: Qt allows a thread a core: beside a training, or a paused one, others could only wait.
LEAST_THREADS = 8
#: Errors whose text is written for the person at the window; others also show where they arose.
EXPECTED = (ValueError, OSError, ImportError, ArithmeticError)


class StopHandle:
    """The events of the job that runs now: stop, and wait; outlives the widgets that start jobs."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.paused = threading.Event()

    def renew(self) -> Events:
        """Return the events of a new job: stop, and wait."""
        self.event, self.paused = threading.Event(), threading.Event()
        return self.event, self.paused

    def stop(self, *_: object) -> None:
        """End the job at its next step."""
        self.event.set()


class JobRunner(QObject):
    """Runs one job at a time in a background thread.

    Parameters
    ----------
    parent : QObject
        Its owner.
    bar : bool
        Show the progress in the activity panel. That runs the event loop, so what starts jobs
        that nobody asked for does without.

    Signals
    -------
    started ()
    progressed (Progress)
        Every step of the job.
    returned (object)
        The result, also of a job that was cancelled.
    paused (bool)
        The job was paused, or goes on.
    failed (Exception)
        After the notification was shown.
    finished ()
        Last of all, whatever happened.
    """

    started = Signal()
    progressed = Signal(object)
    shown = Signal(object)
    returned = Signal(object)
    paused = Signal(bool)
    failed = Signal(object)
    finished = Signal()

    def __init__(self, parent: QObject, bar: bool = True) -> None:
        super().__init__(parent)
        self.title = ""
        self._has_bar = bar
        self._handle = StopHandle()
        self._worker: Any = None
        self._bar: progress | None = None
        self._latest: Progress | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(SHOW_EVERY_MS)
        self._timer.timeout.connect(self._show_latest)
        # A closed viewer destroys its widgets without asking: the thread must learn of it.
        self.destroyed.connect(self._handle.stop)

    @property
    def running(self) -> bool:
        """Whether a job runs now."""
        return self._worker is not None

    @property
    def cancelled(self) -> bool:
        """Whether the last job was told to stop."""
        return self._handle.event.is_set()

    def stop(self) -> None:
        """End the job at its next step; its result still arrives."""
        self._handle.stop()

    @property
    def is_paused(self) -> bool:
        """Whether a job runs that waits until it may go on."""
        return self.running and self._handle.paused.is_set()

    def pause(self, waiting: bool) -> None:
        """Let the job wait after its next step, or go on."""
        if self.running and waiting != self.is_paused:
            (self._handle.paused.set if waiting else self._handle.paused.clear)()
            self.paused.emit(waiting)

    def start(self, make_job: MakeJob, title: str, needs_torch: bool = True) -> None:
        """Start a job in a background thread.

        Parameters
        ----------
        make_job : callable
            Gets the stop event and returns the job; called in the thread.
        title : str
            Name of the bar in the activity panel.
        needs_torch : bool
            Import torch first, in small steps.

        Raises
        ------
        JobError
            When a job still runs.
        """
        from napari.qt.threading import create_worker
        from napari.utils import progress
        from qtpy.QtCore import QThreadPool

        if self.running:
            raise JobError("A job is still running here. Wait for it or press Cancel first.")
        threads = QThreadPool.globalInstance()
        assert threads is not None
        threads.setMaxThreadCount(max(threads.maxThreadCount(), LEAST_THREADS))
        # superqt's words for a job that ends after the window, which nobody has to know.
        warnings.filterwarnings("ignore", "RuntimeError in aborted thread", RuntimeWarning)
        events = self._handle.renew()
        bar = progress(total=0, desc=title) if self._has_bar else None
        # Methods of this object only, which Qt disconnects when it is deleted; a signal's emit
        # would be called on a deleted object.
        listeners = {
            "yielded": self._take,
            "returned": self._return,
            "errored": self._fail,
            "warned": _show_warning,
            # The bar is closed by the worker: this object may be gone by then.
            "finished": [*([bar.close] if bar is not None else []), self._finish],
        }
        worker = create_worker(
            _work, make_job, events, needs_torch, _start_thread=False, _connect=listeners
        )
        self._worker, self._bar, self._latest = worker, bar, None
        self.title = title
        self.started.emit()
        self._timer.start()
        worker.start()

    def _take(self, step: Progress) -> None:
        self._latest = step
        self.progressed.emit(step)

    def _show_latest(self) -> None:
        # napari's bar runs the event loop while it is updated, so this may be entered again from
        # inside; the step is taken out first.
        step, self._latest = self._latest, None
        bar = self._bar
        if step is None or not self.running:
            return
        self.shown.emit(step)
        if bar is None:
            return
        if step.message and step.message != bar.desc.removesuffix(": "):
            bar.set_description(step.message)
        if self._bar is not None and step.total > 0:
            if bar.total != step.total:
                bar.total = step.total
            bar.update(step.done - bar.n)

    def _return(self, result: object) -> None:
        self.returned.emit(result)

    def _fail(self, error: Exception) -> None:
        show_problem(error)
        self.failed.emit(error)

    def _finish(self) -> None:
        self._timer.stop()
        self._worker = self._bar = self._latest = None
        self.finished.emit()


def _work(make_job: MakeJob, events: Events, needs_torch: bool) -> Generator[Progress, None, Any]:
    """Run in the thread: the job, with its torch errors in a form that the worker survives."""
    with full_collections_postponed(), short_turns():
        return (yield from guarded(_job(make_job, events, needs_torch)))


def _job(make_job: MakeJob, events: Events, needs_torch: bool) -> Job[Any]:
    if needs_torch:
        yield from warm_up_job()
    lower_priority()
    stop, paused = events
    return (yield from pausable(make_job(stop), paused, stop))


def show_problem(problem: Exception | str) -> None:
    """Show an error as a napari notification; one that nobody foresaw with where it arose."""
    from napari.utils.notifications import notification_manager, show_error

    ours = type(problem).__module__.startswith("napari_maskrcnn.")
    if isinstance(problem, str) or ours or isinstance(problem, EXPECTED):
        logger.debug("Shown to the user: %s", problem)
        show_error(str(problem))
    else:
        logger.error("Unexpected error in a job", exc_info=problem)
        notification_manager.receive_error(type(problem), problem, problem.__traceback__)


def show_note(text: str) -> None:
    """Show a napari notification that is no error."""
    from napari.utils.notifications import show_info

    show_info(text)


def _show_warning(arguments: tuple[Any, ...]) -> None:
    """Show a warning of the thread where it is meant for users; log the others."""
    from napari.utils.notifications import show_warning

    message, category = arguments[0], arguments[1]
    if issubclass(category, UserWarning):
        show_warning(str(message))
    else:
        logger.debug("%s in a job: %s", category.__name__, message)
