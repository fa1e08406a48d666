"""Labels beside the ones that count, and labels that are taken away: none is lost, or mistaken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels

from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.widgets.swapping import MARK
from tests.widgets.looping import idle, make_project, names, opened, saved

Make = Callable[..., Any]


pytestmark = pytest.mark.usefixtures("squares")


def copy_of(labels: Labels, name: str) -> Labels:
    """What napari's "Duplicate" makes of labels of a project."""
    return Labels(labels.data.copy(), name=name, metadata={MARK: dict(labels.metadata[MARK])})


def test_labels_of_another_project_are_not_taken_for_those_of_this_one(
    make_napari_viewer: Make, qtbot: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    with make_project(tmp_path / "day1") as first, make_project(tmp_path / "day2") as second:
        loop = opened(viewer, qtbot, first)
        old = viewer.layers["a instances"]
        old.paint((30, 40), 9)
        loop.close()
        opened(viewer, qtbot, second)
        viewer.layers.selection.active = old
        loop.verify_next()
        idle(loop, qtbot)
        assert saved(second, "a") == [0, 1, 2]
        assert old in viewer.layers
        assert np.unique(old.data).tolist() == [0, 1, 2, 9]
        loop.close()


def test_corrected_labels_beside_those_that_count_stay(
    make_napari_viewer: Make, qtbot: Any, project: Project, notes: list[str]
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    labels = viewer.layers["a instances"]
    labels.paint((30, 40), 8)
    backup, same = (viewer.add_layer(copy_of(labels, name)) for name in ("backup", "same"))
    labels.paint((30, 20), 9)
    viewer.layers.selection.active = backup
    loop.verify_next()
    idle(loop, qtbot)
    assert saved(project, "a") == [0, 1, 2, 8]
    assert sorted(names(viewer)) == ["a instances", "b", "b instances"]
    assert np.unique(labels.data).tolist() == [0, 1, 2, 8, 9]
    assert not labels.visible
    assert same not in viewer.layers
    said = "What counts of a are the labels 'backup'. Others that differ are hidden, not removed: "
    assert any(f"{said}'a instances'." in note for note in notes)
    # They were predicted in the layer in which b is shown now, and are none of b all the same.
    viewer.layers.selection.active = labels
    loop.verify_next()
    idle(loop, qtbot)
    assert saved(project, "b") == [0, 1, 2]
    assert labels in viewer.layers


def test_labels_painted_after_the_project_was_closed_stay(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    labels = viewer.layers["a instances"]
    loop.close()
    labels.paint((30, 40), 9)
    with Project.open(project.root) as again:
        opened(viewer, qtbot, again)
        loop.verify_next()
        idle(loop, qtbot)
        assert np.unique(labels.data).tolist() == [0, 1, 2, 9]
        assert labels in viewer.layers
        loop.close()


def test_labels_of_a_viewer_that_a_script_closes_are_saved(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    labels = viewer.layers["a instances"]
    others = [viewer.add_layer(copy_of(labels, name)) for name in ("one", "two")]
    viewer.layers.selection.active = others[1]
    others[1].paint((30, 40), 9)
    viewer.close()
    loop.desk.saver.finish()
    assert saved(project, "a") == [0, 1, 2, 9]


def test_labels_that_were_removed_are_saved_and_can_be_shown_again(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    labels = viewer.layers["a instances"]
    labels.paint((30, 40), 9)
    viewer.layers.remove(labels)
    idle(loop, qtbot)
    assert saved(project, "a") == [0, 1, 2, 9]
    assert labels.data.shape == viewer.layers["a"].data.shape  # another viewer may have it
    loop.show("a")
    qtbot.waitUntil(lambda: "a instances" in names(viewer))
    idle(loop, qtbot)
    assert names(viewer) == ["a", "a instances"]
    assert np.unique(viewer.layers[1].data).tolist() == [0, 1, 2, 9]


def test_what_is_left_when_a_copy_is_removed_counts(
    make_napari_viewer: Make, qtbot: Any, project: Project
) -> None:
    viewer = make_napari_viewer(show=True)
    loop = opened(viewer, qtbot, project)
    labels = viewer.layers["a instances"]
    labels.paint((30, 40), 8)
    backup = viewer.add_layer(copy_of(labels, "backup"))
    labels.paint((30, 20), 9)
    viewer.layers.selection.active = backup
    viewer.layers.remove(backup)
    qtbot.wait(10)
    loop.show("b")
    qtbot.waitUntil(lambda: loop.desk.name == "b")
    idle(loop, qtbot)
    assert saved(project, "a") == [0, 1, 2, 8, 9]
