"""Finished regions: drawn with the mouse, kept with the labels, exact through any transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Shapes

from napari_maskrcnn.annotate import regions
from napari_maskrcnn.annotate.polygon import inside_polygon
from napari_maskrcnn.annotate.regions import KEY, Region, regions_of
from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.finished import (
    NAME,
    FinishedRegions,
    finished_masks,
    finished_rectangles,
    finished_share,
)
from napari_maskrcnn.widgets.layers import transforms_of
from napari_maskrcnn.widgets.shape_regions import regions_in

BOX = np.array([[1.5, 2.5], [1.5, 8.5], [5.5, 8.5], [5.5, 2.5]])


def mask(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    made = np.zeros((12, 15), bool)
    for top, left, bottom, right in boxes:
        made[top:bottom, left:right] = True
    return made


@pytest.fixture
def model() -> ViewerModel:
    return ViewerModel()


def test_shapes_of_every_kind_become_pixels(model: ViewerModel) -> None:
    labels = model.add_labels(np.zeros((12, 15), np.int32))
    shapes = model.add_shapes([BOX], shape_type="rectangle")
    shapes.add_polygons([[7.5, 0.5], [7.5, 3.5], [10.5, 3.5], [10.5, 0.5]])
    shapes.add_lines([[0, 0], [11, 14]])
    shapes.add_paths([[0, 0], [11, 14], [0, 14]])
    shapes.add_rectangles([[3, 3], [3, 9], [3, 9], [3, 3]])
    found = regions_in(model, shapes, labels)
    assert [region.plane for region in found] == [(None, None)] * 2
    labels.metadata[KEY] = [region.to_json() for region in found]
    expected = mask((2, 3, 6, 9), (8, 1, 11, 4))
    assert np.array_equal(finished_masks(labels)[None, None], expected)
    assert finished_rectangles(labels) == {(None, None): [(2, 3, 6, 9), (8, 1, 11, 4)]}
    shapes.data = []
    shapes.add_ellipses([[1, 2], [1, 12], [11, 12], [11, 2]])
    (region,) = regions_in(model, shapes, labels)
    labels.metadata[KEY] = [region.to_json()]
    rows, columns = np.mgrid[:12, :15]
    inside = np.hypot(rows - 6, columns - 7)
    found_mask = finished_masks(labels)[None, None]
    assert found_mask[inside < 4.9].all()
    assert not found_mask[inside > 5].any()


def test_they_land_in_the_right_pixels_of_another_place_and_unit(model: ViewerModel) -> None:
    place: dict[str, Any] = {
        "scale": (2, 0.5, 0.5),
        "translate": (4, -3, 7),
        "rotate": 30,
        "units": ("micrometer",) * 3,
    }
    labels = model.add_labels(np.zeros((4, 12, 15), np.int32), **place)
    own = model.add_shapes(
        [np.insert(BOX, 0, 2, axis=1)], shape_type="rectangle", ndim=3, **transforms_of(labels)
    )
    world = np.stack([own.data_to_world(corner) for corner in own.data[0]]) * 1000
    other = Shapes([world], shape_type="polygon", ndim=3, units=("nanometer",) * 3)
    model.layers.append(other)
    for shapes in (own, other):
        (region,) = regions_in(model, shapes, labels)
        assert region.plane == (2, None, None)
        assert np.allclose(region.corners, BOX)


def test_a_flat_shape_over_a_stack_lies_in_the_plane_that_is_shown(model: ViewerModel) -> None:
    labels = model.add_labels(np.zeros((4, 12, 15), np.int32), scale=(3, 1, 1))
    shapes = model.add_shapes([BOX], shape_type="rectangle")
    model.dims.set_point(0, 9)
    (region,) = regions_in(model, shapes, labels)
    assert region.plane == (3, None, None)
    assert np.array_equal(region.corners, BOX)


def test_they_are_kept_with_the_labels_and_shown_again(model: ViewerModel) -> None:
    labels = model.add_labels(np.zeros((3, 12, 15), np.int32), scale=(1, 0.5, 0.5))
    told: list[object] = []
    labels.events.metadata.connect(told.append)
    finished = FinishedRegions(model)
    finished.load(labels)
    assert NAME not in model.layers
    finished.draw()
    shapes = model.layers[NAME]
    assert finished.drawing
    assert shapes.mode == "add_rectangle"
    shapes.add_rectangles([np.insert(BOX, 0, 1, axis=1)])
    assert np.array_equal(finished_masks(labels)[1, None, None], mask((2, 3, 6, 9)))
    assert told
    finished.leave()
    assert model.layers.selection.active is labels
    assert not finished.drawing
    # Taken out of the list by hand they are only hidden.
    model.layers.remove(shapes)
    finished.draw()
    (again,) = model.layers[NAME].data
    assert np.allclose(again, np.insert(BOX, 0, 1, axis=1))
    model.layers[NAME].data = []
    assert finished_masks(labels) == {}
    finished.load(None)
    assert list(model.layers) == [labels]


def test_other_labels_bring_their_own(model: ViewerModel) -> None:
    first, second = (model.add_labels(np.zeros((12, 15), np.int32)) for _ in range(2))
    second.metadata[KEY] = [{"plane": ":,:", "corners": BOX.tolist()}]
    model.layers.selection.active = second
    finished = FinishedRegions(model)
    finished.load(first)
    assert NAME not in model.layers
    finished.load(second)
    assert len(model.layers[NAME].data) == 1
    assert model.layers.selection.active is second
    finished.load(first)
    assert NAME not in model.layers
    assert len(regions_of(second.metadata)) == 1


def test_the_share_is_said() -> None:
    labels = Labels(np.zeros((3, 12, 15), np.int32))
    assert finished_share(labels, (0, None, None)) == ""
    half = np.array([(-1, -1), (-1, 15), (5.5, 15), (5.5, -1)])
    labels.metadata[KEY] = [Region((1, None, None), half).to_json()]
    assert finished_share(labels, (1, None, None)) == "50% of this plane"
    assert finished_share(labels, (0, None, None)) == "None in this plane"
    assert finished_share(labels, None) == "None in this plane"


def test_only_the_shown_plane_of_a_stack_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = Labels(np.zeros((9, 12, 15), np.int32))
    planes = [(at, None, None) for at in range(9)]
    labels.metadata[KEY] = [Region(plane, BOX).to_json() for plane in planes]
    painted: list[Any] = []

    def count(corners: Any, shape: Any) -> Any:
        painted.append(corners)
        return inside_polygon(corners, shape)

    monkeypatch.setattr(regions, "inside_polygon", count)
    assert finished_share(labels, planes[3]) == "13% of this plane"
    assert len(painted) == 1


def test_one_is_drawn_in_a_window(make_napari_viewer: Any, drag: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    labels: Labels = viewer.add_labels(np.zeros((40, 60), np.int32), scale=(2, 2))
    page = CorrectWidget(viewer)
    viewer.window.add_dock_widget(page, name="Correct")
    qtbot.wait(50)
    viewer.reset_view()
    page.states.button.click()
    assert page.states.button.isChecked()
    drag(viewer, [(20, 20), (30, 40), (60, 100)])
    qtbot.waitUntil(lambda: bool(finished_masks(labels)))
    ((top, left, bottom, right),) = finished_rectangles(labels)[None, None]
    assert np.abs(np.array([top, left, bottom, right]) - [10, 10, 30, 50]).max() <= 1
    qtbot.waitUntil(lambda: page.states.share.text().endswith("% of this image"))
    page.states.button.click()
    assert viewer.layers.selection.active is labels
    assert not page.states.button.isChecked()
    page.close_down()
    assert list(viewer.layers) == [labels]
