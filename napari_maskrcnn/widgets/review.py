"""Going through the objects of a layer, from the least certain up, each amid the view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_maskrcnn.annotate import edits
from napari_maskrcnn.annotate.review import Limits, Queue, find
from napari_maskrcnn.widgets.drawing import Drawing
from napari_maskrcnn.widgets.layers import (
    as_slices,
    camera_of,
    displayed_plane,
    show_plane,
    to_world,
)
from napari_maskrcnn.widgets.ledger import ledger_of

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

NAME = "under review"
#: The frame stands this far off the object, in pixels.
OFF = 3
#: An object that is larger or smaller on the screen, in pixels, is zoomed to the middle of these.
SCREEN = (24.0, 300.0)
ZOOMED = 120.0


class Review:
    """The object under review: framed, in the middle of the view.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    layer : napari.layers.Labels
        Labels to go through, in all planes.
    """

    def __init__(self, viewer: Viewer, layer: Labels) -> None:
        self._viewer = viewer
        self.layer = layer
        self.limits = Limits()
        self.current = 0
        self._place = 0
        self._frame = Drawing(viewer.layers, layer, NAME)

    def close(self) -> None:
        """Take the frame away."""
        self._frame.remove()

    def queue(self) -> Queue:
        """Objects within the limits, from the least certain up."""
        return Queue.of(self.layer.features, self.limits)

    def step(self, back: bool = False) -> None:
        """Go on to the next object that is not accepted, or back to the one before."""
        queue = self.queue()
        place = queue.place(self.current)
        if back:
            self._go(queue.before(self._place if place < 0 else place), queue)
        else:
            self._go(queue.after(self._place if place < 0 else place + 1), queue)

    def toggle_accepted(self) -> bool:
        """Accept the object and go on, or take that back and stay; return whether it is now."""
        accepted = ledger_of(self.layer).toggle_accepted([self.current])
        if accepted:
            self.step()
        return accepted

    def delete(self) -> None:
        """Delete the object in the plane that is shown; go on, or to where the rest of it is.

        Raises
        ------
        ValueError
            When it is not there, or no plane is shown.
        """
        ledger, gone = ledger_of(self.layer), self.current
        plane = as_slices(displayed_plane(self._viewer, self.layer))
        ledger.write(edits.delete(self.layer.data, [gone], plane))
        queue = self.queue()
        if queue.place(gone) < 0:
            self.step()
        else:
            self._go(gone, queue)

    def edit(self) -> None:
        """Take napari's brush with the number of the object."""
        self._viewer.layers.selection.active = self.layer
        self.layer.mode = "paint"
        self.layer.selected_label = self.current

    def _go(self, label: int, queue: Queue) -> None:
        where = find_object(self.layer, label) if label else None
        self.current = 0 if where is None else label
        self._place = max(0, queue.place(label))
        if where is None:
            self._frame.clear()
            return
        rows, columns = ledger_of(self.layer).window([label]) or (slice(0, 1), slice(0, 1))
        corners = [
            np.array([*where[:-2], y, x], dtype=float)
            for y, x in (
                (rows.start - OFF, columns.start - OFF),
                (rows.start - OFF, columns.stop + OFF - 1),
                (rows.stop + OFF - 1, columns.stop + OFF - 1),
                (rows.stop + OFF - 1, columns.start - OFF),
            )
        ]
        show_plane(self._viewer, self.layer, (*where[:-2], None, None))
        self._centre(corners)
        self._frame.show(corners, True, camera_of(self._viewer).zoom)
        self.layer.selected_label = label

    def _centre(self, corners: list[np.ndarray]) -> None:
        camera = camera_of(self._viewer)
        world = np.stack([to_world(self._viewer, self.layer, corner) for corner in corners])
        displayed = list(self._viewer.dims.displayed)
        offset = self._viewer.dims.ndim - self.layer.ndim
        shown = world[:, [axis - offset for axis in displayed]]
        camera.center = (0.0, *shown.mean(axis=0))
        size = float(np.ptp(shown, axis=0).max())
        if not SCREEN[0] <= size * camera.zoom <= SCREEN[1]:
            camera.zoom = ZOOMED / size


def find_object(layer: Labels, label: int) -> tuple[int, ...] | None:
    """Plane and centre of an object, one index an axis; None when it is not there."""
    window = ledger_of(layer).window([label])
    return None if window is None else find(layer.data, label, *window)
