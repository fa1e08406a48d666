"""Finished tiles are shown while the rest of a prediction runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_maskrcnn.predict.preview import Patch, draw
from napari_maskrcnn.widgets.collector import only_young_collected
from napari_maskrcnn.widgets.layers import (
    PASSING,
    PlaneIndex,
    coarser,
    label_shape,
    spatial_shape,
)

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels

REDRAW_MS = 200
#: Between the prediction that is placed and the end of its preview.
ENDING_MS = 50


class Live(QObject):
    """A labels layer, smaller than the image, that is there while a prediction runs.

    It appears with the first tile that is not the last, starts with the labels that are about to be
    replaced, which are hidden meanwhile, and goes when the prediction is placed. Nothing else in
    the plugin takes it for labels.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._image: Image | None = None
        self._shape: tuple[int, ...] = ()
        self._before: Labels | None = None
        self._layer: Labels | None = None
        self._factor = self._old = self._last = 0
        self._channel: int | None = None
        self._waiting: list[Patch] = []
        self._timer = QTimer(self)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)
        self._ending = QTimer(self)
        self._ending.setSingleShot(True)
        self._ending.setInterval(ENDING_MS)
        self._ending.timeout.connect(self.stop)

    @property
    def layer(self) -> Labels | None:
        """What is shown, if anything."""
        return self._layer

    def start(
        self, image: Image, factor: int, before: Labels | None, channel: int | None = None
    ) -> None:
        """Expect the tiles of an image.

        Parameters
        ----------
        image : napari.layers.Image
        factor : int
            Every so many pixels one is shown.
        before : napari.layers.Labels, optional
            Labels over it that will be replaced.
        channel : int, optional
            Axis of the image that holds its channels.
        """
        self.stop()
        self._channel = channel
        self._image, self._factor, self._before = image, factor, before
        self._shape = spatial_shape(image)
        self._old = self._last = 0

    def add(self, patch: Patch) -> None:
        """Take a finished tile; it is shown with the next redraw.

        Not of an image that was given another shape meanwhile: there is no place for it.
        """
        if self._image is not None and spatial_shape(self._image) == self._shape:
            self._waiting.append(patch)
            if self._layer is None:
                self._show(patch.plane)
            if not self._timer.isActive():
                self._timer.start()

    def hand_over(self) -> Labels | None:
        """Give way to the prediction that is placed now.

        Over a large image the layer goes a turn of the window later: to add a layer and to remove
        one take their time.

        Returns
        -------
        napari.layers.Labels or None
            The labels that were hidden, which are now for the caller to show.
        """
        hidden = self._before if self._layer is not None else None
        self._before = None
        if self._factor > 1:
            self._timer.stop()
            self._ending.start()
        else:
            self.stop()
        return hidden

    def stop(self) -> None:
        """Take the layer away, and show what it hid."""
        self._ending.stop()
        self._timer.stop()
        self._waiting.clear()
        layer, before = self._layer, self._before
        self._layer = self._before = self._image = None
        if layer is None:
            return
        if layer in self._viewer.layers:
            with only_young_collected():
                self._viewer.layers.remove(layer)
        if before is not None:
            before.visible = True

    def _show(self, plane: Any) -> None:
        from napari.layers import Labels

        image, before = self._image, self._before
        assert image is not None
        shape = label_shape(image, self._channel)
        every = tuple(slice(None, None, self._factor if at is None else None) for at in plane)
        data = np.zeros(
            [len(range(n)[part]) for n, part in zip(shape, every, strict=True)], np.int32
        )
        alike = before is not None and before.data.shape == shape
        if before is not None and alike and before.visible and before.data.size <= data.size * 16:
            data[...] = before.data[every]
            self._old = self._last = int(data.max(initial=0))
            before.visible = False
        else:
            self._before = None
        factors = [self._factor if at is None else 1 for at in plane]
        if self._channel is not None:
            factors[self._channel] = spatial_shape(image)[self._channel]
        place = coarser(image, factors)
        layer = Labels(data, name=f"{image.name} in the making", metadata={PASSING: True}, **place)
        layer.editable = False
        selected = self._viewer.layers.selection.active
        self._viewer.layers.append(layer)
        self._viewer.layers.selection.active = selected
        self._layer = layer

    def _redraw(self) -> None:
        layer, waiting = self._layer, self._waiting
        if not waiting or layer is None or layer not in self._viewer.layers:
            self._timer.stop()
            return
        self._waiting = []
        for patch in waiting:
            index = tuple(slice(None) if at is None else at for at in _plane(patch))
            self._last = draw(layer.data[index], patch, self._old, self._last)
        layer.refresh()


def _plane(patch: Patch) -> PlaneIndex:
    plane: Any = patch.plane
    return tuple(plane)
