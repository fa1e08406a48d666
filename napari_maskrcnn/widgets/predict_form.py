"""What to predict and how: the form of the Predict tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_maskrcnn.device import DEVICES
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.widgets.channel_box import ChannelBox
from napari_maskrcnn.widgets.size_row import SizeRow
from napari_maskrcnn.widgets.stack_box import StackBox
from napari_maskrcnn.widgets.where_box import WhereBox

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image


class PredictForm(QWidget):
    """Where, object diameter; collapsed: planes of a stack, channels and device."""

    def __init__(self) -> None:
        super().__init__()
        self._image: Image | None = None
        self.where = WhereBox()
        self.diameter = SizeRow()
        self.stack = StackBox()
        self.channels = ChannelBox()
        self.device = QComboBox()
        self.device.addItems(DEVICES)
        self.device.setToolTip("auto: the graphics card where there is one, else the processor")
        self._build()

    def _build(self) -> None:
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.addRow("Where", self.where)
        self._form.addRow("Diameter", self.diameter)
        hidden = QWidget()
        inside = QVBoxLayout(hidden)
        inside.setContentsMargins(0, 0, 0, 0)
        more = QFormLayout()
        more.addRow("Channels", self.channels)
        more.addRow("Device", self.device)
        inside.addWidget(self.stack)
        inside.addLayout(more)
        collapsed = QCollapsible("More")
        collapsed.addWidget(hidden)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._form)
        layout.addWidget(collapsed)

    def set_image(self, viewer: Viewer, image: Image | None) -> None:
        """Offer what this image has: a stack where there is one, its colours."""
        self._image = image
        self.where.offer(viewer, image)
        self.stack.setVisible(image is not None and image.ndim > 2)
        self.diameter.set_image(image)
        self.channels.set_image(image)

    def settings(self, model: str) -> PredictSettings:
        """Return what the form says, for a model.

        Raises
        ------
        ValueError
            The image has no such channel.
        """
        settings = PredictSettings(
            model=model,
            diameter=self.diameter.value(),
            channels=self.channels.channels(),
            device=self.device.currentText(),
        )
        flat = self._image is None or self._image.ndim <= 2
        return settings if flat else self.stack.apply_to(settings)
