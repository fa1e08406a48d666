"""The object diameter: typed, estimated by the model, or measured by a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QGridLayout, QLabel, QPushButton, QWidget

from napari_maskrcnn.widgets.layers import pixel_width
from napari_maskrcnn.widgets.style import CHECKED

if TYPE_CHECKING:
    from napari.layers import Image

MEASURE = "Draw a line across a typical object"


class SizeRow(QWidget):
    """A diameter in pixels with the length in the image's unit beside it, and two helpers."""

    estimate_asked = Signal()
    measure_asked = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._image: Image | None = None
        self.spin = QDoubleSpinBox()
        self.spin.setRange(0.0, 10_000.0)
        self.spin.setDecimals(1)
        self.spin.setSuffix(" px")
        self.spin.setSpecialValueText("auto")
        self.spin.setToolTip(
            "Typical diameter of the objects in the image; auto: the image is not rescaled"
        )
        self.physical = QLabel()
        self.estimate = QPushButton("Estimate")
        self.estimate.setToolTip("Let the model look at a part of the image in three sizes")
        self.measure = QPushButton("Measure")
        self.measure.setToolTip(f"{MEASURE}; its length becomes the diameter")
        self.measure.setCheckable(True)
        self.measure.setStyleSheet(CHECKED)
        self.note = QLabel()
        self.note.setWordWrap(True)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.spin, 0, 0)
        layout.addWidget(self.physical, 0, 1)
        layout.addWidget(self.estimate, 1, 0)
        layout.addWidget(self.measure, 1, 1)
        layout.addWidget(self.note, 2, 0, 1, 2)
        layout.setColumnStretch(0, 1)
        layout.setColumnStretch(1, 1)
        self.spin.valueChanged.connect(self._show_physical)
        self.estimate.clicked.connect(self.estimate_asked)
        self.measure.clicked.connect(self.measure_asked)
        self.say("")

    def set_image(self, image: Image | None) -> None:
        """Follow the image whose pixels are meant."""
        self._image = image
        for button in (self.estimate, self.measure):
            button.setEnabled(image is not None)
        self._show_physical()

    def value(self) -> float | None:
        """The diameter in pixels, or None for auto."""
        return float(self.spin.value()) or None

    def set_value(self, diameter: float) -> None:
        """Fill in a diameter."""
        self.spin.setValue(diameter)

    def show_measuring(self, active: bool) -> None:
        """Say what to do while a line is awaited."""
        self.measure.setChecked(active)
        self.say(f"{MEASURE}." if active else "")

    def say(self, text: str) -> None:
        """Show a line of text, or none."""
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _show_physical(self) -> None:
        text = ""
        width = pixel_width(self._image) if self._image is not None else None
        if width is not None and self.spin.value():
            text = f"= {self.spin.value() * width[0]:.3g} {width[1]}"
        self.physical.setText(text)
