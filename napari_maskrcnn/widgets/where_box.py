"""A combo box of the parts of an image that can be predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Shapes
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_maskrcnn.predict.regions import Region
from napari_maskrcnn.widgets.drawing import NAME as DRAWING
from napari_maskrcnn.widgets.layers import (
    PlaneIndex,
    displayed_plane,
    of_channels,
    stack_planes,
)
from napari_maskrcnn.widgets.measuring import NAME as MEASURING
from napari_maskrcnn.widgets.where import drawn_regions, visible_region

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

WHOLE = "Whole image"
PLANE = "This plane"
STACK = "Whole stack"
VIEW = "Visible part"
DRAWN = "Shapes of {!r}"

Regions = dict[PlaneIndex, tuple[Region, ...]]


class WhereBox(QComboBox):
    """Plane, stack, what is on the screen, or what was drawn in a Shapes layer if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._drawn: dict[str, Shapes] = {}
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "What to predict. Of an image that was predicted before, only what lies in the chosen "
            "part is replaced. To choose parts, draw rectangles in a Shapes layer."
        )

    def offer(self, viewer: Viewer, image: Image | None) -> None:
        """List what there is for an image, keeping the choice while it exists, by whatever name."""
        chosen = self.currentText()
        if chosen in self._drawn:
            chosen = DRAWN.format(self._drawn[chosen].name)
        flat = image is None or image.ndim <= 2
        self._drawn = {
            DRAWN.format(layer.name): layer
            for layer in viewer.layers
            if isinstance(layer, Shapes) and layer.name not in (DRAWING, MEASURING)
        }
        self.blockSignals(True)
        self.clear()
        self.addItems([WHOLE] if flat else [PLANE, STACK])
        self.addItems([VIEW, *self._drawn])
        self.setCurrentIndex(max(0, self.findText(chosen)))
        self.blockSignals(False)

    def planes(
        self, viewer: Viewer, image: Image, channel: int | None = None
    ) -> tuple[list[PlaneIndex], Regions | None]:
        """Return the planes that are meant and, where it is only part of them, the regions.

        Parameters
        ----------
        viewer : napari.Viewer
        image : napari.layers.Image
        channel : int, optional
            Axis of the image that holds its channels; planes are at 0 of it.

        Raises
        ------
        ValueError
            Nothing of the image is meant; the message says why.
        """
        every, drawn = self._chosen(viewer, image)
        planes = list(dict.fromkeys(of_channels(plane, channel) for plane in every))
        if drawn is None:
            return planes, None
        regions: Regions = dict.fromkeys(planes, ())
        for plane, some in drawn.items():
            at = of_channels(plane, channel)
            regions[at] = tuple(dict.fromkeys((*regions[at], *some)))
        return planes, regions

    def _chosen(self, viewer: Viewer, image: Image) -> tuple[list[PlaneIndex], Regions | None]:
        chosen = self.currentText()
        if chosen == STACK:
            return stack_planes(viewer, image), None
        if chosen == VIEW:
            plane, region = visible_region(viewer, image)
            return [plane], {plane: (region,)}
        if chosen in self._drawn:
            regions = drawn_regions(viewer, image, self._drawn[chosen])
            return list(regions), regions
        return [displayed_plane(viewer, image)], None
