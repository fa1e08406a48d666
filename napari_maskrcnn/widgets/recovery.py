"""No lost edit: every labels layer of a window goes into a journal, and comes back after a crash.

It begins when the first widget of the plugin opens in a viewer and ends with the viewer, whatever
happens to the widgets. A layer that is closed, and everything when the window is closed as usual,
stays in the journal for thirty days and is not offered.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari.layers import Labels
from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal
from qtpy.QtWidgets import QMainWindow

from napari_maskrcnn.annotate.journal.batch import JournalError
from napari_maskrcnn.annotate.journal.folder import (
    KEPT_DAYS,
    StoredWindow,
    journal_folder,
    mark,
    new_journal,
    prune,
    stored_windows,
)
from napari_maskrcnn.annotate.journal.session import DELAY, RETRY, Session
from napari_maskrcnn.widgets.jobs_ui import show_note, show_problem
from napari_maskrcnn.widgets.layer_watch import LayerWatch
from napari_maskrcnn.widgets.layers import is_passing
from napari_maskrcnn.widgets.restoring import Claim, Entry, claim_all, put_back

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtWidgets import QWidget

logger = logging.getLogger(__name__)

POLL_MS = 30
AGAIN = "The journal of your edits is written again."
DISCARDED = "Discarded. The journal stays in {} for {} days."

T = TypeVar("T")

_keepers: dict[int, Keeper] = {}


def keeper_of(viewer: Viewer) -> Keeper:
    """Return the one that keeps the edits of a viewer; the first call makes it."""
    found = _keepers.get(id(viewer))
    if found is None:
        found = _keepers[id(viewer)] = Keeper(viewer)
        weakref.finalize(viewer, _forget, id(viewer))
    return found


def _forget(key: int) -> None:
    """End the journal of a viewer that is gone, or of one still open as the interpreter ends."""
    keeper = _keepers.pop(key, None)
    if keeper is not None:
        keeper.close()


def in_thread(work: Callable[[], T]) -> Future[T]:
    """Do something once in a thread of its own, so that no edit has to wait for it."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="labels-recovery")
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def _search(folder: Path) -> list[StoredWindow]:
    prune(folder)
    return [window for window in stored_windows(folder, crashed=True) if window.offered]


class Keeper(QObject):
    """Keeps the edits of one viewer, and knows what an earlier window left behind.

    Signals
    -------
    offers_changed ()
        There is something to restore now, or nothing any more.
    closing ()
        The window is being closed; layers are still kept.
    """

    offers_changed = Signal()
    closing = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.folder = journal_folder()
        self.offers: list[StoredWindow] = []
        self.session = Session(new_journal(self.folder), self._wake, self._problem)
        self._viewer = weakref.ref(viewer)
        self._watches: dict[Labels, LayerWatch] = {}
        self._came_with: dict[Labels, int] = {}
        self._held: set[Labels] = set()
        self._claims: list[Claim] = []
        self._reading: Future[tuple[list[Claim], list[JournalError]]] | None = None
        self._searching: Future[list[StoredWindow]] | None = in_thread(
            partial(_search, self.folder)
        )
        self._windows: set[int] = set()
        self._closed = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        for layer in viewer.layers:
            self._watch(layer)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.window_closed)
        self._timer.start(POLL_MS)

    def follow(self, widget: QWidget) -> None:
        """End the journal when the main window that a widget is in is closed.

        A dock that floats is a window of its own: when that is closed, the work goes on.
        """
        window = widget.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        if window is not None and id(window) not in self._windows:
            self._windows.add(id(window))
            window.destroyed.connect(self.window_closed)

    def window_closed(self, *_: object) -> None:
        """Write what is left and end the journal: the person closed the window.

        Layers that could not be saved where they belong will be offered.
        """
        if not self._closed:
            self.closing.emit()
        for layer in self._watches.keys() - self._held:
            self._unwatch(layer)
        self.close()

    def close(self) -> None:
        """Write what is left and let go; layers that are still open will be offered."""
        if self._closed:
            return
        self._closed = True
        for watch in self._watches.values():
            watch.stop()
        self.session.close(None if self._watches else "closed")
        self._watches.clear()
        self._release()

    def hold(self, layer: Labels) -> None:
        """Keep a layer also when it is removed from the viewer: it is not saved elsewhere yet."""
        self._held.add(layer)

    def let_go(self, layer: Labels) -> None:
        """Take `hold` back."""
        viewer = self._viewer()
        self._held.discard(layer)
        if layer in self._watches and (viewer is None or layer not in viewer.layers):
            self._unwatch(layer)

    def restore(self) -> None:
        """Bring back what the crashed windows left."""
        offers, self.offers = self.offers, []
        self.offers_changed.emit()
        self._reading = in_thread(partial(claim_all, offers))
        self._wake()

    def discard(self) -> None:
        """Offer it never again."""
        offers, self.offers = self.offers, []
        self.offers_changed.emit()
        try:
            for window in offers:
                mark(window.path, "discarded")
        except JournalError as error:
            show_problem(error)
        else:
            show_note(DISCARDED.format(self.folder, KEPT_DAYS))

    def later(self) -> None:
        """Offer it at the next start."""
        self.offers = []
        self.offers_changed.emit()

    def put_back(self, entries: list[Entry]) -> None:
        """Put layers of earlier windows into the viewer; their edits count on."""
        viewer = self._viewer()
        if viewer is not None:
            show_note(put_back(viewer, entries, self._came_with))

    def _wake(self) -> None:
        delay = round(DELAY * 1000)
        if not self._timer.isActive() or self._timer.remainingTime() > delay:
            self._timer.start(delay)

    def _tick(self) -> None:
        if self._closed:
            return
        # An error that left this slot would end the program.
        try:
            wanted = self._work()
        except Exception as error:
            logger.exception("Unexpected error in the journal")
            show_problem(error)
            wanted = RETRY
        if wanted is not None:
            self._timer.start(max(1, round(wanted * 1000)))

    def _work(self) -> float | None:
        wanted = self.session.tick()
        if self._searching is not None and self._searching.done():
            searched, self._searching = self._searching, None
            self.offers = searched.result()
            self.offers_changed.emit()
        if self._reading is not None and self._reading.done():
            read, self._reading = self._reading, None
            self._put_back(*read.result())
        if self._claims and self.session.settled:
            # What came back is in the journal of this window now.
            self._release()
        waiting = self._searching or self._reading or self._claims
        return POLL_MS / 1000 if waiting else wanted

    def _put_back(self, claims: list[Claim], errors: list[JournalError]) -> None:
        self._claims += claims
        for error in errors:
            show_problem(error)
        if claims:
            self.put_back([entry for claimed in claims for entry in claimed.layers])

    def _release(self) -> None:
        for claimed in self._claims:
            claimed.release(restored=True)
        self._claims.clear()

    def _inserted(self, event: Any) -> None:
        self._watch(event.value)

    def _removed(self, event: Any) -> None:
        if event.value in self._watches and event.value not in self._held:
            self._unwatch(event.value)

    def _watch(self, layer: Any) -> None:
        known = layer in self._watches or self._closed or is_passing(layer)
        if isinstance(layer, Labels) and not layer.multiscale and not known:
            edits = self._came_with.pop(layer, 0)
            self._watches[layer] = LayerWatch(layer, self._viewer, self.session, edits)

    def _unwatch(self, layer: Labels) -> None:
        self._watches.pop(layer).close()

    def _problem(self, error: JournalError | None) -> None:
        if error is None:
            show_note(AGAIN)
        else:
            from napari.utils.notifications import show_warning

            show_warning(
                f"Your edits are not being kept against a crash: {error} "
                "You can go on; it is tried again all the time."
            )
