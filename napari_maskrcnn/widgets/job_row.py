"""The row every tab starts its job with: one big button, Cancel beside it, progress below."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.widgets.jobs_ui import JobRunner
from napari_maskrcnn.widgets.style import PRIMARY

PAUSE, GO_ON = "Pause", "Continue"
PAUSED = "Paused. Continue whenever you like."


class JobRow(QWidget):
    """A big button that is off while its job runs, and what shows the job meanwhile.

    Parameters
    ----------
    text : str
        What the button says.
    runner : JobRunner
        Runs the job.
    can_pause : bool
        Offer to let the job wait, where that makes sense: it takes minutes and gives way to others.
    """

    def __init__(self, text: str, runner: JobRunner, can_pause: bool = False) -> None:
        super().__init__()
        self.runner = runner
        self.button = QPushButton(text)
        self.button.setMinimumHeight(36)
        self.button.setStyleSheet(PRIMARY)
        self.cancel = QPushButton("Cancel")
        self.cancel.setMinimumHeight(36)
        self.cancel.setToolTip("End at the next step; what is finished is kept")
        self.pause = QPushButton(PAUSE)
        self.pause.setMinimumHeight(36)
        self.pause.setToolTip("Wait, so that something else is quick; the time does not count")
        self._can_pause = can_pause
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self._build()
        self.cancel.clicked.connect(self._cancel)
        self.pause.clicked.connect(lambda: runner.pause(not runner.is_paused))
        runner.paused.connect(self._paused)
        runner.started.connect(self._started)
        runner.shown.connect(self._show)
        runner.finished.connect(self._finished)
        self._finished()

    def _build(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.button, 1)
        buttons.addWidget(self.pause)
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
        self.pause.setText(PAUSE)
        self.pause.setEnabled(True)
        for widget in self._shown_while_running():
            widget.setVisible(True)

    def _show(self, step: Progress) -> None:
        self.bar.setRange(0, step.total)
        self.bar.setValue(step.done)
        self.message.setText(PAUSED if self.runner.is_paused else step.message)

    def _paused(self, waiting: bool) -> None:
        self.pause.setText(GO_ON if waiting else PAUSE)
        self.message.setText(PAUSED if waiting else "")

    def _cancel(self) -> None:
        self.pause.setEnabled(False)
        self.cancel.setEnabled(False)
        self.cancel.setText("Stopping…")
        self.runner.stop()

    def _finished(self) -> None:
        self.button.setEnabled(True)
        self.message.clear()
        for widget in (*self._shown_while_running(), self.pause):
            widget.setVisible(False)

    def _shown_while_running(self) -> list[QWidget]:
        pause = [self.pause] if self._can_pause else []
        return [*pause, self.cancel, self.bar, self.message]
