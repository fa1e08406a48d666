"""The proof after a fine-tuning: the numbers before and after, then Accept or Discard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

if TYPE_CHECKING:
    from napari_maskrcnn.train.fine_tune import FineTuneResult

MEASURES = {"ap50": "AP at IoU 0.5", "ap75": "AP at IoU 0.75"}
NO_PROOF = "Too few objects to hold some out, so nothing was measured. Predict to see the gain."


class ProofBox(QWidget):
    """Shows what a training gained and asks whether to keep the model."""

    accepted = Signal(str)
    discarded = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.numbers = {key: QLabel() for key in MEASURES}
        self.name = QLineEdit()
        self.name.setToolTip("Letters, digits, '.', '_' and '-'")
        self.accept = QPushButton("Accept")
        self.accept.setToolTip("Keep the model under this name; it appears in every model list")
        self.discard = QPushButton("Discard")
        buttons = QHBoxLayout()
        buttons.addWidget(self.accept, 1)
        buttons.addWidget(self.discard)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.addRow(self.title)
        for key, text in MEASURES.items():
            self._form.addRow(text, self.numbers[key])
        self._form.addRow("Name", self.name)
        self._form.addRow(buttons)
        self.accept.clicked.connect(lambda: self.accepted.emit(self.name.text().strip()))
        self.discard.clicked.connect(self.discarded)
        self.hide()

    def show_result(self, result: FineTuneResult, name: str) -> None:
        """Show the numbers of a training and suggest a name for its model."""
        steps = sum("loss" in row for row in result.history)
        ended = "Finished" if result.finished else "Stopped early"
        measured = bool(result.after)
        self.title.setText(f"{ended} after {steps} steps." + ("" if measured else f" {NO_PROOF}"))
        for key, label in self.numbers.items():
            self._form.setRowVisible(label, measured)
            if measured:
                before = f"{result.before[key]:.2f} → " if result.before else ""
                label.setText(f"{before}{result.after[key]:.2f}  (held-out part)")
        self.name.setText(name)
        self.show()
