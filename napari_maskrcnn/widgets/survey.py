"""Looks at labels in the background: their objects, and how many of them were corrected."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_maskrcnn.jobs import Job
from napari_maskrcnn.train.answers import Findings
from napari_maskrcnn.train.labelled import Labelled, glance, look_job
from napari_maskrcnn.widgets.jobs_ui import JobRunner
from napari_maskrcnn.widgets.learn_from import count_verified
from napari_maskrcnn.widgets.pairs import Pair, labelled_of

if TYPE_CHECKING:
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
        self.verified = 0
        self._found: dict[Pair, Findings] = {}
        self._next: tuple[dict[Pair, Labelled], Project | None] | None = None
        self._last = (self.verified, self._found)
        self.runner.returned.connect(self._take)
        self.runner.finished.connect(self._go_on)

    def of(self, pair: Pair) -> Findings:
        """What is known of a pair; without a look only what needs none."""
        return self._found.get(pair) or glance(labelled_of(pair))

    def start(self, pairs: Sequence[Pair], project: Project | None) -> None:
        """Look at all of them; what is looked at now is looked at again afterwards."""
        self._found = {pair: found for pair, found in self._found.items() if pair in pairs}
        self._next = {pair: labelled_of(pair) for pair in pairs}, project
        if self.runner.running:
            self.runner.stop()
        else:
            self._go_on()

    def stop(self) -> None:
        """Look at nothing any more."""
        self._next = None
        self.runner.stop()

    def _go_on(self) -> None:
        if self._next is None:
            return
        (pairs, project), self._next = self._next, None

        def make_job(stop: threading.Event) -> Job[Looked | None]:
            return _look_job(pairs, project, stop)

        if pairs or project is not None:
            self.runner.start(make_job, "Look at labels", needs_torch=False)

    def _take(self, looked: Looked | None) -> None:
        if looked is not None and looked != (self._found, self.verified):
            self._found, self.verified = looked
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
    verified = 0
    if project is not None and not stop.is_set():
        try:
            verified = count_verified(project)
        except (OSError, ValueError) as error:
            logger.info("Cannot count what is verified in %s. %s", project.root, error)
    return None if stop.is_set() else (found, verified)
