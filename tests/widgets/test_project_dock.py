"""The Project dock: a folder becomes a project, its images are listed, said and exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_maskrcnn.annotate.image_states import State
from napari_maskrcnn.annotate.project.about import is_project
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.train.dataset import read_dataset
from napari_maskrcnn.widgets import project_dock
from napari_maskrcnn.widgets.project_dock import ProjectDock
from tests.widgets.looping import idle, make_project

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def yes(squares: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_dock, "ask", lambda *_: True)


def docked(viewer: Any) -> ProjectDock:
    dock = ProjectDock(viewer)
    viewer.window.add_dock_widget(dock, name="Project")
    dock.show()
    return dock


def states(dock: ProjectDock) -> list[str]:
    return [entry.state.value for entry in dock.images.table.files.rows]


def test_a_folder_of_images_becomes_a_project(
    make_napari_viewer: Make, qtbot: Any, tmp_path: Path
) -> None:
    for name in ("x", "y", "x_labels"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((40, 50), np.uint8))
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels" / "y.tif", np.ones((40, 50), np.uint8))
    dock = docked(make_napari_viewer(show=True))
    assert dock.images.isHidden()
    dock.open_folder(tmp_path)
    assert not dock.images.isHidden()
    assert is_project(tmp_path)
    idle(dock.loop, qtbot)
    entries = dock.loop.entries()
    assert [(entry.name, entry.image) for entry in entries] == [("x", "x.tif"), ("y", "y.tif")]
    assert states(dock) == ["predicted", "in correction"]
    dock.images.table.opened.emit(1)
    qtbot.waitUntil(lambda: dock.loop.desk.name == "y")
    idle(dock.loop, qtbot)
    assert dock.viewer.layers["y instances"].data.min() == 1
    assert dock.row.text.text() == "0 of 2 verified"
    dock.close_button.click()
    assert dock.images.isHidden()
    Project.open(tmp_path).close()


def test_all_are_predicted_and_the_least_certain_comes_first(
    make_napari_viewer: Make, qtbot: Any, tmp_path: Path
) -> None:
    make_project(tmp_path / "cells").close()
    dock = docked(make_napari_viewer(show=True))
    dock.open_folder(tmp_path / "cells")
    dock.all_button.click()
    idle(dock.loop, qtbot)
    qtbot.waitUntil(lambda: states(dock) == ["predicted"] * 3)
    assert dock.all_button.text() == "Predict all"
    assert dock.loop.project is not None
    for name, certainty in (("a", 0.8), ("b", 0.3), ("c", 0.5)):
        dock.loop.project.update(name, certainty=certainty)
    dock.images.refresh()
    dock.images.table.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    dock.loop.show_next()
    shown = []
    for name in ("b", "c", "a"):
        qtbot.waitUntil(lambda name=name: dock.loop.desk.name == name)
        idle(dock.loop, qtbot)
        shown.append(dock.loop.desk.name)
        dock.row.next.click()
    idle(dock.loop, qtbot)
    assert states(dock) == ["verified"] * 3
    assert dock.images.counts.text() == "3 verified"
    dock.loop.close()


def test_the_order_of_the_table_holds_for_the_next_project(
    make_napari_viewer: Make, qtbot: Any, tmp_path: Path, notes: list[str]
) -> None:
    make_project(tmp_path / "day1").close()
    with make_project(tmp_path / "day2") as project:
        for name, certainty in (("a", 0.8), ("b", 0.3), ("c", 0.5)):
            project.update(name, certainty=certainty)
    dock = docked(make_napari_viewer(show=True))
    dock.open_folder(tmp_path / "day1")
    dock.images.table.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    for _ in range(2):  # the second time it is open already, in this very window
        dock.open_folder(tmp_path / "day2")
        assert [entry.name for entry in dock.loop.entries()] == ["b", "c", "a"]
    assert not notes
    idle(dock.loop, qtbot)
    dock.loop.close()


def test_states_and_roles_are_said_in_the_table(
    make_napari_viewer: Make, qtbot: Any, tmp_path: Path, notes: list[str]
) -> None:
    make_project(tmp_path / "cells").close()
    dock = docked(make_napari_viewer(show=True))
    dock.open_folder(tmp_path / "cells")
    idle(dock.loop, qtbot)

    def say(position: int, box: Any, text: str) -> None:
        dock.images.table.choose(position)
        box.setCurrentText(text)
        box.activated.emit(box.currentIndex())
        idle(dock.loop, qtbot)

    say(0, dock.images.state, "Verified")  # predicted in advance: that is what is right
    say(1, dock.images.state, "Verified")  # nothing there yet
    assert any("b has no labels yet that could be verified" in note for note in notes)
    say(1, dock.images.state, "Excluded")
    say(0, dock.images.role, "Validation")
    assert dock.loop.project is not None
    found = [(entry.state, entry.role) for entry in dock.loop.project.entries]
    assert found[:2] == [(State.VERIFIED, "validation"), (State.EXCLUDED, "train")]
    dock.export(tmp_path / "dataset")
    qtbot.waitUntil(lambda: not dock.runner.running)
    assert any("0 images to train with and 1 to judge by" in note for note in notes)
    assert [x.name for x in read_dataset(tmp_path / "dataset" / "validation")] == ["a"]
    dock.loop.close()


def test_a_table_that_was_edited_is_read_again_or_named(
    make_napari_viewer: Make, qtbot: Any, tmp_path: Path, notes: list[str]
) -> None:
    make_project(tmp_path / "cells").close()
    dock = docked(make_napari_viewer(show=True))
    dock.open_folder(tmp_path / "cells")
    idle(dock.loop, qtbot)
    sheet = tmp_path / "cells" / "images.csv"
    text = sheet.read_text()
    sheet.write_text(text.replace("c.tif,new,train", "c.tif,excluded,train"))
    dock.images.reread()
    assert states(dock)[2] == "excluded"
    sheet.write_text(text.replace("c.tif,new,train", "c.tif,finished,train"))
    dock.images.reread()
    assert any("line 4: 'finished' is no state" in note for note in notes)
    sheet.write_text(text)
    dock.loop.close()


def test_images_are_added(make_napari_viewer: Make, qtbot: Any, tmp_path: Path) -> None:
    make_project(tmp_path / "cells", 1).close()
    dock = docked(make_napari_viewer(show=True))
    dock.open_folder(tmp_path / "cells")
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((40, 50), np.uint8))
    idle(dock.loop, qtbot)
    for copied in (False, True):
        dock.copy.setChecked(copied)
        dock.add_images([str(other)])
        qtbot.waitUntil(lambda: not dock.runner.running)
    idle(dock.loop, qtbot)
    assert [entry.image for entry in dock.loop.entries()] == ["images/a.tif", "../other.tif"]
    assert len(states(dock)) == 2
    dock.loop.close()


def test_it_fits_into_a_narrow_dock(make_napari_viewer: Make, qtbot: Any, tmp_path: Path) -> None:
    make_project(tmp_path / "cells").close()
    dock = docked(make_napari_viewer(show=True))
    dock.open_folder(tmp_path / "cells")
    idle(dock.loop, qtbot)
    dock.images.table.choose(0)
    dock.more.expand(animate=False)
    assert dock.minimumSizeHint().width() <= 350
    dock.resize(350, 700)
    content = dock.body.parentWidget()
    assert content is not None
    # Beside it there must be room for the bar that scrolls it down.
    assert content.minimumSizeHint().width() <= 350 - 15
    dock.loop.close()


def test_a_folder_that_went_is_told_once(
    make_napari_viewer: Make, qtbot: Any, tmp_path: Path, notes: list[str]
) -> None:
    make_project(tmp_path / "cells").close()
    dock = docked(make_napari_viewer(show=True))
    dock.open_folder(tmp_path / "cells")
    idle(dock.loop, qtbot)
    (tmp_path / "cells").rename(tmp_path / "elsewhere")
    for _ in range(3):
        dock.images.reread()
        dock.loop.preparer.work()
        idle(dock.loop, qtbot)
    assert len(notes) == 1
    assert "images.csv is missing. Put it back" in notes[0]
    (tmp_path / "elsewhere").rename(tmp_path / "cells")
    dock.images.reread()
    dock.loop.close()
    assert len(notes) == 1
