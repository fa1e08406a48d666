"""The header that the tabs share: which image, which labels, which model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_maskrcnn.widgets.layer_box import LayerBox
from napari_maskrcnn.widgets.model_box import ModelBox, model_changes

if TYPE_CHECKING:
    from napari import Viewer

ROWS = ("image", "labels", "model")


class Header(QWidget):
    """Image, Labels and Model; a widget on its own shows only the rows that it needs."""

    image_changed = Signal()
    labels_changed = Signal()

    def __init__(self, viewer: Viewer, rows: tuple[str, ...] = ROWS) -> None:
        super().__init__()
        self.images = LayerBox(viewer, Image)
        self.labels = LayerBox(viewer, Labels)
        self.models = ModelBox()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        boxes = {"image": self.images, "labels": self.labels, "model": self.models}
        for row, box in boxes.items():
            if row in rows:
                form.addRow(row.capitalize(), box)
            else:
                box.setParent(self)
                box.hide()
        self.images.layer_changed.connect(self.image_changed)
        self.labels.layer_changed.connect(self.labels_changed)
        model_changes().wanted.connect(self.models.use)

    def refresh(self) -> None:
        """List the layers anew."""
        self.images.refresh()
        self.labels.refresh()
