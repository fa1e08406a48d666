"""What the planes of a stack have to do with each other."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QSpinBox, QWidget

from napari_maskrcnn.predict.settings import PredictSettings

#: What is offered, and the setting it stands for.
LINKS = {"each on its own": None, "slices of 3D objects (z)": "z", "frames of a series (t)": "t"}


class StackBox(QWidget):
    """How planes are linked, and whether a series also becomes tracks."""

    def __init__(self) -> None:
        super().__init__()
        self.planes = QComboBox()
        self.planes.addItems(list(LINKS))
        self.planes.setToolTip(
            "Objects that overlap in neighbouring planes become one, with one number"
        )
        self.overlap = QSpinBox()
        self.overlap.setRange(1, 100)
        self.overlap.setSuffix(" %")
        self.overlap.setValue(round(100 * PredictSettings.overlap))
        self.overlap.setToolTip("Least overlap of an object with itself in the next plane")
        self.gap = QSpinBox()
        self.gap.setRange(0, 100)
        self.gap.setSuffix(" planes")
        self.gap.setToolTip("An object may be missing from so many planes in a row")
        self.tracks = QCheckBox("Also as a Tracks layer")
        self.tracks.setToolTip("Show the way of each object, as it was predicted")
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.addRow("Planes are", self.planes)
        self._form.addRow("Overlap", self.overlap)
        self._form.addRow("May miss", self.gap)
        self._form.addRow(self.tracks)
        self.planes.currentIndexChanged.connect(self._follow)
        self._follow()

    def apply_to(self, settings: PredictSettings) -> PredictSettings:
        """Return settings with what is chosen here."""
        link = LINKS[self.planes.currentText()]
        if link is None:
            return settings
        return replace(
            settings, link=link, overlap=self.overlap.value() / 100, gap=self.gap.value()
        )

    @property
    def wants_tracks(self) -> bool:
        """Whether a series also becomes a Tracks layer."""
        return LINKS[self.planes.currentText()] == "t" and bool(self.tracks.isChecked())

    def _follow(self) -> None:
        link = LINKS[self.planes.currentText()]
        for row in (self.overlap, self.gap):
            self._form.setRowVisible(row, link is not None)
        self._form.setRowVisible(self.tracks, link == "t")
