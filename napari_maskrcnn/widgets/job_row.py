"""The row every tab starts its job with: one big button, Cancel beside it, progress below."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.widgets.jobs_ui import JobRunner
from napari_maskrcnn.widgets.style import PRIMARY


class JobRow(QWidget):
    """A big button that is off while its job runs, and what shows the job meanwhile."""

    def __init__(self, text: str, runner: JobRunner) -> None:
        super().__init__()
        self.runner = runner
        self.button = QPushButton(text)
        self.button.setMinimumHeight(36)
        self.button.setStyleSheet(PRIMARY)
        self.cancel = QPushButton("Cancel")
        self.cancel.setMinimumHeight(36)
        self.cancel.setToolTip("End at the next step; what is finished is kept")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self._build()
        self.cancel.clicked.connect(self._cancel)
        runner.started.connect(self._started)
        runner.shown.connect(self._show)
        runner.finished.connect(self._finished)
        self._finished()

    def _build(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.button, 1)
        buttons.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)

    def _started(self) -> None:
        self.button.setEnabled(False)
        self.cancel.setText("Cancel")
        self.cancel.setEnabled(True)
        self.bar.setRange(0, 0)
        for widget in (self.cancel, self.bar, self.message):
            widget.setVisible(True)

    def _show(self, step: Progress) -> None:
        self.bar.setRange(0, step.total)
        self.bar.setValue(step.done)
        self.message.setText(step.message)

    def _cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.cancel.setText("Stopping…")
        self.runner.stop()

    def _finished(self) -> None:
        self.button.setEnabled(True)
        self.message.clear()
        for widget in (self.cancel, self.bar, self.message):
            widget.setVisible(False)
