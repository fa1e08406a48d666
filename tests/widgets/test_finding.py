"""The tool that asks the network, in a window: a box, a click, the next guess, and Undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict import prompt_tile
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.widgets import toolbox
from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.layers import labels_over
from napari_maskrcnn.widgets.prediction import remember
from napari_maskrcnn.widgets.prompting import WAIT

Drag = Callable[[Any, Sequence[Sequence[float]]], None]


def page_of(viewer: Any, model: str) -> CorrectWidget:
    page = CorrectWidget(viewer)
    viewer.window.add_dock_widget(page, name="Correct")
    page.header.models.set_value(model)
    return page


def ready(qtbot: Any, page: CorrectWidget) -> None:
    qtbot.waitUntil(lambda: not page.prompting.running)


@pytest.fixture
def page(viewer: Any, tiny_model: str, qtbot: Any) -> CorrectWidget:
    viewer.add_labels(np.zeros((128, 128), np.int32), name="cells instances")
    viewer.reset_view()
    return page_of(viewer, tiny_model)


def test_a_box_adds_an_object_in_one_step(
    page: CorrectWidget, viewer: Any, drag: Drag, qtbot: Any
) -> None:
    layer = viewer.layers["cells instances"]
    page.toggle(toolbox.FIND)
    assert page.hint.text() == WAIT
    ready(qtbot, page)
    assert page.hint.text() == toolbox.FIND.hint
    drag(viewer, [(20, 30), (35, 50), (60, 75)])
    rows, columns = np.nonzero(layer.data)
    assert len(rows) > 20
    assert 19 <= rows.min() < rows.max() <= 61
    assert 29 <= columns.min() < columns.max() <= 76
    assert set(np.unique(layer.data)) == {0, 1}
    assert page.hint.text() == "Added 1."
    assert layer.features["class"].tolist()[-1] == "nucleus"
    layer.undo()
    assert not layer.data.any()


def test_a_box_before_it_is_ready_is_answered_when_it_is(
    page: CorrectWidget, viewer: Any, drag: Drag, qtbot: Any
) -> None:
    page.toggle(toolbox.FIND)
    drag(viewer, [(20, 30), (35, 50), (60, 75)])
    ready(qtbot, page)
    assert viewer.layers["cells instances"].data.any()


def test_clicks_give_one_guess_after_the_other(
    page: CorrectWidget, viewer: Any, drag: Drag, qtbot: Any
) -> None:
    layer = viewer.layers["cells instances"]
    page.toggle(toolbox.FIND)
    ready(qtbot, page)
    drag(viewer, [(64, 64)])
    first = layer.data.copy()
    assert first[64, 64] == 1
    assert "for the next guess" in page.hint.text()
    drag(viewer, [(64, 64)])
    second = layer.data.copy()
    assert set(np.unique(second)) == {0, 1}
    assert not np.array_equal(first, second)
    layer.undo()
    assert np.array_equal(layer.data, first)
    layer.undo()
    assert not layer.data.any()


def test_without_an_image_of_that_shape_it_says_so(
    page: CorrectWidget, viewer: Any, notes: list[str], drag: Drag
) -> None:
    viewer.layers.remove("cells")
    page.toggle(toolbox.FIND)
    assert len(notes) == 1
    assert "no image of the shape" in notes[0]
    drag(viewer, [(20, 30), (60, 75)])
    assert len(notes) == 2
    assert not viewer.layers["cells instances"].data.any()


def test_in_a_turned_multiscale_stack_of_colours_only_the_shown_plane_changes(
    make_napari_viewer: Any, tiny_model: str, drag: Drag, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    colours = np.random.default_rng(0).integers(0, 255, (3, 96, 80, 3), dtype=np.uint8)
    place: dict[str, Any] = {"scale": (2.0, 0.5, 0.5), "translate": (4.0, 10.0, -7.0)}
    viewer.add_image([colours, colours[:, ::2, ::2]], rgb=True, multiscale=True, **place)
    layer = viewer.add_labels(np.zeros((3, 96, 80), np.int32), **place)
    viewer.dims.set_point(0, 6.0)
    page = page_of(viewer, tiny_model)
    viewer.reset_view()
    page.toggle(toolbox.FIND)
    ready(qtbot, page)
    drag(viewer, [(20.0, 0.0), (30.0, 10.0), (40.0, 20.0)])
    planes, rows, columns = np.nonzero(layer.data)
    assert set(planes) == {1}
    assert 19 <= rows.min() < rows.max() <= 61
    assert 13 <= columns.min() < columns.max() <= 55
    viewer.dims.set_point(0, 8.0)
    drag(viewer, [(20.0, 0.0), (30.0, 10.0), (40.0, 20.0)])
    ready(qtbot, page)
    assert set(np.nonzero(layer.data)[0]) == {1, 2}


def test_closing_ends_what_runs_and_gives_the_view_back(
    page: CorrectWidget, viewer: Any, qtbot: Any
) -> None:
    page.toggle(toolbox.FIND)
    page.close_down()
    ready(qtbot, page)
    assert page.tools.tool is None
    assert not page.prompting._rest.isActive()


@pytest.mark.parametrize("stacked", [False, True])
def test_the_model_sees_what_a_prediction_sees(
    page: CorrectWidget, viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, stacked: bool
) -> None:
    """Colours, the shown plane, and pixels that are not square."""
    shape = (3, 40, 60, 3) if stacked else (40, 60, 3)
    data = np.random.default_rng(0).integers(0, 99, shape, np.uint8)
    scale = (1, 2, 1)[-len(shape) + 1 :]
    image = viewer.add_image(data, name="colours", rgb=True, scale=scale)
    labels = viewer.add_labels(np.zeros(shape[:-1], np.int32), name="on colours", scale=scale)
    page.header.images.choose(image)
    seen: list[Any] = []

    def prompter_job(image: Any, *others: Any) -> Any:
        seen.append(image)
        yield from ()

    monkeypatch.setattr(prompt_tile, "prompter_job", prompter_job)
    if stacked:
        viewer.dims.set_point(0, 2)
    page.prompting.begin(labels)
    ready(qtbot, page)
    page.prompting.end()
    assert (seen[0].shape, seen[0].seen.shape) == ((40, 60, 3), (80, 60, 3))
    plane = data[2] if stacked else data
    assert np.array_equal(np.asarray(seen[0].seen.image), plane)


def test_labels_over_channels_are_asked_about_in_all_of_them(
    make_napari_viewer: Any, tiny_model: str, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer()
    data = np.random.default_rng(0).integers(0, 99, (3, 40, 60), np.uint8)
    image = viewer.add_image(data, name="channels")
    labels = labels_over(image, np.zeros((1, 40, 60), np.int32), "channels instances", 0)
    viewer.add_layer(labels)
    found = Instances.from_labels(np.zeros((40, 60), np.int32), ("nucleus",))
    settings = PredictSettings(model=tiny_model, channels=(0, 2))
    kept = Kept({(0, None, None): found}, settings, "tiny", "hash", 0.5, "CPU", channel_axis=0)
    remember(labels, image, kept, Choice(0.5))
    seen: list[Any] = []

    def prompter_job(image: Any, *others: Any) -> Any:
        seen.append((np.asarray(image), others[0].channels))
        yield from ()

    monkeypatch.setattr(prompt_tile, "prompter_job", prompter_job)
    page = page_of(viewer, tiny_model)
    page.prompting.begin(labels)
    ready(qtbot, page)
    page.prompting.end()
    assert np.array_equal(seen[0][0], np.moveaxis(data, 0, -1))
    assert seen[0][1] == (0, 2)
