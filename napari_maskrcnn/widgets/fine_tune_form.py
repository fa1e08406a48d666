"""What the Fine-tune tab asks before it starts: what to learn from, the base, how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QEnterEvent, QHideEvent
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QHBoxLayout, QVBoxLayout, QWidget

from napari_maskrcnn.train.settings import DEFAULT_MINUTES, TrainSettings
from napari_maskrcnn.widgets.dock import MARGIN
from napari_maskrcnn.widgets.forecast import Forecast
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.jobs_ui import JobRunner
from napari_maskrcnn.widgets.learn_box import LearnBox, show_text, wrapped_label
from napari_maskrcnn.widgets.learn_from import Taken
from napari_maskrcnn.widgets.model_box import ModelBox

if TYPE_CHECKING:
    from napari import Viewer

MINUTES = "minutes"
EPOCHS = "epochs"


class FineTuneForm(QWidget):
    """The settings of a training, and the labels that it learns from.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    header : Header
        Its image and labels are a pair, and its model becomes the base.
    runner : JobRunner
        Runs the training; meanwhile nothing is looked at or estimated.
    """

    def __init__(self, viewer: Viewer, header: Header, runner: JobRunner) -> None:
        super().__init__()
        self._header = header
        self._runner = runner
        self.learn = LearnBox(viewer, header)
        self.pairs = self.learn.pairs
        self.forecast = Forecast(self)
        self.base = ModelBox()
        self.base.set_value(header.models.value())
        self.budget = QDoubleSpinBox()
        self.unit = QComboBox()
        self.duration = wrapped_label()
        self._build()
        self._connect()

    def _build(self) -> None:
        self.budget.setDecimals(0)
        self.budget.setRange(1, 10_000)
        self.budget.setValue(DEFAULT_MINUTES)
        self.unit.addItems([MINUTES, EPOCHS])
        budget = QHBoxLayout()
        budget.addWidget(self.budget, 1)
        budget.addWidget(self.unit)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Base", self.base)
        form.addRow("Train for", budget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        layout.addWidget(self.learn)
        layout.addLayout(form)
        layout.addWidget(self.duration)

    def _connect(self) -> None:
        self.learn.changed.connect(self._ask)
        self.forecast.changed.connect(self._say_duration)
        self.budget.valueChanged.connect(self._say_duration)
        self.unit.currentTextChanged.connect(self._say_duration)
        self.base.chosen.connect(self._ask)
        self._header.models.chosen.connect(self.base.set_value)
        self._header.models.chosen.connect(self._ask)
        self._runner.started.connect(self.rest)
        self._runner.finished.connect(self.list_pairs)

    def list_pairs(self) -> None:
        """List what there is to learn from anew."""
        if self._runner.running:
            self.learn.refresh()
        else:
            self.learn.look()

    def rest(self) -> None:
        """Look at nothing any more."""
        self.learn.survey.stop()
        self.forecast.forget()
        self._say_duration()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Rest: another tab is in front, or the window closes."""
        self.rest()
        super().hideEvent(event)

    def enterEvent(self, event: QEnterEvent | None) -> None:
        """Look again: labels may have been corrected since."""
        self.list_pairs()
        super().enterEvent(event)

    def settings(self) -> TrainSettings:
        """Return what the form says.

        Raises
        ------
        ValueError
            When nothing can be trained with it.
        """
        minutes = self.unit.currentText() == MINUTES
        settings = TrainSettings(
            base=self.base.value(),
            minutes=self.budget.value() if minutes else None,
            epochs=None if minutes else int(self.budget.value()),
        )
        settings.validate()
        return settings

    def take(self) -> Taken:
        """Copy what is checked; see `LearnBox.take`."""
        return self.learn.take()

    def _ask(self, *_: object) -> None:
        """Have it estimated how long this takes."""
        key = self.learn.key()
        if key is None or self._runner.running or not self.isVisible():
            self.forecast.forget()
        else:
            key = (self.base.value(), key)
            self.forecast.ask(key, self.learn.taken(copied=False), self.settings())
        self._say_duration()

    def _say_duration(self, *_: object) -> None:
        show_text(self.duration, self.forecast.text(self.settings()))
