"""Which folder, where to, and how: the form of the folder dock."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_maskrcnn.device import DEVICES
from napari_maskrcnn.predict.folder.manifest import in_words
from napari_maskrcnn.predict.folder.one import Request
from napari_maskrcnn.widgets.prediction import prediction_of

OWN = "the model's own"


class FolderRow(QWidget):
    """A folder: typed, or browsed for."""

    changed = Signal()

    def __init__(self, title: str, placeholder: str) -> None:
        super().__init__()
        self.path = QLineEdit()
        self.path.setPlaceholderText(placeholder)
        self.browse = QPushButton("Browse…")
        self._title, self._last = title, ""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.path, 1)
        layout.addWidget(self.browse)
        self.path.editingFinished.connect(self._edited)
        self.browse.clicked.connect(self._browse)

    def folder(self) -> Path | None:
        """Return the folder; None when none is named."""
        text = self.path.text().strip()
        return Path(text).expanduser() if text else None

    def set_folder(self, folder: Path) -> None:
        """Name a folder."""
        self.path.setText(str(folder))
        self._edited()

    def fill_in(self, text: str) -> None:
        """Name a folder without a signal."""
        self.path.setText(text)
        self.path.setToolTip(text)
        self._last = text

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self._title, self.path.text())
        if folder:
            self.set_folder(Path(folder))

    def _edited(self) -> None:
        # Leaving the field without a change is none.
        if self.path.text() != self._last:
            self._last = self.path.text()
            self.path.setToolTip(self._last)
            self.changed.emit()


class FolderForm(QWidget):
    """Images, labels, settings; collapsed: score and device."""

    folders_changed = Signal()
    #: The model of a prediction whose settings were taken over.
    model_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._like = Request()
        self._suggested = ""
        self.images = FolderRow("Folder of images", "folder of images")
        self.labels = FolderRow("Folder for the labels", "folder for the labels")
        self.like = QComboBox()
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.like.setSizeAdjustPolicy(policy)
        self.like.setMinimumContentsLength(8)
        self.like.addItem(OWN)
        self.like.setToolTip("Predict one image first, and choose its labels here: then every one")
        self.also = QLabel()
        self.also.setWordWrap(True)
        self.diameter = _number("auto", 10_000.0, 1, " px")
        self.diameter.setToolTip("Typical diameter of the objects; auto: no image is rescaled")
        self.score = _number(OWN, 1.0, 2, "")
        self.score.setSingleStep(0.05)
        self.score.setToolTip("Objects of at least this score count")
        self.device = QComboBox()
        self.device.addItems(DEVICES)
        self.device.setToolTip("auto: the graphics card where there is one, else the processor")
        self._build()
        self.images.changed.connect(self._suggest)
        self.images.changed.connect(self.folders_changed)
        self.labels.changed.connect(self.folders_changed)
        self.like.activated.connect(self._take_over)
        self._show_also()

    def _build(self) -> None:
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.addRow("Images", self.images)
        self._form.addRow("Labels to", self.labels)
        self._form.addRow("Settings", self.like)
        self._form.addRow("", self.also)
        self._form.addRow("Diameter", self.diameter)
        hidden = QWidget()
        more = QFormLayout(hidden)
        more.setContentsMargins(0, 0, 0, 0)
        more.addRow("Score", self.score)
        more.addRow("Device", self.device)
        collapsed = QCollapsible("More")
        collapsed.addWidget(hidden)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._form)
        layout.addWidget(collapsed)

    def request(self, model: str) -> Request:
        """Return how images are to be predicted with a model."""
        settings = replace(
            self._like.settings,
            model=model,
            diameter=self.diameter.value() or None,
            score=self.score.value() or None,
            device=self.device.currentText(),
        )
        return replace(self._like, settings=settings)

    def offer(self, layers: Iterable[Any]) -> None:
        """Offer the settings of the predictions among some layers; the choice stays."""
        chosen, index = self.like.currentText(), self.like.currentIndex()
        self.like.clear()
        self.like.addItem(OWN)
        for layer in layers:
            if prediction_of(layer) is not None:
                self.like.addItem(f"as in {layer.name}", weakref.ref(layer))
        if index > 0 and self.like.findText(chosen) < 0:
            # What was taken over counts, though its layer is gone.
            self.like.addItem(chosen)
        self.like.setCurrentIndex(max(0, self.like.findText(chosen)))

    def _take_over(self) -> None:
        """Take over the settings that were chosen, as they are now."""
        if self.like.currentIndex() == 0:
            self._fill_in(Request())
            return
        layer = self.like.currentData()
        record = prediction_of(layer() if layer is not None else None)
        if record is not None:
            self._fill_in(Request(record.kept.settings, record.choice))
            self.model_wanted.emit(record.kept.settings.model)

    def _fill_in(self, request: Request) -> None:
        self._like = request
        self.diameter.setValue(request.settings.diameter or 0.0)
        # Sliders may have moved since it was predicted.
        self.score.setValue(request.choice.score)
        self.device.setCurrentText(request.settings.device)
        self._show_also()

    def _show_also(self) -> None:
        text = in_words(self._like)
        self.also.setText(text)
        self._form.setRowVisible(self.also, bool(text))

    def _suggest(self) -> None:
        """Name a folder beside the images, unless another one was named."""
        images, labels = self.images.folder(), self.labels.path.text()
        if images is not None and labels in ("", self._suggested):
            self._suggested = str(images.with_name(f"{images.name}_labels"))
            self.labels.fill_in(self._suggested)


def _number(none: str, largest: float, decimals: int, unit: str) -> QDoubleSpinBox:
    """Return a field whose 0 means that nothing is given."""
    field = QDoubleSpinBox()
    field.setRange(0.0, largest)
    field.setDecimals(decimals)
    field.setSuffix(unit)
    field.setSpecialValueText(none)
    return field
