"""What the Fine-tune tab asks before it starts: what to learn from, the base, how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_maskrcnn.train.settings import DEFAULT_MINUTES, TrainSettings
from napari_maskrcnn.widgets.dock import MARGIN
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.model_box import ModelBox
from napari_maskrcnn.widgets.pair_list import PairList
from napari_maskrcnn.widgets.pairs import Snapshot, find_pairs, snapshot

if TYPE_CHECKING:
    from napari import Viewer

MINUTES = "minutes"
EPOCHS = "epochs"
NO_PAIR = (
    "No image–labels pair is checked. Open an image, predict or paint its labels, then check "
    "the pair."
)


class FineTuneForm(QWidget):
    """The settings of a training, and the labels that it learns from.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    header : Header
        Its image and labels are a pair, and its model becomes the base.
    """

    def __init__(self, viewer: Viewer, header: Header) -> None:
        super().__init__()
        self._viewer = viewer
        self._header = header
        self.pairs = PairList()
        self.base = ModelBox()
        self.base.set_value(header.models.value())
        self.budget = QDoubleSpinBox()
        self.unit = QComboBox()
        self._build()
        header.models.chosen.connect(self.base.set_value)

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
        layout.addWidget(QLabel("Learn from"))
        layout.addWidget(self.pairs)
        layout.addLayout(form)

    def list_pairs(self) -> None:
        """List the image–labels pairs of the viewer anew."""
        labels = self._header.labels.layer()
        pairs = find_pairs(self._viewer.layers, self._header.images.layer(), labels)
        self.pairs.set_pairs(pairs, [p for p in pairs if p.labels is labels or p.corrected])

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

    def take(self) -> list[Snapshot]:
        """Copy what is checked: painting goes on while it is learnt.

        Raises
        ------
        ValueError
            When nothing is checked.
        """
        taken = [snapshot(pair) for pair in self.pairs.checked()]
        if not taken:
            raise ValueError(NO_PAIR)
        return taken
