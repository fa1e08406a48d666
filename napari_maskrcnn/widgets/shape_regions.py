"""Shapes of a layer as regions of an image: through the transforms of both, plane by plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.regions import Region
from napari_maskrcnn.widgets.layers import PlaneIndex, to_data, to_world

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer, Shapes

#: Kinds of shapes that enclose something.
AREAS = ("rectangle", "polygon", "ellipse")
#: Corners that stand for an ellipse.
ROUND = 64
#: Shapes that are thinner than this, in pixels, enclose nothing.
THIN = 1e-3


def regions_in(viewer: Viewer, shapes: Shapes, layer: Layer) -> list[Region]:
    """Rectangles, polygons and ellipses of a Shapes layer as regions of another layer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where both are. A shape that lacks axes of the layer lies in the plane that is shown.
    shapes : napari.layers.Shapes
        Lines and paths in it enclose nothing and are left out.
    layer : napari.layers.Layer
        Image or labels in whose pixels the regions are given.
    """
    found = []
    shown = viewer.dims.point[-layer.ndim :]
    for kind, drawn in zip(shapes.shape_type, shapes.data, strict=True):
        if kind not in AREAS:
            continue
        corners = _rounded(np.asarray(drawn, float)) if kind == "ellipse" else drawn
        points = np.stack([_placed(viewer, shapes, layer, shown, corner) for corner in corners])
        plane = _plane_of(points)
        if plane is not None:
            inside = [axis for axis, at in enumerate(plane) if at is None]
            found.append(Region(plane, points[:, inside]))
    return found


def _placed(
    viewer: Viewer,
    shapes: Shapes,
    layer: Layer,
    shown: Sequence[float],
    corner: NDArray[np.float64],
) -> NDArray[np.float64]:
    world = to_world(viewer, shapes, corner)[-layer.ndim :]
    whole = np.array(shown, float)
    whole[len(whole) - len(world) :] = world
    return to_data(viewer, layer, whole)


def _rounded(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points on the ellipse in a box, given by its four corners (4, ndim)."""
    centre = corners.mean(axis=0)
    first, second = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angles = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)[:, None]
    points: NDArray[np.float64] = centre + np.cos(angles) * first + np.sin(angles) * second
    return points


def _plane_of(points: NDArray[np.float64]) -> PlaneIndex | None:
    """Plane in which points of a layer lie; None for a shape that is a line or a point."""
    extent = np.ptp(points, axis=0)
    wide = [axis for axis in range(points.shape[1]) if extent[axis] > THIN]
    if len(wide) != 2:
        return None
    return tuple(None if axis in wide else int(np.rint(at)) for axis, at in enumerate(points[0]))
