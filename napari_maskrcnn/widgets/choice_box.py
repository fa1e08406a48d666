"""What of a prediction counts: the number of objects, and the sliders that change it at once."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider, QLabeledRangeSlider

from napari_maskrcnn.instances import LIMITED
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.widgets.filter_box import FilterBox
from napari_maskrcnn.widgets.layers import stop_watching, watch
from napari_maskrcnn.widgets.prediction import is_spoken_of, is_untouched, prediction_of
from napari_maskrcnn.widgets.shown_plane import ShownPlane
from napari_maskrcnn.widgets.style import BIG

if TYPE_CHECKING:
    from napari import Viewer

    from napari_maskrcnn.widgets.prediction import Prediction

CORRECTED = "Corrected: Predict again adds a layer"
SPOKEN_OF = "Verified, excluded or finished: Predict again adds a layer"
NOTHING = (
    "Nothing looks like an object, at any score. Is this the right image and plane? If the objects "
    "are much larger or smaller than the model knows, give their diameter."
)
SETTLE_MS = 150


class ChoiceBox(QWidget):
    """Count, sliders and advice for the prediction in one labels layer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer is.
    """

    choice_changed = Signal(object)
    diameter_wanted = Signal(float)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._layer: Labels | None = None
        # Which view of which pixels the layer told of last.
        self._seen: tuple[Any, Any] | None = None
        self.count = QLabel()
        self.count.setStyleSheet(BIG)
        self.source = QLabel()
        self.note = QLabel()
        self.show_lower = QPushButton("Show")
        self.looks = QLabel()
        self.use_diameter = QPushButton("Use")
        self.use_diameter.setToolTip("Take this as object diameter, then press Predict again")
        self.score = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.diameters = QLabeledRangeSlider(Qt.Orientation.Horizontal)
        self.filters = FilterBox()
        self._build()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.check)
        self.score.valueChanged.connect(self._emit)
        self.diameters.valueChanged.connect(self._emit)
        self.filters.changed.connect(self._emit)
        self.show_lower.clicked.connect(self._show_lower)
        self.use_diameter.clicked.connect(self._use_diameter)
        self.load(None)

    def _build(self) -> None:
        self.score.setRange(0.05, 1.0)
        self.score.setDecimals(2)
        self.score.setToolTip("Objects of at least this score count")
        self.diameters.setEdgeLabelMode(QLabeledRangeSlider.EdgeLabelMode.NoLabel)
        self.diameters.setToolTip("Objects of this diameter count, in pixels")
        for label in (self.source, self.note, self.looks):
            label.setWordWrap(True)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Score", self.score)
        form.addRow("Size, px", self.diameters)
        rows = [QHBoxLayout(), QHBoxLayout()]
        pairs = ((self.note, self.show_lower), (self.looks, self.use_diameter))
        for row, (text, button) in zip(rows, pairs, strict=True):
            row.addWidget(text, 1)
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.count)
        layout.addWidget(self.source)
        layout.addLayout(form)
        layout.addWidget(self.filters)
        for row in rows:
            layout.addLayout(row)

    def choice(self) -> Choice:
        """Return what the sliders say."""
        low, high = self.diameters.value()
        # The ends of the size slider mean no limit, as its labels are rounded.
        smallest = 0.0 if low <= self.diameters.minimum() else float(low)
        largest = float("inf") if high >= self.diameters.maximum() else float(high)
        score = round(float(self.score.value()), 2)
        return Choice(score, smallest, largest, self.filters.hidden(), self.filters.border())

    def load(self, layer: Labels | None) -> None:
        """Show the prediction in a layer; hide when it holds none."""
        if self._layer is not None:
            stop_watching(self._layer, self._touched)
            self._layer.events.metadata.disconnect(self._touched)
        record = prediction_of(layer)
        self._layer = layer if record is not None else None
        self._seen = None
        self.setVisible(record is not None)
        self.advise(None)
        if record is not None and layer is not None:
            watch(layer, self._touched)
            layer.events.metadata.connect(self._touched)
            self._has_scrolled(layer)
            self._set_sliders(record)
            self.source.setText(f"found by {record.kept.model_name}")
            self.check()

    def advise(self, diameter: float | None) -> None:
        """Say how large the objects look, which were not found at the diameter that was given."""
        for widget in (self.looks, self.use_diameter):
            widget.setVisible(diameter is not None)
        if diameter is not None:
            self.looks.setText(f"Objects look about {diameter:.0f} px across")
            self.use_diameter.setProperty("diameter", round(diameter, 1))

    def check(self) -> None:
        """Look whether the prediction is still nobody's; lock the sliders when it is not."""
        layer = self._layer
        record = prediction_of(layer)
        if layer is None or record is None:
            return
        untouched = is_untouched(layer)
        self.score.setEnabled(untouched)
        self.diameters.setEnabled(untouched)
        self.filters.setEnabled(untouched)
        self._say(record, untouched)

    def _say(self, record: Prediction, untouched: bool) -> None:
        count = record.count
        lower = record.kept.lower_score(record.choice) if untouched and not count else None
        self.count.setText(f"{count} object{'' if count == 1 else 's'}")
        self.show_lower.setVisible(lower is not None)
        if not untouched:
            spoken_of = self._layer is not None and is_spoken_of(self._layer)
            self.note.setText(SPOKEN_OF if spoken_of else CORRECTED)
        elif lower is not None:
            score, number = lower
            now = record.choice.score
            self.note.setText(f"None at a score of {now:.2f}; {number} at {score:.2f}")
            self.show_lower.setProperty("score", score)
        elif record.limited:
            self.note.setText(f"{LIMITED.capitalize()}.")
        else:
            self.note.setText("" if count else NOTHING)
        self.note.setVisible(bool(self.note.text()))

    def _set_sliders(self, record: Prediction) -> None:
        largest = max(2, int(record.kept.largest_diameter) + 1)
        choice = record.choice
        for slider in (self.score, self.diameters):
            slider.blockSignals(True)
        self.score.setValue(choice.score)
        self.diameters.setRange(0, largest)
        self.diameters.setValue((int(choice.smallest), int(min(choice.largest, largest))))
        for slider in (self.score, self.diameters):
            slider.blockSignals(False)
        self.filters.set_choice(choice)

    def _touched(self, event: Any) -> None:
        # Pixels are compared with the prediction where they may have changed, not as often as
        # another plane of them is shown.
        if event.type != "set_data" or not self._has_scrolled(event.source):
            self._settle.start()

    def _has_scrolled(self, layer: Labels) -> bool:
        """Whether another plane of the same pixels is shown than when this was asked last."""
        before = self._seen
        self._seen = view, data = ShownPlane(self._viewer, layer).view(), layer.data
        return before is not None and before[0] != view and before[1] is data

    def _emit(self) -> None:
        layer = self._layer
        if layer is not None and is_untouched(layer):
            self.choice_changed.emit(self.choice())
        else:
            self.check()

    def _use_diameter(self) -> None:
        self.diameter_wanted.emit(self.use_diameter.property("diameter"))
        self.advise(None)

    def _show_lower(self) -> None:
        self.score.setValue(self.show_lower.property("score"))
