"""A moved slider over many pixels or objects is followed in the background; the last one counts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_maskrcnn.jobs import Job
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.widgets.jobs_ui import JobRunner

if TYPE_CHECKING:
    from napari.layers import Labels

#: Pixels of all planes, and objects, from which on the window would wait.
MOST_PIXELS = 8_000_000
MOST_OBJECTS = 3000

Wish = tuple["Labels", Kept, Choice]


class Chooser(QObject):
    """Makes the labels of a choice, at once or in the background, and then tells of it."""

    ready = Signal(object, object, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._runner = JobRunner(self)
        self._runner.returned.connect(self._tell)
        self._runner.finished.connect(self._next)
        # What waits, and what came last: whatever else is under way is needless.
        self._wish: Wish | None = None
        self._latest: Wish | None = None

    @property
    def running(self) -> bool:
        """Whether a choice is being made in the background."""
        return self._runner.running

    def choose(self, layer: Labels, kept: Kept, choice: Choice) -> None:
        """Make what a choice shows in a layer; an earlier one that still waits is forgotten."""
        wish = (layer, kept, choice)
        if _takes_long(kept, choice):
            self._wish = self._latest = wish
            self._next()
        else:
            self._wish = self._latest = None
            self.ready.emit(*wish)

    def stop(self) -> None:
        """Forget what waits and what is under way."""
        self._wish = self._latest = None

    def _next(self) -> None:
        if self._wish is None or self._runner.running:
            return
        wish, self._wish = self._wish, None
        self._runner.start(lambda stop: _chosen(wish, stop), "Filter objects", needs_torch=False)

    def _tell(self, wish: Wish) -> None:
        if wish is self._latest:
            self._latest = None
            self.ready.emit(*wish)


def _takes_long(kept: Kept, choice: Choice) -> bool:
    found = kept.planes.values()
    pixels = sum(one.shape[0] * one.shape[1] for one in found)
    objects = sum(int(np.count_nonzero(one.scores >= choice.score)) for one in found)
    return pixels > MOST_PIXELS or objects > MOST_OBJECTS


def _chosen(wish: Wish, stop: threading.Event) -> Job[Wish]:
    """Let the prediction remember the choice, so that showing it takes no time."""
    _, kept, choice = wish
    if not len(kept.choose(choice)):
        kept.lower_score(choice)
    yield from ()
    return wish
