"""The Fine-tune tab: what to learn from, the curves while it learns, then the proof."""

from __future__ import annotations

import threading
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox

from napari_maskrcnn.jobs import Job, JobError, Progress
from napari_maskrcnn.models.folder import free_name
from napari_maskrcnn.train.stored import StoppedTraining, StoredTraining
from napari_maskrcnn.widgets.dock import Dock
from napari_maskrcnn.widgets.fine_tune_form import FineTuneForm
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.job_row import JobRow
from napari_maskrcnn.widgets.jobs_ui import JobRunner, MakeJob, show_note, show_problem
from napari_maskrcnn.widgets.learn_from import read_examples_job
from napari_maskrcnn.widgets.loss_plot import LossPlot
from napari_maskrcnn.widgets.proof_box import ProofBox
from napari_maskrcnn.widgets.proof_layers import Place
from napari_maskrcnn.widgets.proof_view import ProofView
from napari_maskrcnn.widgets.resume_row import ResumeRow
from napari_maskrcnn.widgets.training_jobs import go_on_job, save_job, train_job

if TYPE_CHECKING:
    from napari import Viewer

    from napari_maskrcnn.train.fine_tune import FineTuneResult

UNDECIDED = "Accept or discard the model that was trained before; then the next can be trained."
NO_STEP = "Fine-tuning was cancelled before its first step; there is no new model."


class FineTuneWidget(Dock):
    """Trains a model further on image–labels pairs, in the background."""

    def __init__(self, napari_viewer: Viewer, header: Header | None = None) -> None:
        super().__init__(napari_viewer, header, rows=("image", "labels"))
        self._result: FineTuneResult | None = None
        self._stored: StoredTraining | None = None
        self._places: dict[str, Place] = {}
        self._searched = self._closed = False
        self.resume = ResumeRow()
        self.form = FineTuneForm(self.viewer, self.header, self.runner)
        self.row = JobRow("Fine-tune", self.runner, can_pause=True)
        self.plot = LossPlot()
        self.parts = QCheckBox("Parts of the loss")
        self.parts.setToolTip("What the loss is made of: finding objects, boxes, kinds, outlines")
        self.proof = ProofBox()
        self.view = ProofView(self.viewer, self.proof)
        self.saver = JobRunner(self)
        self._build()
        self._connect()
        self.form.list_pairs()

    def _build(self) -> None:
        for widget in (self.resume, self.form, self.row, self.plot, self.parts, self.proof):
            self.body.addWidget(widget)
        self.body.addStretch(1)
        self._show_curves(False)

    def _connect(self) -> None:
        self.resume.wanted.connect(self.go_on)
        self.row.button.clicked.connect(self.fine_tune)
        self.runner.progressed.connect(self._step)
        self.runner.returned.connect(self._trained)
        self.runner.failed.connect(self._give_up)
        # A training at a time: what a crash left waits for the one that runs.
        self.runner.started.connect(partial(self.resume.setEnabled, False))
        self.runner.finished.connect(partial(self.resume.setEnabled, True))
        self.parts.toggled.connect(self.plot.show_parts)
        self.proof.accepted.connect(self.accept)
        self.proof.discarded.connect(self._forget)
        # What is being saved can be decided upon no more.
        self.saver.started.connect(partial(self.proof.setEnabled, False))
        self.saver.finished.connect(partial(self.proof.setEnabled, True))
        self.saver.returned.connect(self._saved)
        self.header.image_changed.connect(self.form.list_pairs)
        self.header.labels_changed.connect(self.form.list_pairs)

    def layers_changed(self) -> None:
        """List the pairs anew."""
        self.form.list_pairs()

    def showEvent(self, event: QShowEvent | None) -> None:
        """List the pairs anew: labels may have been corrected since. Look for what a crash left."""
        self.form.list_pairs()
        self._closed = False
        if not self._searched:
            self._searched = True
            self.resume.search()
        super().showEvent(event)

    def fine_tune(self) -> None:
        """Start training on a copy of the checked labels."""
        if self._result is not None:
            show_note(UNDECIDED)
            return
        try:
            settings, taken = self.form.settings(), self.form.take()
        except ValueError as error:
            show_problem(error)
            return
        layers = {layer.name: layer for layer in self.viewer.layers}
        self._places = {
            one.name: Place(weakref.ref(layers[one.name]), one.plane)
            for one in (layer.labelled for layer in taken.layers)
            if one.name in layers
        }
        stored = StoredTraining()
        read_job = partial(read_examples_job, taken)
        self._start(stored, partial(train_job, stored, read_job, settings))

    def go_on(self, offer: StoppedTraining) -> None:
        """Continue a training that a crash stopped."""
        if self._result is not None or self.runner.running:
            show_note(UNDECIDED if self._result is not None else "Another training runs here.")
            return
        self._places = {}
        self.resume.take(offer.path)
        stored = StoredTraining(offer.path)
        self._start(stored, partial(go_on_job, stored))

    def accept(self, name: str) -> None:
        """Save the trained model under a name, in the background."""
        result, stored = self._result, self._stored
        if result is None:
            return

        def make_job(stop: threading.Event) -> Job[Path]:
            return save_job(result, name, stored)

        try:
            self.saver.start(make_job, f"Save {name}")
        except JobError as error:
            show_problem(error)

    def close_down(self) -> None:
        """Stop the training: the widget was closed. It is offered again the next time."""
        self.form.rest()
        super().close_down()
        self._closed = True
        stored, self._stored = self._stored, None
        if stored is not None:
            stored.leave()
        self._forget()

    def _start(self, stored: StoredTraining, make_job: MakeJob) -> None:
        self._stored = stored
        self.plot.clear()
        self._show_curves(True)
        self.runner.start(make_job, "Fine-tune")

    def _show_curves(self, shown: bool) -> None:
        self.plot.setVisible(shown)
        self.parts.setVisible(shown)

    def _show_form(self, shown: bool) -> None:
        self.resume.setVisible(shown and bool(self.resume.offers))
        self.form.setVisible(shown)
        self.row.setVisible(shown)

    def _step(self, step: Progress) -> None:
        if "loss" in step.data:
            self.plot.append(step.data)
        elif "note" in step.data:
            show_note(step.data["note"])

    def _trained(self, result: FineTuneResult | None) -> None:
        if self._closed:
            return
        if result is None or not result.history:
            show_note(NO_STEP)
            self._give_up()
            return
        if result.trouble:
            show_problem(result.trouble)
        self._result = result
        self.plot.show_history(result.history)
        self.view.set_result(result, self._places)
        base = Path(result.model.card.base).stem.removeprefix("my-")
        # The proof has the place: nothing else can be trained until it is decided upon.
        self._show_form(False)
        self.proof.show_result(result, free_name(f"my-{base}" if base else "my-model"))

    def _give_up(self, *_: object) -> None:
        """Offer what was kept of a training that came to nothing, if going on makes sense."""
        stored, self._stored = self._stored, None
        if stored is None:
            return
        if stored.can_go_on or self.resume.knows(stored.path):
            stored.release()
            self.resume.search()
        else:
            stored.remove()

    def _saved(self, path: Path) -> None:
        self._forget()
        self.header.models.set_value(path.stem)
        show_note(f"The model “{path.stem}” is saved and chosen. Predict with it now.")

    def _forget(self) -> None:
        """Let go of the trained model, and of what was kept of its training."""
        stored, self._stored = self._stored, None
        if stored is not None:
            stored.remove()
        self._result = None
        self._show_form(True)
        self.view.forget()
        self.proof.forget()
