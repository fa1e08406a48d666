"""Which image of a project is made ready in the background: the wanted one, the next, the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

from qtpy.QtCore import QObject, Signal

from napari_maskrcnn.annotate.project.about import is_project
from napari_maskrcnn.annotate.project.prepare import (
    Predictor,
    Ready,
    needs_prediction,
    prepare_job,
)
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.jobs import Job
from napari_maskrcnn.widgets.jobs_ui import JobRunner


class Preparer(QObject):
    """Makes images of a project ready, one after the other, in a background thread.

    Parameters
    ----------
    parent : QObject
        Its owner.
    following : callable
        Returns the name of the image that comes next, or an empty one.
    barrier : callable
        Returns what waits in the thread until labels that are being saved can be read.

    Signals
    -------
    arrived (Ready)
        The wanted image.
    prepared (str)
        Any image; its prediction may be new. Empty when all are predicted.
    failed (str)
        An image that cannot be opened; why was shown.
    """

    arrived = Signal(object)
    prepared = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        parent: QObject,
        following: Callable[[], str],
        barrier: Callable[[], Callable[[], object]],
    ) -> None:
        super().__init__(parent)
        self.runner = JobRunner(self, bar=False)
        self.wanted = ""
        self.bad: set[str] = set()
        self._following = following
        self._barrier = barrier
        self._project: Project | None = None
        self._predictor: Predictor | None = None
        self._ready: dict[str, Ready] = {}
        self._preparing = ""
        self._all = False
        self.runner.returned.connect(self._returned)
        self.runner.failed.connect(self._could_not)
        self.runner.finished.connect(self.work)

    def start(self, project: Project | None) -> None:
        """Prepare images of a project from now on, with its settings as they are now."""
        self.stop()
        if project is not self._project:
            self.wanted = ""
        self._project = project
        self._predictor = Predictor(project.settings) if project is not None else None
        self._ready.clear()
        self.bad.clear()
        self.work()

    def stop(self) -> None:
        """End what runs; only what is wanted and what comes next is prepared later."""
        self._all = False
        self.runner.stop()

    def want(self, name: str) -> Ready | None:
        """Return an image that is ready; else it is made ready at once, and arrives."""
        self.bad.discard(name)
        found = self._ready.pop(name, None)
        self.wanted = "" if found is not None else name
        if found is None and self.runner.running and self._preparing != name:
            self.runner.stop()
        self.work()
        return found

    def forget(self, name: str) -> None:
        """Prepare an image anew when it is wanted: it changed."""
        self._ready.pop(name, None)

    @property
    def predicting_all(self) -> bool:
        """Whether all images are being predicted."""
        return self._all

    def predict_all(self) -> None:
        """Predict every image that has neither labels nor a prediction."""
        self._all = True
        self.work()

    def is_ready(self, name: str) -> bool:
        """Whether an image can be shown at once."""
        return name in self._ready

    def work(self) -> None:
        """Begin with what is most urgent, if nothing runs."""
        if self._project is None or self._predictor is None or self.runner.running:
            return
        name = next(self._urgent(self._project), "")
        if not name:
            if self._all:
                self._all = False
                self.prepared.emit("")
            return
        self._preparing = name
        job = partial(_job, self._project, name, self._predictor, self._barrier())
        needs_torch = needs_prediction(self._project, self._project.entry(name))
        self.runner.start(job, f"Opening {name}", needs_torch)

    def _urgent(self, project: Project) -> Iterator[str]:
        # Of a folder that went only what a person asks for is tried, and says so.
        gone = not is_project(project.root)
        for name in (self.wanted, "" if gone else self._following()):
            if name and name not in self._ready and name not in self.bad:
                yield name
        if self._all and not gone:
            for entry in project.entries:
                if entry.open and entry.name not in self.bad and needs_prediction(project, entry):
                    yield entry.name

    def _returned(self, result: tuple[Project, Ready | None]) -> None:
        project, ready = result
        if ready is None or project is not self._project:
            return
        if ready.name == self.wanted:
            self.wanted = ""
            self.arrived.emit(ready)
        elif ready.name == self._following():
            # Two at most: one image may fill a good part of the memory.
            self._ready = {ready.name: ready}
        self.prepared.emit(ready.name)

    def _could_not(self, error: Exception) -> None:
        name = self._preparing
        self.bad.add(name)
        if self.wanted == name:
            self.wanted = ""
        self.failed.emit(name)


def _job(
    project: Project,
    name: str,
    predictor: Predictor,
    barrier: Callable[[], object],
    stop: threading.Event,
) -> Job[tuple[Project, Ready | None]]:
    barrier()
    ready = yield from prepare_job(project, name, predictor, stop)
    return project, ready
