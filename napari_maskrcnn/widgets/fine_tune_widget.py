"""The Fine-tune tab: what to learn from, how long, the curve while it learns, then the proof."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QShowEvent

from napari_maskrcnn.jobs import Job, JobError, Progress
from napari_maskrcnn.models.folder import list_models, suggested_name
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.widgets.dock import Dock
from napari_maskrcnn.widgets.fine_tune_form import FineTuneForm
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.job_row import JobRow
from napari_maskrcnn.widgets.jobs_ui import JobRunner, show_note, show_problem
from napari_maskrcnn.widgets.loss_plot import LossPlot
from napari_maskrcnn.widgets.pairs import Snapshot, examples_of
from napari_maskrcnn.widgets.proof_box import ProofBox

if TYPE_CHECKING:
    from napari import Viewer

    from napari_maskrcnn.train.fine_tune import FineTuneResult


class FineTuneWidget(Dock):
    """Trains a model further on image–labels pairs, in the background."""

    def __init__(self, napari_viewer: Viewer, header: Header | None = None) -> None:
        super().__init__(napari_viewer, header, rows=("image", "labels"))
        self._result: FineTuneResult | None = None
        self.form = FineTuneForm(self.viewer, self.header)
        self.row = JobRow("Fine-tune", self.runner)
        self.plot = LossPlot()
        self.proof = ProofBox()
        self.saver = JobRunner(self)
        self._build()
        self._connect()
        self.form.list_pairs()

    def _build(self) -> None:
        for widget in (self.form, self.row, self.plot, self.proof):
            self.body.addWidget(widget)
        self.body.addStretch(1)
        self.plot.hide()

    def _connect(self) -> None:
        self.row.button.clicked.connect(self.fine_tune)
        self.runner.progressed.connect(self._step)
        self.runner.returned.connect(self._trained)
        self.proof.accepted.connect(self.accept)
        self.proof.discarded.connect(self._forget)
        self.saver.returned.connect(self._saved)
        self.header.image_changed.connect(self.form.list_pairs)
        self.header.labels_changed.connect(self.form.list_pairs)

    def layers_changed(self) -> None:
        """List the pairs anew."""
        self.form.list_pairs()

    def showEvent(self, event: QShowEvent | None) -> None:
        """List the pairs anew: labels may have been corrected since."""
        self.form.list_pairs()
        super().showEvent(event)

    def fine_tune(self) -> None:
        """Start training on a copy of the checked labels."""
        try:
            settings, taken = self.form.settings(), self.form.take()
        except ValueError as error:
            show_problem(error)
            return
        self._forget()
        self.plot.clear()
        self.plot.show()

        def make_job(stop: threading.Event) -> Job[FineTuneResult]:
            return _fine_tune_job(taken, settings, stop)

        self.runner.start(make_job, "Fine-tune")

    def accept(self, name: str) -> None:
        """Save the trained model under a name, in the background."""
        result = self._result
        if result is None:
            return

        def make_job(stop: threading.Event) -> Job[Path]:
            return _save_job(result, name)

        try:
            self.saver.start(make_job, f"Save {name}")
        except JobError as error:
            show_problem(error)

    def close_down(self) -> None:
        """Stop the training: the widget was closed."""
        super().close_down()
        self._forget()

    def _step(self, step: Progress) -> None:
        if "loss" in step.data:
            self.plot.append(step.data["loss"])

    def _trained(self, result: FineTuneResult) -> None:
        if not result.history:
            show_note("Fine-tuning was cancelled before its first step; there is no new model.")
            return
        if result.trouble:
            show_problem(result.trouble)
        self._result = result
        self.proof.show_result(result, self._free_name())

    def _saved(self, path: Path) -> None:
        self._forget()
        self.header.models.set_value(path.stem)
        show_note(f"The model “{path.stem}” is saved and chosen. Predict with it now.")

    def _forget(self) -> None:
        self._result = None
        self.proof.hide()

    def _free_name(self) -> str:
        taken = {entry.name for entry in list_models()}
        stem = suggested_name(f"my-{Path(self.form.base.value()).stem.removeprefix('my-')}")
        numbers = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
        return stem if stem not in taken else next(name for name in numbers if name not in taken)


def _fine_tune_job(
    taken: Sequence[Snapshot], settings: TrainSettings, stop: threading.Event
) -> Job[FineTuneResult]:
    from napari_maskrcnn.train.fine_tune import fine_tune_job

    examples = [example for pair in taken for example in examples_of(pair)]
    return (yield from fine_tune_job(examples, settings, stop=stop))


def _save_job(result: FineTuneResult, name: str) -> Job[Any]:
    from napari_maskrcnn.models.folder import add_model

    yield Progress(0, 0, f"Saving {name}")
    return add_model(result.model, name)
