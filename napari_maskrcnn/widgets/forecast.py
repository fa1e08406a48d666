"""How long a training will take, worked out in the background while its form is filled in."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_maskrcnn.jobs import Job
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.widgets.jobs_ui import JobRunner
from napari_maskrcnn.widgets.learn_from import Taken, sample_job

if TYPE_CHECKING:
    from napari_maskrcnn.train.estimate import Estimate

#: After the last change of the form.
DELAY_MS = 600


class Forecast(QObject):
    """Estimates the training that a form describes, and what stands in its way.

    Signals
    -------
    changed ()
        There is news.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.runner = JobRunner(self, bar=False)
        self._asked: tuple[Hashable, Taken, TrainSettings] | None = None
        self._key: Hashable = None
        self._said: Estimate | str | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self._go_on)
        self.runner.returned.connect(self._take)
        self.runner.finished.connect(self._wake)

    def ask(self, key: Hashable, taken: Taken, settings: TrainSettings) -> None:
        """Estimate a training, unless it was the last one that was asked for.

        Parameters
        ----------
        key : hashable
            What the work of a training depends on; the budget does not matter.
        taken : Taken
        settings : TrainSettings
        """
        if key == self._key:
            return
        self._key, self._said = key, None
        self._asked = key, taken, settings
        self.runner.stop()
        self._timer.start()

    def forget(self) -> None:
        """Estimate nothing, and know nothing."""
        self._key = self._said = self._asked = None
        self._timer.stop()
        self.runner.stop()

    def text(self, settings: TrainSettings) -> str:
        """What a training with these settings takes, or why there can be none; may be empty."""
        if self._said is None or isinstance(self._said, str):
            return self._said or ""
        said = self._said.text(settings)
        return said[:1].upper() + said[1:]

    def _wake(self) -> None:
        if self._asked is not None:
            self._timer.start()

    def _go_on(self) -> None:
        if self._asked is None or self.runner.running:
            return
        (key, taken, settings), self._asked = self._asked, None

        def make_job(stop: threading.Event) -> Job[tuple[Hashable, Estimate | str | None]]:
            return _job(key, taken, settings, stop)

        self.runner.start(make_job, "Estimate the time")

    def _take(self, found: tuple[Hashable, Estimate | str | None]) -> None:
        key, said = found
        if key == self._key:
            self._said = said
            self.changed.emit()


def _job(
    key: Hashable, taken: Taken, settings: TrainSettings, stop: threading.Event
) -> Job[tuple[Hashable, Estimate | str | None]]:
    from napari_maskrcnn.train.estimate import estimate_job

    share = 1.0
    try:
        examples, share = yield from sample_job(taken, stop)
        if stop.is_set():
            return key, None
        found = yield from estimate_job(examples, settings, stop=stop)
    except (ValueError, OSError) as error:
        # Nobody asked for this: what is wrong is said where the time would stand. What a part of
        # the files lacks, the others may have.
        return key, None if share < 1 else str(error)
    except (RuntimeError, ArithmeticError, MemoryError):
        # The training will say it, if it comes to that.
        return key, None
    if found is None:
        return key, None
    return key, replace(found, steps_per_epoch=max(1, round(found.steps_per_epoch / share)))
