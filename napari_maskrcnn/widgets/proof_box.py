"""The proof after a fine-tuning: the numbers before and after, then Accept or Discard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from napari_maskrcnn.widgets.style import CHECKED, PRIMARY

if TYPE_CHECKING:
    from napari_maskrcnn.train.fine_tune import FineTuneResult

MEASURES = {
    "ap50": "AP at IoU 0.5",
    "ap75": "AP at IoU 0.75",
    "missed": "Missed objects",
    "extra": "Extra objects",
}
NO_PROOF = "Too few objects to hold some out, so nothing was measured. Predict to see the gain."
UNMEASURED = "That was before the first measurement; “Show the difference” compares."
ON_HELD_OUT = "On the part that was held out:"
SHOW = "Show the difference"
LOOKING = "Looking…"


class ProofBox(QWidget):
    """Shows what a training gained and asks whether to keep the model.

    Signals
    -------
    accepted (str)
        Keep the model under this name.
    discarded ()
    shown (int)
        Show how the models differ on this held-out image.
    hidden ()
        Show it no longer.
    """

    accepted = Signal(str)
    discarded = Signal()
    shown = Signal(int)
    hidden = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._at, self._count = 0, 0
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.numbers = {key: QLabel() for key in MEASURES}
        self.show_button = QPushButton(SHOW)
        self.show_button.setCheckable(True)
        self.show_button.setStyleSheet(CHECKED)
        self.show_button.setToolTip(
            "Held-out images beside each other, before and after; "
            "found, missed and extra objects in colours"
        )
        self.next = QPushButton()
        self.next.setToolTip("The next held-out image")
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.name = QLineEdit()
        self.name.setToolTip("Letters, digits, '.', '_' and '-'")
        self.accept = QPushButton("Accept")
        self.accept.setStyleSheet(PRIMARY)
        self.accept.setToolTip("Keep the model under this name; it appears in every model list")
        self.discard = QPushButton("Discard")
        self._build()
        self.accept.clicked.connect(lambda: self.accepted.emit(self.name.text().strip()))
        self.discard.clicked.connect(self.discarded)
        self.show_button.toggled.connect(self._toggled)
        self.next.clicked.connect(self._show_next)
        self.hide()

    def _build(self) -> None:
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.addRow(self.title)
        for key, text in MEASURES.items():
            self._form.addRow(text, self.numbers[key])
        self._looking = QWidget()
        looking = QHBoxLayout(self._looking)
        looking.setContentsMargins(0, 0, 0, 0)
        looking.addWidget(self.show_button, 1)
        looking.addWidget(self.next)
        self._form.addRow(self._looking)
        self._form.addRow(self.legend)
        self._form.addRow("Name", self.name)
        buttons = QHBoxLayout()
        buttons.addWidget(self.accept, 1)
        buttons.addWidget(self.discard)
        self._form.addRow(buttons)

    def show_result(self, result: FineTuneResult, name: str) -> None:
        """Show the numbers of a training and suggest a name for its model."""
        steps = sum("loss" in row for row in result.history)
        ended = "Finished" if result.finished else "Stopped" if result.trouble else "Cancelled"
        measured = ON_HELD_OUT if result.after else UNMEASURED if result.held else NO_PROOF
        said = [f"{ended} after {steps} steps.", *result.notes, measured]
        self.title.setText(" ".join(said))
        for key, label in self.numbers.items():
            self._form.setRowVisible(label, key in result.after)
            label.setText(compared(key, result.before, result.after))
        self._at, self._count = 0, len(result.held)
        self.show_button.setChecked(False)
        self._form.setRowVisible(self._looking, bool(result.held))
        self.next.setVisible(self._count > 1)
        self.next.setText(f"1 of {self._count} ›")
        self.say("")
        self.name.setText(name)
        self.show()

    def say(self, text: str) -> None:
        """Say what the colours mean, or that it is being looked at; nothing takes no place."""
        self.legend.setText(text)
        self._form.setRowVisible(self.legend, bool(text))

    def forget(self) -> None:
        """Show nothing any more."""
        self.show_button.setChecked(False)
        self.hide()

    def _toggled(self, on: bool) -> None:
        if on:
            self.say(LOOKING)
            self.shown.emit(self._at)
        else:
            self.say("")
            self.hidden.emit()

    def _show_next(self) -> None:
        self._at = (self._at + 1) % self._count
        self.next.setText(f"{self._at + 1} of {self._count} ›")
        if self.show_button.isChecked():
            self._toggled(True)
        else:
            self.show_button.setChecked(True)


def compared(key: str, before: dict[str, float], after: dict[str, float]) -> str:
    """Return a measure before and after as text: shares with two digits, counts of how many."""
    if key not in after:
        return ""
    is_count = key in ("missed", "extra")
    values = [scores[key] for scores in (before, after) if key in scores]
    text = " → ".join(f"{value:.0f}" if is_count else f"{value:.2f}" for value in values)
    return f"{text} of {after['objects']:.0f}" if key == "missed" and "objects" in after else text
