"""What to learn from: answers, the finished images of a project, folders, and what is taken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Labels

from napari_maskrcnn.annotate.image_states import State, States
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.regions import KEY as REGIONS
from napari_maskrcnn.annotate.regions import Region
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import run
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.widgets import pairs as pairs_module
from napari_maskrcnn.widgets.classes import add_class
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.learn_box import NOTHING, LearnBox
from napari_maskrcnn.widgets.learn_from import read_examples_job, sample_job
from napari_maskrcnn.widgets.ledger import ledger_of
from napari_maskrcnn.widgets.loop import loop_of
from napari_maskrcnn.widgets.prediction import predicted_labels
from tests.widgets.looping import make_project

FLAT = (None, None)
WHERE = Region(FLAT, np.array([[-0.5, -0.5], [-0.5, 29.5], [63.5, 29.5], [63.5, -0.5]]))


@pytest.fixture
def viewer() -> ViewerModel:
    shown = ViewerModel()
    shown.add_image(np.random.default_rng(0).integers(0, 99, (64, 64), np.uint8), name="cells")
    return shown


@pytest.fixture
def labels(viewer: ViewerModel) -> Labels:
    """Four squares that were predicted."""
    squares = np.zeros((64, 64), np.int32)
    for k in range(4):
        squares[8:16, 4 + 15 * k : 12 + 15 * k] = k + 1
    kept = Kept({FLAT: Instances.from_labels(squares, ("cell",))}, PredictSettings(), "m", "", 0.5)
    made = predicted_labels(viewer.layers["cells"], kept, Choice(0.5), "cells instances")
    viewer.add_layer(made)
    return made


@pytest.fixture
def box(viewer: ViewerModel, labels: Labels, qtbot: Any) -> LearnBox:
    made = LearnBox(viewer, Header(viewer))
    qtbot.addWidget(made)
    made.show()
    look(made, qtbot)
    return made


def look(box: LearnBox, qtbot: Any) -> None:
    box.look()
    qtbot.waitUntil(lambda: not box.survey.runner.running)


def texts(box: LearnBox) -> list[str]:
    (row,) = box.pairs.rows()
    return [row.answers.itemText(k) for k in range(row.answers.count())]


def remove(labels: Labels, *ids: int) -> None:
    for i in ids:
        labels.data_setitem(np.nonzero(labels.data == i), 0)


def test_an_untouched_prediction_has_to_be_answered_for(box: LearnBox) -> None:
    (row,) = box.pairs.rows()
    assert row.answer() is None
    assert texts(box) == ["Whole image · 4 objects"]
    assert row.answers.currentIndex() == -1
    assert box.meaning.text() == "Nothing in “cells instances” was corrected or accepted yet."
    with pytest.raises(ValueError, match="Say what is correct there: below its name"):
        box.take()
    row.say(Answer.WHOLE)
    assert box.meaning.text().startswith("Whole image: every object has its label")
    assert box.take().layers[0].answer is Answer.WHOLE


def test_the_default_follows_what_was_corrected(box: LearnBox, labels: Labels, qtbot: Any) -> None:
    (row,) = box.pairs.rows()
    remove(labels, 1)
    look(box, qtbot)
    assert texts(box) == ["Whole image · 3 objects", "Around my corrections · 1"]
    assert row.answer() is None
    assert box.meaning.text() == (
        "Of the 4 objects of “cells instances”, 1 was corrected or accepted."
    )
    ledger_of(labels).toggle_accepted([2])
    look(box, qtbot)
    assert row.answer() is Answer.WHOLE
    labels.metadata[REGIONS] = [WHERE.to_json()]
    labels.events.metadata()
    look(box, qtbot)
    assert texts(box)[1:] == ["Finished regions · 1 object", "Around my corrections · 2"]
    assert row.answer() is Answer.REGIONS
    row.say(Answer.CORRECTIONS)
    look(box, qtbot)
    assert row.answer() is Answer.CORRECTIONS
    # What was said holds as long as it can be said.
    labels.undo()
    ledger_of(labels).toggle_accepted([2])
    look(box, qtbot)
    assert row.answer() is Answer.REGIONS


def test_what_was_not_looked_at_yet_is_decided_by_the_training(
    viewer: ViewerModel, labels: Labels, qtbot: Any
) -> None:
    hidden = LearnBox(viewer, Header(viewer))
    qtbot.addWidget(hidden)
    hidden.look()
    taken = hidden.take()
    assert taken.layers[0].answer is None
    with pytest.raises(ValueError, match="Nothing in “cells instances” was corrected"):
        run(read_examples_job(taken))


def test_corrections_that_only_removed_are_too_little(
    box: LearnBox, labels: Labels, qtbot: Any
) -> None:
    remove(labels, 1)
    look(box, qtbot)
    box.pairs.rows()[0].say(Answer.CORRECTIONS)
    for job in (read_examples_job, sample_job):
        with pytest.raises(ValueError, match="no object where the labels are said to be correct"):
            run(job(box.take()))


def test_nothing_is_checked(box: LearnBox) -> None:
    box.pairs.rows()[0].box.click()
    assert box.key() is None
    with pytest.raises(ValueError, match="Nothing to learn from is checked"):
        box.take()
    assert NOTHING.startswith("Nothing")


def answered(box: LearnBox) -> Any:
    box.pairs.rows()[0].say(Answer.WHOLE)
    return box.take()


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_what_is_taken_stays(
    box: LearnBox, labels: Labels, viewer: ViewerModel, large: bool, monkeypatch: Any
) -> None:
    if large:
        monkeypatch.setattr(pairs_module, "COPIED_AT_ONCE", 0)
    truth = labels.data.copy()
    taken = answered(box)
    if not large:
        labels.data[:] = 7
    labels.name = "renamed"
    viewer.layers.remove(labels)
    (example,) = run(read_examples_job(taken))
    labels.data[:] = 8
    assert example.name == "cells instances"
    assert np.array_equal(example.labels, truth)


def test_labels_of_another_shape_are_refused(box: LearnBox, labels: Labels, qtbot: Any) -> None:
    labels.data = np.ones((32, 32), np.uint64)
    look(box, qtbot)
    # They are none of the prediction's any more.
    assert texts(box) == ["Whole image · 1 object"]
    with pytest.raises(ValueError, match=r"have shape \(32, 32\), the image \(64, 64\)"):
        run(read_examples_job(box.take()))


def test_a_class_that_no_object_has_is_counted_and_refused(
    box: LearnBox, labels: Labels, qtbot: Any
) -> None:
    box.pairs.rows()[0].say(Answer.WHOLE)
    assert not box.classes.text()
    add_class(labels, "dead")
    look(box, qtbot)
    assert box.classes.text() == "Objects: 4 cell, 0 dead"
    with pytest.raises(ValueError, match="No object has the class 'dead'"):
        run(read_examples_job(box.take()))
    ledger_of(labels).toggle_class([3], "dead")
    look(box, qtbot)
    assert box.classes.text() == "Objects: 3 cell, 1 dead"
    (example,) = run(read_examples_job(box.take()))
    assert example.classes[3] == "dead"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Three images, two of them verified, one to judge by."""
    made = make_project(tmp_path / "plate", 3)
    (made.root / "labels").mkdir(exist_ok=True)
    for name in "abc":
        truth = np.zeros((40, 50), np.int32)
        truth[5:15, 5:15] = 1
        tifffile.imwrite(made.file("labels", name, ".tif"), truth)
    for name in "ab":
        made.set_states(name, States(State.VERIFIED))
    made.update("b", role="validation")
    with made:
        yield made


@pytest.fixture
def with_project(
    viewer: ViewerModel, labels: Labels, project: Project, qtbot: Any
) -> Callable[[], LearnBox]:
    def make() -> LearnBox:
        loop_of(viewer).project = project
        made = LearnBox(viewer, Header(viewer))
        qtbot.addWidget(made)
        made.show()
        look(made, qtbot)
        return made

    return make


def test_the_verified_images_of_a_project_are_an_entry(
    with_project: Callable[[], LearnBox], project: Project, qtbot: Any
) -> None:
    box = with_project()
    first, second = box.pairs.rows()
    assert first.box.whole() == "2 finished images of plate"
    assert first.box.isChecked()
    assert not first.answers.isVisible()
    second.box.setChecked(False)
    taken = box.take()
    examples = run(read_examples_job(taken))
    assert [(e.name, e.held_out) for e in examples] == [("a", False), ("b", True)]
    assert [e.name for e in run(sample_job(taken))[0]] == ["a", "b"]
    # Unverified meanwhile: nothing is left to learn from.
    project.set_states("a", States(State.CORRECTING))
    with pytest.raises(ValueError, match="Everything that is checked is for validation"):
        run(read_examples_job(taken))
    look(box, qtbot)
    assert first.box.whole() == "1 finished image of plate"


def test_the_image_that_is_shown_is_not_learnt_twice(
    with_project: Callable[[], LearnBox], labels: Labels, viewer: ViewerModel, monkeypatch: Any
) -> None:
    desk = loop_of(viewer).desk
    monkeypatch.setattr(desk, "labels", lambda: labels)
    desk.shown = SimpleNamespace(name="b", labels=labels)
    box = with_project()
    assert [type(source).__name__ for source in box.pairs.checked()] == ["ProjectImages"]
    box.pairs.rows()[1].box.setChecked(True)
    box.pairs.rows()[1].say(Answer.WHOLE)
    examples = run(read_examples_job(box.take()))
    desk.shown = None
    assert [(e.name, e.held_out) for e in examples] == [("cells instances", True), ("a", False)]


def test_a_folder_is_added(box: LearnBox, project: Project, notes: list[str]) -> None:
    box.add_folder(project.root / "labels")
    assert len(notes) == 1
    assert "Give the folder that it is in" in notes[0]
    box.add_folder(project.root)
    first = box.pairs.rows()[0]
    assert (first.box.whole(), first.box.isChecked()) == ("3 images of the folder plate", True)
    box.pairs.rows()[1].box.setChecked(False)
    examples, share = run(sample_job(box.take()))
    assert [example.name for example in examples] == ["a", "b", "c"]
    assert share == 1.0


def test_only_some_files_are_read_for_an_estimate(box: LearnBox, tmp_path: Path) -> None:
    with make_project(tmp_path / "many", 8) as many:
        root = many.root
    for name in "abcdefgh":
        tifffile.imwrite(root / "labels" / f"{name}.tif", np.eye(40, 50, dtype=np.int32))
    box.add_folder(root)
    box.pairs.rows()[1].box.setChecked(False)
    examples, share = run(sample_job(box.take()))
    assert (len(examples), share) == (3, 3 / 8)


def test_cancelled_reading_ends_at_once(box: LearnBox, project: Project) -> None:
    box.add_folder(project.root)
    box.pairs.rows()[1].box.setChecked(False)
    stop = threading.Event()
    stop.set()
    assert len(run(read_examples_job(box.take(), stop))) == 1
