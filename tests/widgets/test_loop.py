"""The annotator's loop in a real window: saved, swapped in place, nothing left behind."""

from __future__ import annotations

import csv
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Labels

from napari_maskrcnn.annotate.image_states import State, States, put_states, states_in
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.widgets import desk
from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.layers import camera_of
from napari_maskrcnn.widgets.loop import Loop, loop_of
from napari_maskrcnn.widgets.prediction import prediction_of
from napari_maskrcnn.widgets.swapping import MARK, labels_of
from napari_maskrcnn.widgets.toolbox import DELETE
from tests.widgets.looping import SHAPE, idle, make_project, names, opened, saved

Make = Callable[..., Any]


pytestmark = pytest.mark.usefixtures("squares")


def test_verified_next_saves_and_swaps_in_place(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    correct = CorrectWidget(viewer)
    viewer.window.add_dock_widget(correct)
    loop = opened(viewer, qtbot, project)
    image, labels = viewer.layers
    assert (image.name, labels.name) == ("a", "a instances")
    assert np.unique(labels.data).tolist() == [0, 1, 2]
    image.contrast_limits, image.gamma = (10, 60), 0.7
    labels.mode, labels.brush_size, labels.opacity = "paint", 17, 0.3
    camera_of(viewer).zoom = 5.5
    labels.paint((30, 40), 9)
    assert loop.preparer.is_ready("b")
    before = labels
    correct.loop_row.next.click()  # what the key does as well

    assert names(viewer) == ["b", "b instances"]
    image, labels = viewer.layers
    assert viewer.layers.selection.active is labels
    assert (tuple(image.contrast_limits), image.gamma) == ((10, 60), 0.7)
    assert (labels.mode, labels.brush_size, labels.opacity) == ("paint", 17, 0.3)
    assert camera_of(viewer).zoom == 5.5
    assert labels.selected_label == 3
    assert np.array_equal(image.data, tifffile.imread(project.image_path("b")))
    idle(loop, qtbot)
    assert saved(project, "a") == [0, 1, 2, 9]
    entry = project.entry("a")
    assert (entry.state, entry.objects) == (State.VERIFIED, 3)
    assert loop.desk.pace.objects == 3
    assert loop.preparer.is_ready("c")
    # What was there before is gone, from the undo history and from the memory.
    assert before.data.size == 1
    labels.undo()
    assert np.unique(labels.data).tolist() == [0, 1, 2]


def test_what_was_predicted_of_an_image_goes_with_it(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    labels = viewer.layers[1]
    record = prediction_of(labels)
    assert record is not None
    kept = weakref.ref(record.kept)
    del record
    labels.paint((30, 40), 9)
    loop.verify_next()
    idle(loop, qtbot)
    # At once: full collections, which free what refers to itself, are rare.
    assert kept() is None


def test_removed_layers_are_collected_while_the_mouse_rests(
    make_napari_viewer: Make, qtbot: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "IMAGES", 2)  # the first one that is shown counts as well
    monkeypatch.setattr(desk, "REST_MS", 20)
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    layer = weakref.ref(viewer.layers[1])
    loop.verify_next()
    idle(loop, qtbot)
    qtbot.waitUntil(lambda: layer() is None)


def test_to_the_end_and_back(
    make_napari_viewer: Make, qtbot: Any, project: Project, notes: list[str]
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    for name in ("b", "c"):
        loop.verify_next()
        qtbot.waitUntil(lambda name=name: loop.desk.name == name)
        idle(loop, qtbot)
    loop.verify_next()
    idle(loop, qtbot)
    assert [entry.state for entry in project.entries] == [State.VERIFIED] * 3
    assert any("Every image is verified or excluded" in note for note in notes)
    assert names(viewer) == ["c", "c instances"]
    for name in ("b", "a"):
        loop.previous()
        qtbot.waitUntil(lambda name=name: loop.desk.name == name)
        idle(loop, qtbot)
    assert names(viewer) == ["a", "a instances"]
    # Only looked at: nothing was written again.
    assert not list((project.root / "history").glob("labels/*"))
    loop.previous()
    assert any("There is no image before this one" in note for note in notes)


def test_a_tool_stays_on(make_napari_viewer: Make, qtbot: Any, project: Project) -> None:
    viewer = make_napari_viewer(show=True)
    correct = CorrectWidget(viewer)
    viewer.window.add_dock_widget(correct)
    correct.reset_choices()
    loop = opened(viewer, qtbot, project)
    correct.reset_choices()
    correct.toggle(DELETE)
    loop.verify_next()
    correct.reset_choices()
    assert correct.tools.tool is DELETE
    assert correct.header.labels.layer() is viewer.layers["b instances"]
    correct.tools.stop()
    assert names(viewer) == ["b", "b instances"]


def test_work_that_is_left_is_in_correction(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    labels = viewer.layers["a instances"]
    CorrectWidget(viewer)
    labels.data_setitem(np.nonzero(labels.data == 1), 0)
    loop.show("c")
    qtbot.waitUntil(lambda: loop.desk.name == "c")
    idle(loop, qtbot)
    assert (project.entry("a").state, project.entry("c").state) == ("in correction", "predicted")
    assert not project.file("labels", "c", ".tif").exists()
    loop.previous()
    qtbot.waitUntil(lambda: loop.desk.name == "a")
    labels = viewer.layers["a instances"]
    assert np.unique(labels.data).tolist() == [0, 2]
    record = prediction_of(labels)
    assert record is not None
    assert np.unique(record.labels[None, None]).tolist() == [0, 1, 2]
    # What was painted and undone is no correction.
    before = project.file("labels", "a", ".tif").read_bytes()
    labels.paint((30, 40), 9)
    labels.undo()
    loop.show("b")
    qtbot.waitUntil(lambda: loop.desk.name == "b")
    idle(loop, qtbot)
    assert project.file("labels", "a", ".tif").read_bytes() == before


def test_a_stack_goes_plane_by_plane(make_napari_viewer: Make, qtbot: Any, tmp_path: Path) -> None:
    viewer = make_napari_viewer(show=True)
    with make_project(tmp_path / "stacks", 2, (3, *SHAPE)) as project:
        loop = opened(viewer, qtbot, project)
        labels = viewer.layers["a instances"]
        viewer.dims.set_point(0, 1)
        seen = []
        for _ in range(2):
            loop.verify_next()
            seen.append(int(viewer.dims.point[0]))
        assert seen == [2, 0]
        states = states_in(labels.metadata)
        assert states is not None
        assert [states.of((z, None, None)) for z in range(3)] == [
            *("predicted", "verified", "verified")
        ]
        loop.show("b")
        qtbot.waitUntil(lambda: loop.desk.name == "b")
        idle(loop, qtbot)
        assert project.entry("a").state == State.CORRECTING
        assert project.states("a") == states
        loop.previous()
        qtbot.waitUntil(lambda: loop.desk.name == "a")
        viewer.dims.set_point(0, 0)
        loop.verify_next()
        qtbot.waitUntil(lambda: loop.desk.name == "b")
        idle(loop, qtbot)
        assert project.entry("a").state == State.VERIFIED
        # Closed right after a swap, it stays closed when its labels are noticed.
        loop.close()
        qtbot.wait(20)
        assert loop.project is None


def test_plain_labels_need_no_project(
    make_napari_viewer: Make, qtbot: Any, notes: list[str]
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = loop_of(viewer)
    loop.verify_next()
    assert any("There are no labels to verify" in note for note in notes)
    first = viewer.add_labels(np.zeros(SHAPE, np.int32), name="first")
    second = viewer.add_labels(np.zeros((2, *SHAPE), np.int32), name="second", visible=False)
    viewer.layers.selection.active = first
    loop.verify_next()
    assert states_in(first.metadata) == States(State.VERIFIED)
    assert viewer.layers.selection.active is second
    assert (first.visible, second.visible) == (False, True)
    for z in (0, 1):
        assert viewer.dims.point[0] == z
        loop.verify_next()
    assert any("Verified: second" in note for note in notes)


def test_predict_again_adds_a_layer_and_the_one_chosen_counts(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    assert loop.desk.shown is not None
    old = loop.desk.shown.labels
    fresh = Labels(np.full(SHAPE, 5, np.int32), metadata={MARK: old.metadata[MARK]})
    viewer.add_layer(fresh)
    put_states(fresh.metadata, States(State.CORRECTING))
    assert labels_of(viewer, loop.desk.shown) is fresh
    loop.verify_next()
    idle(loop, qtbot)
    assert names(viewer) == ["b", "b instances"]
    assert saved(project, "a") == [5]


def test_a_swap_takes_a_third_of_a_second(
    make_napari_viewer: Make, qtbot: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    correct = CorrectWidget(viewer)
    viewer.window.add_dock_widget(correct)
    with make_project(tmp_path / "large", 2, (1024, 1024)) as project:
        loop = opened(viewer, qtbot, project)
        viewer.layers["a instances"].paint((30, 40), 9)
        # Of the window's thread: the machine, and the threads behind, have other things to do.
        begin = time.thread_time()
        loop.verify_next()
        taken = time.thread_time() - begin
        assert loop.desk.name == "b"
        assert taken < 0.3
        idle(loop, qtbot)
        loop.close()


def test_every_change_is_a_line_of_the_log(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    loop: Loop = opened(viewer, qtbot, project)
    loop.verify_next()
    idle(loop, qtbot)
    with (project.root / "history" / "log.csv").open(newline="") as file:
        rows = [(row["image"], row["from"], row["to"]) for row in csv.DictReader(file)]
    assert ("a", "new", "predicted") in rows
    assert ("a", "predicted", "verified") in rows
