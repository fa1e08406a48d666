"""Which part of an image is meant, through every transform."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_maskrcnn.widgets.layers import camera_of
from napari_maskrcnn.widgets.where import drawn_regions, visible_region

PLACE = {"scale": (0.5, 0.25), "rotate": 30.0, "translate": (11, -7)}
FLAT = (None, None)


def over(image: Image, top: float, left: float, bottom: float, right: float) -> Any:
    """Corners, in the world, of a rectangle in an image's pixels."""
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    return np.array([image.data_to_world(corner) for corner in corners])


def test_rectangles_are_found_through_scale_rotation_and_shift() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((100, 200)), **PLACE)
    shapes = viewer.add_shapes(ndim=2)
    shapes.add_polygons(over(image, 9.6, 20.4, 30.2, 50.4))
    shapes.add_polygons(over(image, 80, 190, 130, 230))  # reaches over the corner
    shapes.add_polygons(over(image, 120, 0, 130, 10))  # beside the image
    assert drawn_regions(viewer, image, shapes) == {FLAT: ((10, 20, 31, 51), (80, 190, 100, 200))}


@pytest.mark.parametrize(
    ("low", "high", "pixels"), [(3.6, 5.4, (4, 6)), (3.4, 5.6, (3, 7)), (-2, 0.2, (0, 1))]
)
def test_every_pixel_that_is_touched_counts(
    low: float, high: float, pixels: tuple[int, int]
) -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((10, 10)))
    shapes = viewer.add_shapes([[[low, low], [high, high]]], shape_type="rectangle")
    start, stop = pixels
    assert drawn_regions(viewer, image, shapes) == {FLAT: ((start, start, stop, stop),)}


def test_shapes_in_a_stack_mean_their_own_plane_and_flat_ones_the_shown() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 40, 40)), scale=(3, 1, 1))
    viewer.dims.set_point(0, 6)
    square = np.array([[2, 2], [2, 8], [8, 8], [8, 2]], float)
    flat = viewer.add_shapes([square])
    assert drawn_regions(viewer, image, flat) == {(2, None, None): ((2, 2, 9, 9),)}
    deep = viewer.add_shapes(
        [np.insert(square, 0, z, axis=1) for z in (4, 1, 4, 9)], scale=(3, 1, 1)
    )
    assert {plane: len(found) for plane, found in drawn_regions(viewer, image, deep).items()} == {
        (4, None, None): 2,
        (1, None, None): 1,
    }


def test_shapes_beside_the_image_are_refused() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((10, 10)), name="cells")
    shapes = viewer.add_shapes([[[20, 20], [30, 30]]], shape_type="rectangle", name="parts")
    with pytest.raises(ValueError, match="No shape of 'parts' lies on 'cells'"):
        drawn_regions(viewer, image, shapes)
    with pytest.raises(ValueError, match="No shape of 'Shapes' lies"):
        drawn_regions(viewer, image, viewer.add_shapes())


@pytest.mark.parametrize("multiscale", [False, True])
def test_the_visible_part(make_napari_viewer: Any, qtbot: Any, multiscale: bool) -> None:
    viewer = make_napari_viewer(show=True)
    data = np.zeros((1200, 2000), np.uint8)
    levels = [data, data[::2, ::2], data[::4, ::4]]
    image = viewer.add_image(
        levels if multiscale else data, multiscale=multiscale, scale=(2, 2), translate=(5, 9),
        contrast_limits=(0, 1), name="slide",
    )  # fmt: skip
    camera = camera_of(viewer)
    camera.zoom = 0.1
    qtbot.waitUntil(lambda: visible_region(viewer, image) == (FLAT, (0, 0, 1200, 2000)))
    camera.center, camera.zoom = tuple(image.data_to_world((600, 1000))), 4.0
    qtbot.waitUntil(lambda: visible_region(viewer, image)[1][0] > 0)
    height, width = np.array(viewer.screenshot(flash=False).shape[:2]) / 8  # zoom × scale
    top, left, bottom, right = visible_region(viewer, image)[1]
    assert bottom - top == pytest.approx(height, abs=9)
    assert right - left == pytest.approx(width, abs=9)
    assert ((top + bottom) / 2, (left + right) / 2) == pytest.approx((600, 1000), abs=6)
    if multiscale:
        return  # napari keeps the corners of what was seen last
    camera.center = (-9000.0, -9000.0)
    qtbot.wait(100)
    with pytest.raises(ValueError, match="Nothing of 'slide' is on the screen"):
        visible_region(viewer, image)
