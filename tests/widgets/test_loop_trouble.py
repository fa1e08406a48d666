"""What goes wrong in the loop: full disks, broken files, crashes. Nothing is lost."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Labels

from napari_maskrcnn.annotate.image_states import State
from napari_maskrcnn.annotate.journal.folder import journal_folder, stored_windows
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.formats.tiff import read_tiff
from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.loop import loop_of
from napari_maskrcnn.widgets.recovery import keeper_of
from napari_maskrcnn.widgets.swapping import MARK
from tests.widgets.looping import SHAPE, idle, make_project, names, opened, saved
from tests.widgets.test_recovery import crash, offered, settled

Make = Callable[..., Any]


pytestmark = pytest.mark.usefixtures("squares")


def test_a_disk_that_fills_loses_nothing(
    make_napari_viewer: Make,
    qtbot: Any,
    project: Project,
    notes: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    labels = viewer.layers["a instances"]
    labels.paint((30, 40), 9)

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tifffile.TiffWriter, "write", full)
        loop.verify_next()
        qtbot.waitUntil(lambda: loop.desk.saver.unsaved == {"a"})
    assert names(viewer) == ["b", "b instances"]
    assert any("the disk is full" in note and "kept in the journal" in note for note in notes)
    assert project.entry("a").state == State.PREDICTED
    assert labels in keeper_of(viewer)._watches
    loop.show("a")  # what is on the disk is not what was made of it
    assert loop.desk.name == "b"
    assert any("The labels of a are not saved yet" in note for note in notes)
    loop.desk.saver.again()
    idle(loop, qtbot)
    assert saved(project, "a") == [0, 1, 2, 9]
    assert project.entry("a").state == State.VERIFIED
    assert labels not in keeper_of(viewer)._watches


def test_what_cannot_be_written_at_the_end_is_offered(
    make_napari_viewer: Make, qtbot: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer(show=True)
    opened(viewer, qtbot, project)
    viewer.layers["a instances"].paint((30, 40), 9)

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tifffile.TiffWriter, "write", full)
        keeper_of(viewer).window_closed()
    (window,) = stored_windows(journal_folder(), crashed=True)
    assert [layer.edits for layer in window.offered] == [1]


def test_a_file_that_cannot_be_read_is_passed_over(
    make_napari_viewer: Make, qtbot: Any, project: Project, notes: list[str]
) -> None:
    project.image_path("b").write_bytes(b"nothing")
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    qtbot.waitUntil(lambda: loop.preparer.is_ready("c"))
    assert any("b.tif: cannot be read as an image" in note for note in notes)
    loop.verify_next()
    assert loop.desk.name == "c"
    idle(loop, qtbot)


def test_after_a_crash_the_loop_goes_on(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    before = make_napari_viewer(show=True)
    loop = opened(before, qtbot, project)
    CorrectWidget(before)
    before.layers["a instances"].paint((30, 40), 9)
    crash(before)
    project.close()  # the system does that when a process dies
    loop.project = loop.desk.project = None

    viewer = make_napari_viewer(show=True)
    offered(viewer, qtbot).restore.click()
    settled(viewer, qtbot)
    again = loop_of(viewer)
    qtbot.waitUntil(lambda: again.desk.name == "a")
    assert again.project is not None
    idle(again, qtbot)
    again.verify_next()
    qtbot.waitUntil(lambda: again.desk.name == "b")
    idle(again, qtbot)
    assert names(viewer) == ["b", "b instances"]
    assert saved(project, "a") == [0, 1, 2, 9]
    again.close()


def test_labels_that_come_back_are_not_laid_over_another_image(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer()
    loop = opened(viewer, qtbot, project)
    viewer.open(str(project.image_path("b")), plugin="napari")
    mark = {"folder": str(project.root), "image": "b"}
    labels = Labels(np.ones(SHAPE, np.int32), name="b instances", metadata={MARK: mark})
    viewer.add_layer(labels)
    qtbot.waitUntil(lambda: loop.desk.name == "b")
    assert loop.desk.shown is not None
    assert loop.desk.shown.image is viewer.layers["b"]
    assert names(viewer) == ["b", "b instances"]
    idle(loop, qtbot)


def test_a_layer_that_is_not_saved_yet_is_still_in_the_journal(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    labels = viewer.layers["a instances"]
    labels.paint((30, 40), 9)
    keeper = keeper_of(viewer)
    assert loop.preparer.is_ready("b")
    loop.verify_next()
    assert labels not in viewer.layers
    assert labels in keeper._watches
    idle(loop, qtbot)
    assert labels not in keeper._watches


def test_closing_saves_what_is_shown(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    viewer.layers["a instances"].paint((30, 40), 9)
    keeper_of(viewer).window_closed()
    assert saved(project, "a") == [0, 1, 2, 9]
    assert project.entry("a").state == State.CORRECTING
    assert loop.project is None
    Project.open(project.root).close()


def test_a_project_without_images_says_so(
    make_napari_viewer: Any, tmp_path: Path, notes: list[str]
) -> None:
    viewer = make_napari_viewer()
    with Project.create(tmp_path / "empty") as project:
        loop = loop_of(viewer)
        loop.open(project)
        loop.show_next()
        assert "has no image yet" in notes[0]
        loop.close()


def test_the_pixel_size_of_each_file(make_napari_viewer: Make, qtbot: Any, tmp_path: Path) -> None:
    with make_project(tmp_path / "cells") as project:
        size = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        pixels = tifffile.imread(project.image_path("a"))
        tifffile.imwrite(project.image_path("a"), pixels, ome=True, metadata=size)
        viewer = make_napari_viewer(show=True)
        loop = opened(viewer, qtbot, project)
        image, labels = viewer.layers
        assert image.scale.tolist() == labels.scale.tolist() == [0.5, 0.5]
        assert str(labels.units[0]) == "micrometer"
        loop.verify_next()
        image, labels = viewer.layers
        assert image.scale.tolist() == labels.scale.tolist() == [1, 1]
        assert str(labels.units[0]) == "pixel"
        idle(loop, qtbot)
        assert read_tiff(project.file("labels", "a", ".tif")).scale == (0.5, 0.5)


def test_an_image_that_is_being_opened_arrives_when_another_model_is_chosen(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer()
    loop = opened(viewer, qtbot, project)
    for name, interrupt in (
        ("c", lambda: loop.preparer.start(project)),
        ("b", loop.preparer.stop),
    ):
        loop.preparer._ready.clear()
        loop.show(name)
        interrupt()
        qtbot.waitUntil(lambda name=name: loop.desk.name == name)
        idle(loop, qtbot)
    loop.close()
    assert loop.preparer.wanted == ""
