"""Filters of a prediction that few people need: objects that others cover, and cut-off ones."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QVBoxLayout, QWidget
from superqt import QCollapsible, QLabeledSlider

from napari_maskrcnn.predict.choice import Choice


class FilterBox(QWidget):
    """Share of an object that better ones may cover, and whether those at the border count."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.overlap = QLabeledSlider(Qt.Orientation.Horizontal)
        self.overlap.setRange(0, 100)
        self.overlap.setValue(100)
        self.overlap.setToolTip(
            "Leave out objects of which better ones cover more than this share; 100: keep all"
        )
        self.at_border = QCheckBox("Keep objects that the border cuts off")
        self.at_border.setChecked(True)
        inside = QWidget()
        form = QFormLayout(inside)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Covered, %", self.overlap)
        form.addRow(self.at_border)
        self.collapsed = QCollapsible("More filters")
        self.collapsed.addWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.collapsed)
        self.overlap.valueChanged.connect(self.changed)
        self.at_border.toggled.connect(self.changed)

    def hidden(self) -> float:
        """Largest share of an object that better ones may hide, 0 to 1."""
        return float(self.overlap.value()) / 100

    def border(self) -> bool:
        """Whether objects at the border count."""
        return bool(self.at_border.isChecked())

    def set_choice(self, choice: Choice) -> None:
        """Show a choice without a signal."""
        for widget in (self.overlap, self.at_border):
            widget.blockSignals(True)
        self.overlap.setValue(round(100 * choice.hidden))
        self.at_border.setChecked(choice.border)
        for widget in (self.overlap, self.at_border):
            widget.blockSignals(False)
