"""Measure an object: a line that is drawn across it on the image, with napari's own line tool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_maskrcnn.widgets.collector import only_young_collected
from napari_maskrcnn.widgets.layers import to_data, transforms_of

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Layer, Shapes

NAME = "measuring"
#: A shorter line, in pixels, was a click.
SHORTEST = 1.0


class Measuring(QObject):
    """Waits for a line over an image, and tells its length in pixels of the image.

    A Shapes layer is there meanwhile. Choosing another layer ends the waiting.
    """

    measured = Signal(float)
    changed = Signal(bool)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._shapes: Shapes | None = None
        self._before: Layer | None = None

    @property
    def active(self) -> bool:
        """Whether a line is awaited."""
        return self._shapes is not None

    def start(self, image: Image) -> None:
        """Await a line over an image."""
        from napari.layers import Shapes

        self.stop()
        layers = self._viewer.layers
        self._before = layers.selection.active
        shapes = Shapes(
            ndim=image.ndim, name=NAME, edge_color="yellow", edge_width=1, **transforms_of(image)
        )
        layers.append(shapes)
        layers.selection.active = shapes
        shapes.mode = "add_line"
        shapes.mouse_drag_callbacks.append(self._on_drag)
        layers.selection.events.active.connect(self._on_active)
        self._shapes = shapes
        self.changed.emit(True)

    def stop(self) -> None:
        """Take the line away and choose the layer that was chosen before."""
        shapes, self._shapes = self._shapes, None
        if shapes is None:
            return
        layers = self._viewer.layers
        layers.selection.events.active.disconnect(self._on_active)
        shapes.mouse_drag_callbacks.remove(self._on_drag)
        chosen = layers.selection.active
        if shapes in layers:
            with only_young_collected():
                layers.remove(shapes)
        if chosen is shapes and self._before in layers:
            layers.selection.active = self._before
        self.changed.emit(False)

    def _on_active(self, event: Any) -> None:
        if self._viewer.layers.selection.active is not self._shapes:
            # Not now: a layer is being added or removed at this moment.
            QTimer.singleShot(0, self.stop)

    def _on_drag(self, layer: Shapes, event: Any) -> Iterator[None]:
        """Take both ends of the line from the mouse, through the layer's own units."""
        if event.button != 1:
            return
        first = to_data(self._viewer, layer, event.position)
        yield
        while event.type == "mouse_move":
            yield
        last = to_data(self._viewer, layer, event.position)
        length = float(np.linalg.norm(last - first))
        if length >= SHORTEST:
            self.measured.emit(length)
            # napari's own tool finishes the line after this.
            QTimer.singleShot(0, self.stop)
