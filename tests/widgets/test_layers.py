"""Layers and arrays: the plane that is shown, and labels exactly over an image."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_maskrcnn.widgets.layers import (
    as_slices,
    displayed_plane,
    full_data,
    labels_over,
    micrometres,
    pixel_width,
    plane_data,
    series_axes,
    spatial_shape,
    stack_planes,
    to_data,
)


def viewer_with(*layers: Image) -> ViewerModel:
    viewer = ViewerModel()
    for layer in layers:
        viewer.add_layer(layer)
    return viewer


def test_a_plane_is_all_of_a_flat_image() -> None:
    image = Image(np.zeros((6, 8)), translate=(50, -20))
    assert displayed_plane(viewer_with(image), image) == (None, None)


def test_the_slider_chooses_the_plane_in_the_layers_own_pixels() -> None:
    image = Image(np.zeros((5, 6, 8)), scale=(4, 0.5, 0.5), translate=(100, 0, 0))
    viewer = viewer_with(image)
    viewer.dims.set_point(0, 112)
    assert displayed_plane(viewer, image) == (3, None, None)


def test_a_plane_that_the_layer_has_not_is_the_nearest() -> None:
    short, tall = Image(np.zeros((2, 6, 8))), Image(np.zeros((9, 6, 8)))
    viewer = viewer_with(short, tall)
    viewer.dims.set_point(0, 8)
    assert displayed_plane(viewer, short) == (1, None, None)


def test_a_flat_layer_beside_a_stack_is_whole() -> None:
    flat, stack = Image(np.zeros((6, 8))), Image(np.zeros((9, 6, 8)))
    assert displayed_plane(viewer_with(flat, stack), flat) == (None, None)


def test_rolled_axes_show_another_orientation() -> None:
    image = Image(np.arange(5 * 6 * 8).reshape(5, 6, 8))
    viewer = viewer_with(image)
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 4)
    plane = displayed_plane(viewer, image)
    assert plane == (None, 4, None)
    assert np.array_equal(plane_data(image.data, plane), image.data[:, 4])
    assert len(stack_planes(viewer, image)) == 6


def test_mixed_units_are_converted() -> None:
    # The world is in nanometres then, the smaller unit of the two.
    coarse = Image(np.zeros((5, 6, 8)), scale=(2, 1, 1), units=("um",) * 3)
    fine = Image(np.zeros((5, 6, 8)), scale=(2000, 10, 10), units=("nm",) * 3)
    viewer = viewer_with(coarse, fine)
    viewer.dims.set_point(0, 6000)
    assert displayed_plane(viewer, coarse) == (3, None, None)
    assert to_data(viewer, coarse, (6000, 2000, 3000)).tolist() == [3, 2, 3]


def test_three_dimensions_have_no_plane() -> None:
    image = Image(np.zeros((5, 6, 8)))
    viewer = viewer_with(image)
    viewer.dims.ndisplay = 3
    with pytest.raises(ValueError, match="Switch to 2D"):
        displayed_plane(viewer, image)


def test_an_axis_that_the_layer_lacks_cannot_be_shown() -> None:
    flat, stack = Image(np.zeros((6, 8))), Image(np.zeros((9, 6, 8)))
    viewer = viewer_with(flat, stack)
    viewer.dims.order = (1, 0, 2)
    with pytest.raises(ValueError, match="Show its last two axes"):
        displayed_plane(viewer, flat)


def test_colours_are_no_axis_of_labels() -> None:
    image = Image(np.zeros((3, 6, 8, 3), np.uint8), rgb=True)
    assert spatial_shape(image) == (3, 6, 8)
    assert plane_data(image.data, (2, None, None)).shape == (6, 8, 3)


def test_a_pyramid_is_taken_at_full_size() -> None:
    image = Image([np.ones((16, 16)), np.zeros((8, 8))], multiscale=True)
    assert spatial_shape(image) == (16, 16)
    assert np.asarray(full_data(image)).all()


def test_labels_lie_exactly_over_their_image() -> None:
    image = Image(
        np.zeros((6, 8)),
        scale=(0.5, 0.25),
        translate=(3, -4),
        rotate=30,
        shear=[0.2],
        affine=[[1, 0.1, 5], [0, 2, 6], [0, 0, 1]],
        units=("um", "um"),
        axis_labels=("row", "column"),
    )
    labels = labels_over(image, np.zeros((6, 8), np.int32), "x")
    assert isinstance(labels, Labels)
    for pixel in [(0, 0), (5, 7), (2, 3)]:
        assert np.allclose(labels.data_to_world(pixel), image.data_to_world(pixel))
    assert (labels.units, labels.axis_labels) == (image.units, image.axis_labels)


def test_sizes_in_micrometres() -> None:
    nanometres = Image(np.zeros((4, 6, 8)), scale=(900, 250, 125), units=("nm",) * 3)
    assert micrometres(nanometres) == pytest.approx((0.9, 0.25, 0.125))
    series = Image(np.zeros((4, 6, 8)), scale=(30, 0.5, 0.5), units=("s", "um", "um"))
    assert micrometres(series) == (30, 0.5, 0.5)
    assert micrometres(Image(np.zeros((6, 8)))) is None


def test_the_width_of_a_pixel_in_the_layers_unit() -> None:
    assert pixel_width(Image(np.zeros((6, 8)))) is None
    assert pixel_width(Image(np.zeros((6, 8)), scale=(1, 0.25), units=("um", "um"))) == (0.25, "µm")


def test_slices_of_a_plane() -> None:
    assert as_slices((3, None, None)) == (3, slice(None), slice(None))


def test_an_axis_of_time_is_known_by_its_name_or_by_how_it_was_predicted() -> None:
    unnamed = ("-3", "-2", "-1")
    assert series_axes(("time", "y", "x")) == "TYX"
    assert series_axes(("c", "t", "-2", "-1")) == "QTYX"
    assert series_axes(unnamed) is None
    assert series_axes(unnamed, frames=True) == "TYX"
    assert series_axes(("z", "y", "x"), frames=True) is None
    assert series_axes(("-2", "-1"), frames=True) is None
