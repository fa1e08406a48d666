"""Which part of an image is meant: what is on the screen, or rectangles that were drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_maskrcnn.predict.regions import Region, clip_region
from napari_maskrcnn.widgets.layers import (
    PlaneIndex,
    displayed_plane,
    spatial_shape,
)
from napari_maskrcnn.widgets.shape_regions import regions_in

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Shapes


def visible_region(viewer: Viewer, image: Image) -> tuple[PlaneIndex, Region]:
    """Return the shown plane of an image and the part of it that is on the screen.

    Of an image that is turned it is the upright rectangle around what is seen.

    Raises
    ------
    ValueError
        Nothing of the image is on the screen, or no plane of it is shown.
    """
    plane = displayed_plane(viewer, image)
    axes = _plane_axes(plane)
    (top, left), (bottom, right) = np.asarray(image.corner_pixels, float)[:, axes]
    # napari moves corners outside of the image to its border.
    if bottom <= top or right <= left:
        raise ValueError(f"Nothing of {image.name!r} is on the screen. Move it into view.")
    y, x = (float(step) for step in image.downsample_factors[image.data_level][axes])
    region = (
        math.floor(top * y),
        math.floor(left * x),
        math.ceil((bottom + 1) * y),
        math.ceil((right + 1) * x),
    )
    return plane, clip_region(region, plane_shape(image, plane))


def drawn_regions(
    viewer: Viewer, image: Image, shapes: Shapes
) -> dict[PlaneIndex, tuple[Region, ...]]:
    """Return the rectangles around the shapes of a layer, by the plane of the image they lie on.

    A layer with fewer axes than the image means the plane that is shown.

    Raises
    ------
    ValueError
        No shape lies on the image, or no plane of it is shown.
    """
    axes = _plane_axes(displayed_plane(viewer, image))
    regions: dict[PlaneIndex, tuple[Region, ...]] = {}
    for drawn in regions_in(viewer, shapes, image):
        plane, points = drawn.plane, drawn.corners
        if _plane_axes(plane) != axes or not _is_in(plane, spatial_shape(image)):
            continue
        low, high = points.min(0) + 0.5, points.max(0) + 0.5
        # The pixels that it touches: a pixel reaches half its width to both sides of its centre.
        edges = (*np.floor(low).astype(int), *np.ceil(high).astype(int))
        try:
            region = clip_region(_region(edges), plane_shape(image, plane))
        except ValueError:
            continue
        regions[plane] = (*regions.get(plane, ()), region)
    if not regions:
        raise ValueError(
            f"No shape of {shapes.name!r} lies on {image.name!r}. Draw rectangles over the image, "
            "or choose another part of it."
        )
    return regions


def _is_in(plane: PlaneIndex, shape: tuple[int, ...]) -> bool:
    return all(at is None or 0 <= at < n for at, n in zip(plane, shape, strict=True))


def _plane_axes(plane: PlaneIndex) -> list[int]:
    return [axis for axis, at in enumerate(plane) if at is None]


def plane_shape(image: Image, plane: PlaneIndex) -> tuple[int, int]:
    """Return height and width of a plane of an image."""
    height, width = (spatial_shape(image)[axis] for axis in _plane_axes(plane))
    return height, width


def _region(edges: tuple[int, ...]) -> Region:
    top, left, bottom, right = (int(edge) for edge in edges)
    return top, left, bottom, right
