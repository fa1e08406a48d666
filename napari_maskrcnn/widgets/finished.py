"""Finished regions of a labels layer: drawn in a Shapes layer, kept with the labels.

The labels' metadata has them as plain values, so the journal brings them back after a crash and
whoever needs them asks the labels alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.regions import KEY, Rectangle, masks, rectangles, regions_of
from napari_maskrcnn.widgets.collector import only_young_collected
from napari_maskrcnn.widgets.layers import PlaneIndex, camera_of, spatial_shape, transforms_of
from napari_maskrcnn.widgets.shape_regions import regions_in

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels, Shapes

NAME = "finished regions"
COLOUR = "#2ecc71"
INSIDE = "#2ecc7118"
SCREEN_WIDTH = 2.0


def finished_masks(labels: Labels) -> dict[PlaneIndex, NDArray[np.bool_]]:
    """Pixels of each plane that were marked as finished; planes without a region are left out."""
    return masks(regions_of(labels.metadata), spatial_shape(labels))


def finished_rectangles(labels: Labels) -> dict[PlaneIndex, list[Rectangle]]:
    """Boxes ``(top, left, bottom, right)`` of the finished regions of each plane, half-open."""
    return rectangles(regions_of(labels.metadata), spatial_shape(labels))


class FinishedRegions:
    """The Shapes layer in which the finished regions of one labels layer are drawn.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._labels: Labels | None = None
        self._shapes: Shapes | None = None

    @property
    def drawing(self) -> bool:
        """Whether regions are being drawn: their layer is the selected one."""
        active = self._viewer.layers.selection.active
        return self._shapes is not None and active is self._shapes

    def load(self, labels: Labels | None) -> None:
        """Show the regions of a labels layer, if it has any; those of another one go."""
        self._remove()
        self._labels = labels
        if labels is not None and regions_of(labels.metadata):
            self._add(labels)

    def draw(self) -> None:
        """Let a rectangle be drawn with the mouse; napari's own controls have the polygon."""
        if self._labels is None:
            return
        if self._shapes is None or self._shapes not in self._viewer.layers:
            self._add(self._labels)
        shapes = self._shapes
        assert shapes is not None
        self._viewer.layers.selection.active = shapes
        shapes.mode = "add_rectangle"
        width = SCREEN_WIDTH / (camera_of(self._viewer).zoom * abs(float(shapes.scale[-1])))
        shapes.current_edge_width = width

    def leave(self) -> None:
        """Select the labels again."""
        layers = self._viewer.layers
        if self.drawing and self._labels in layers:
            assert self._shapes is not None
            self._shapes.mode = "pan_zoom"
            layers.selection.active = self._labels

    def _add(self, labels: Labels) -> None:
        from napari.layers import Shapes

        regions = regions_of(labels.metadata)
        self._shapes = shapes = Shapes(
            [_among(region.plane, region.corners) for region in regions] or None,
            ndim=labels.ndim,
            shape_type="polygon",
            name=NAME,
            edge_color=COLOUR,
            face_color=INSIDE,
            **transforms_of(labels),
        )
        shapes.current_edge_color, shapes.current_face_color = COLOUR, INSIDE
        layers = self._viewer.layers
        active = layers.selection.active
        # Tools would take a selected layer, however briefly, for the end of their work.
        with layers.selection.events.active.blocker():
            layers.append(shapes)
            layers.selection.active = active
        shapes.events.data.connect(self._drawn)

    def _remove(self) -> None:
        shapes, self._shapes = self._shapes, None
        if shapes is not None:
            shapes.events.data.disconnect(self._drawn)
            if shapes in self._viewer.layers:
                # napari collects garbage at every removal, which takes a quarter of a second.
                with only_young_collected():
                    self._viewer.layers.remove(shapes)

    def _drawn(self, event: Any) -> None:
        labels, shapes = self._labels, self._shapes
        if labels is None or shapes is None:
            return
        labels.metadata[KEY] = [r.to_json() for r in regions_in(self._viewer, shapes, labels)]
        labels.events.metadata()


def finished_share(labels: Labels, plane: PlaneIndex | None) -> str:
    """Say how much of a plane is finished; empty when nothing is anywhere.

    Parameters
    ----------
    labels : napari.layers.Labels
    plane : tuple or None
        The plane that is shown; None when none is.
    """
    regions = regions_of(labels.metadata)
    if not regions:
        return ""
    # Of a long stack only the shown plane is painted: the slider does not wait for the others.
    here = [region for region in regions if region.plane == plane]
    found = masks(here, spatial_shape(labels))
    what = "image" if labels.ndim == 2 else "plane"
    return f"{found[plane].mean():.0%} of this {what}" if plane in found else f"None in this {what}"


def _among(plane: PlaneIndex, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put corners of a plane, (n, 2), among all axes: (n, ndim)."""
    placed = np.zeros((len(corners), len(plane)))
    placed[:, [axis for axis, at in enumerate(plane) if at is None]] = corners
    for axis, at in enumerate(plane):
        if at is not None:
            placed[:, axis] = at
    return placed
