"""Which channels of an image the network looks at: a colour, or places along an axis of a stack."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from napari_maskrcnn.sources.axes import letter_of
from napari_maskrcnn.widgets.layers import spatial_shape

if TYPE_CHECKING:
    from napari.layers import Image

COLOURS = ("Red", "Green", "Blue", "Alpha")
NO_AXIS = "No axis"
MOST = 3


class ChannelBox(QWidget):
    """One colour of an RGB image; of a stack the axis that holds its channels, and which of them.

    An axis that is named c is chosen by itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self._image: weakref.ref[Image] | None = None
        self.box = QComboBox()
        self.box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.box.setMinimumContentsLength(8)
        self.numbers = QLineEdit()
        self.numbers.setToolTip(
            "One to three channels with commas between, counted from 0 as the slider does"
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box, 1)
        layout.addWidget(self.numbers, 1)
        self.box.currentIndexChanged.connect(self._follow)

    def set_image(self, image: Image | None) -> None:
        """Offer the colours or the axes of an image; of the same image the choice stays."""
        same = image is not None and self._shown() is image
        chosen = self.box.currentText() if same or (image is not None and image.rgb) else ""
        self._image = weakref.ref(image) if image is not None else None
        if not same:
            self.numbers.clear()
        self.box.clear()
        if image is not None and image.ndim > 2 and not image.rgb:
            self._offer_axes(image)
        else:
            colours = image.data.shape[-1] if image is not None and image.rgb else 0
            self.box.addItems(["All", *COLOURS[:colours]])
            self.box.setToolTip("Look at one colour of the image only")
        self.box.setEnabled(self.box.count() > 1)
        if self.box.findText(chosen) >= 0:
            self.box.setCurrentText(chosen)
        self._follow()

    def axis(self) -> int | None:
        """Return the axis of the layer that holds its channels; None when its axes are a stack."""
        axis, image = self.box.currentData(), self._shown()
        # The data of a layer may have been replaced by others of fewer axes.
        return int(axis) if axis is not None and image and axis < image.ndim - 2 else None

    def channels(self) -> tuple[int, ...] | None:
        """Return the channels to look at; None: all colours, or the usual ones of an axis.

        Raises
        ------
        ValueError
            There is no such channel.
        """
        if self.axis() is None:
            colour, image = self.box.currentIndex() - 1, self._shown()
            return (colour,) if colour >= 0 and image and image.rgb else None
        text = self.numbers.text().strip()
        if not text:
            return None
        count = self._count()
        try:
            chosen = tuple(int(word) for word in text.replace(",", " ").split())
        except ValueError:
            chosen = ()
        if not 1 <= len(chosen) <= MOST or any(not 0 <= c < count for c in chosen):
            raise ValueError(
                f"The channels are {text!r}; give one to three numbers from 0 to {count - 1} with "
                f"commas between, for {self.box.currentText().split(':')[0]} has {count}."
            )
        return chosen

    def _offer_axes(self, image: Image) -> None:
        self.box.addItem(NO_AXIS)
        self.box.setToolTip("The axis that holds channels; each of the other axes is a stack")
        lengths = spatial_shape(image)[:-2]
        for axis, (name, length) in enumerate(zip(image.axis_labels, lengths, strict=False)):
            if length > 1:
                known = name if name.strip("-0123456789") else f"axis {axis}"
                self.box.addItem(f"{known}: {length} channels", axis)
                if letter_of(name) == "C":
                    self.box.setCurrentIndex(self.box.count() - 1)

    def _count(self) -> int:
        image, axis = self._shown(), self.axis()
        return spatial_shape(image)[axis] if image is not None and axis is not None else 0

    def _shown(self) -> Image | None:
        return self._image() if self._image is not None else None

    def _follow(self) -> None:
        count = self._count()
        self.numbers.setVisible(count > 0)
        # As everywhere: three or four are colours, else the first counts.
        self.numbers.setPlaceholderText("0, 1, 2" if count in (3, 4) else "0")
