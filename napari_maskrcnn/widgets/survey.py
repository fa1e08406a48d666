"""Looks at labels in the background: their objects, and how many of them were corrected."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_maskrcnn.jobs import Job
from napari_maskrcnn.train.answers import Findings
from napari_maskrcnn.train.labelled import Labelled, glance, look_job
from napari_maskrcnn.widgets.jobs_ui import JobRunner
from napari_maskrcnn.widgets.layers import stop_watching, watch
from napari_maskrcnn.widgets.learn_from import count_finished
from napari_maskrcnn.widgets.pairs import Pair, labelled_of

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_maskrcnn.annotate.project.project import Project

logger = logging.getLogger(__name__)

Looked = tuple[dict[Pair, Findings], int]


class Survey(QObject):
    """What was found in each pair of layers, and how much of a project is verified.

    Signals
    -------
    looked ()
        There is news.
    """

    looked = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.runner = JobRunner(self, bar=False)
        self.finished = 0
        self._found: dict[Pair, Findings] = {}
        self._watched: set[Labels] = set()
        self._stale: set[Labels] = set()
        self._looking: list[Pair] = []
        self._next: tuple[list[Pair], Project | None] | None = None
        self.runner.returned.connect(self._take)
        self.runner.finished.connect(self._go_on)

    def of(self, pair: Pair) -> Findings:
        """What is known of a pair; without a look only what needs none."""
        return self._found.get(pair) or glance(labelled_of(pair))

    def start(self, pairs: Sequence[Pair], project: Project | None) -> None:
        """Look at those that changed since the last look; if it still goes on, then afterwards."""
        self._found = {pair: found for pair, found in self._found.items() if pair in pairs}
        self._watch({pair.labels for pair in pairs})
        self._next = list(pairs), project
        if not self.runner.running:
            self._go_on()

    def stop(self) -> None:
        """Look at nothing any more."""
        self._next = None
        self.runner.stop()

    def _watch(self, labels: set[Labels]) -> None:
        for layer in self._watched - labels:
            stop_watching(layer, self._changed)
            layer.events.metadata.disconnect(self._changed)
        for layer in labels - self._watched:
            watch(layer, self._changed)
            layer.events.metadata.connect(self._changed)
        self._watched = labels
        self._stale &= labels

    def _changed(self, event: Any) -> None:
        self._stale.add(event.source)

    def _go_on(self) -> None:
        if self._next is None:
            return
        (pairs, project), self._next = self._next, None
        self._looking = [p for p in pairs if p not in self._found or p.labels in self._stale]
        labelled = {pair: labelled_of(pair) for pair in self._looking}
        self._stale -= {pair.labels for pair in self._looking}

        def make_job(stop: threading.Event) -> Job[Looked | None]:
            return _look_job(labelled, project, stop)

        if labelled or project is not None:
            self.runner.start(make_job, "Look at labels", needs_torch=False)

    def _take(self, looked: Looked | None) -> None:
        if looked is None:
            self._stale |= {pair.labels for pair in self._looking}
            return
        found, finished = looked
        before = self._found, self.finished
        self._found, self.finished = {**self._found, **found}, finished
        if (self._found, self.finished) != before:
            self.looked.emit()


def _look_job(
    pairs: Mapping[Pair, Labelled], project: Project | None, stop: threading.Event
) -> Job[Looked | None]:
    """Look at everything; None when it was stopped. What cannot be read is left out."""
    found = {}
    for pair, labelled in pairs.items():
        # Labels that lie on a disk take too long to be read just for this.
        if isinstance(labelled.labels, np.ndarray):
            found[pair] = yield from look_job(labelled, stop)
    finished = 0
    if project is not None and not stop.is_set():
        try:
            finished = count_finished(project)
        except (OSError, ValueError) as error:
            logger.info("Cannot count what is finished in %s. %s", project.root, error)
    return None if stop.is_set() else (found, finished)
