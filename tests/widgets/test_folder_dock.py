"""The folder dock: from a choice of folders to finished files, pressed as a person presses."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QMessageBox, QScrollArea

from napari_maskrcnn import models
from napari_maskrcnn.formats import read_labels
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.folder import job
from napari_maskrcnn.predict.folder.one import Found
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.widgets.file_table import FileTable
from napari_maskrcnn.widgets.folder_dock import NO_FOLDERS, FolderDock
from tests.predict.folder import finding
from tests.widgets.predicting import docked, predict
from tests.widgets.test_panel import spills

YES, NO = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "plate 1"
    (folder / "sub").mkdir(parents=True)
    for seed, name in enumerate(("a.tif", "b.tif", "sub/c.tif")):
        tifffile.imwrite(folder / name, synthetic_nuclei((64, 64), count=6, seed=seed)[0])
    return folder


@pytest.fixture
def dock(make_napari_viewer: Any, tiny_model: str) -> FolderDock:
    viewer = make_napari_viewer()
    widget = FolderDock(viewer)
    viewer.window.add_dock_widget(widget, name="Predict a folder")
    widget.header.models.set_value(tiny_model)
    return widget


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the next question is answered with; the questions come after it."""
    said: list[Any] = [NO]

    def question(parent: Any, title: str, text: str, *rest: Any) -> Any:
        said.append(text)
        return said[0]

    monkeypatch.setattr(QMessageBox, "question", question)
    return said


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find in a blink what is bright."""
    monkeypatch.setattr(models, "load_model", lambda *_: object())
    monkeypatch.setattr(job, "find_in_file_job", finding.find)


def wait(qtbot: Any, dock: FolderDock) -> None:
    qtbot.waitUntil(lambda: not dock.runner.running)


def press(qtbot: Any, dock: FolderDock) -> None:
    wait(qtbot, dock)
    dock.row.button.click()
    wait(qtbot, dock)


def statuses(dock: FolderDock) -> list[str]:
    return [state.status for state in dock.table.files.rows]


def test_the_folder_is_listed_when_it_is_chosen(dock: FolderDock, images: Path, qtbot: Any) -> None:
    assert not dock.table.isVisibleTo(dock)
    dock.form.images.set_folder(images)
    assert dock.form.labels.folder() == images.with_name("plate 1_labels")
    wait(qtbot, dock)
    assert statuses(dock) == ["waiting"] * 3
    assert dock.summary.text() == "3 images: 3 waiting"
    model = dock.table.files
    assert [model.data(model.index(n, 0)) for n in range(3)] == ["a.tif", "b.tif", "sub/c.tif"]
    assert not images.with_name("plate 1_labels").exists()


def test_predict_then_again_then_look_at_a_result(
    dock: FolderDock, images: Path, qtbot: Any, heartbeat: Any, nuclei: Any
) -> None:
    (images / "b.tif").write_bytes(b"II*\x00 and nothing")
    dock.form.images.set_folder(images)
    press(qtbot, dock)
    assert statuses(dock) == ["done", "failed", "done"]
    assert dock.summary.text() == "3 images: 2 done, 1 failed"
    dock.table.choose(1)
    assert dock.detail.text().startswith("b.tif: ")
    assert dock.detail.text().count("b.tif") == 1
    out = images.with_name("plate 1_labels")
    labels = read_labels(out / "sub/c_labels.tif")
    assert dock.table.files.rows[2].objects == len(np.unique(labels)) - 1 > 0
    # Mended, the rest is done; what was done stays.
    tifffile.imwrite(images / "b.tif", nuclei[0])
    before = (out / "a_labels.tif").stat().st_mtime_ns
    heartbeat.start()
    press(qtbot, dock)
    assert heartbeat.stop() < 0.25
    assert statuses(dock) == ["done"] * 3
    assert (out / "a_labels.tif").stat().st_mtime_ns == before
    dock.table.opened.emit(2)
    qtbot.waitUntil(lambda: len(dock.viewer.layers) == 2)
    image, found = dock.viewer.layers
    assert (type(image), type(found)) == (Image, Labels)
    assert [image.name, found.name] == ["c", "c instances"]
    assert np.array_equal(found.data, labels)
    assert set(found.features["class"][1:]) == {"nucleus"}
    assert found.features["score"][1:].between(0.3, 1).all()


@pytest.mark.usefixtures("_no_network")
def test_what_is_in_the_way_is_asked_about(
    dock: FolderDock, images: Path, qtbot: Any, answers: list[Any]
) -> None:
    out = images.with_name("plate 1_labels")
    out.mkdir()
    (out / "a_labels.tif").write_text("mine")
    dock.form.images.set_folder(images)
    press(qtbot, dock)
    assert answers[1].startswith("1 image has labels already")
    assert str(out / "a_labels.tif") in answers[1]
    assert statuses(dock) == ["exists", "done", "done"]
    assert (out / "a_labels.tif").read_text() == "mine"
    answers[0] = YES
    press(qtbot, dock)
    assert statuses(dock) == ["done"] * 3
    assert read_labels(out / "a_labels.tif").shape == (64, 64)


@pytest.mark.usefixtures("_no_network")
def test_cancel_keeps_what_is_finished(
    dock: FolderDock, images: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(source: Path, request: Any, model: Any, stop: threading.Event) -> Job[Found | None]:
        if source.name == "b.tif" and not go_on:
            while not stop.is_set():
                yield Progress(1, 2, "Finding objects")
                stop.wait(0.02)
        return (yield from finding.find(source, request, model, stop))

    go_on: list[bool] = []
    monkeypatch.setattr(job, "find_in_file_job", slow)
    dock.form.images.set_folder(images)
    wait(qtbot, dock)
    dock.row.button.click()
    qtbot.waitUntil(lambda: "predicting" in statuses(dock)[1:])
    qtbot.waitUntil(lambda: "2 of 3: " in dock.row.message.text())
    assert dock.row.message.text() == "2 of 3: Finding objects, less than a minute left"
    assert not dock.form.isEnabled()
    dock.row.cancel.click()
    wait(qtbot, dock)
    assert dock.form.isEnabled()
    assert statuses(dock) == ["done", "waiting", "waiting"]
    go_on.append(True)
    press(qtbot, dock)
    assert statuses(dock) == ["done"] * 3


def test_the_settings_of_a_prediction_are_those_of_the_folder(
    viewer: Any, tiny_model: str, images: Path, qtbot: Any
) -> None:
    tab = docked(viewer, tiny_model)
    tab.form.diameter.set_value(20.0)
    predict(qtbot, tab)
    tab._change(Choice(0.35, 4.0, border=False))
    dock = FolderDock(viewer)
    viewer.window.add_dock_widget(dock, name="Predict a folder")
    before = dock.form.request("nuclei")
    assert (before.settings.diameter, before.settings.score) == (None, None)
    dock.form.like.setCurrentText("as in cells instances")
    dock.form.like.activated.emit(dock.form.like.currentIndex())
    assert dock.header.models.value() == tiny_model
    request = dock.form.request(dock.header.models.value())
    assert (request.settings.diameter, request.settings.score) == (20.0, 0.35)
    assert (request.choice.smallest, request.choice.border) == (4.0, False)
    assert dock.form.also.text() == "least size 4, objects at the border left out"
    tab._change(Choice(0.5))  # sliders move on
    viewer.layers.remove("cells instances")
    dock.layers_changed()
    assert dock.form.like.currentText() == "as in cells instances"
    assert dock.form.request(tiny_model) == request
    dock.form.like.setCurrentIndex(0)
    dock.form.like.activated.emit(0)
    dock.layers_changed()
    assert dock.form.like.count() == 1
    assert dock.form.request("nuclei") == before


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder.rmdir(), "is no folder. Choose the folder that holds the images"),
        (lambda folder: None, "There is no image in"),
    ],
    ids=["gone", "empty"],
)
def test_a_folder_without_images_is_said(
    dock: FolderDock, tmp_path: Path, qtbot: Any, notes: list[str], make: Any, said: str
) -> None:
    folder = tmp_path / "none"
    folder.mkdir()
    make(folder)
    dock.form.images.set_folder(folder)
    wait(qtbot, dock)
    assert said in notes[-1]
    assert statuses(dock) == []
    assert dock.form.isEnabled()


@pytest.mark.usefixtures("_no_network")
def test_another_model_has_done_nothing_yet(dock: FolderDock, images: Path, qtbot: Any) -> None:
    dock.form.images.set_folder(images)
    press(qtbot, dock)
    assert statuses(dock) == ["done"] * 3
    dock.header.models.set_value("nuclei")
    dock.header.models.chosen.emit("nuclei")
    wait(qtbot, dock)
    assert statuses(dock) == ["exists"] * 3
    dock.table.choose(0)
    assert dock.detail.text().endswith(
        "was predicted with the model tiny; press Predict to be asked whether to replace it"
    )


def test_nothing_chosen_is_said(dock: FolderDock, notes: list[str]) -> None:
    dock.row.button.click()
    assert NO_FOLDERS in notes[-1]


def test_nothing_is_cut_off_at_the_width_of_a_dock(
    dock: FolderDock, images: Path, qtbot: Any
) -> None:
    dock.form.images.set_folder(images)
    wait(qtbot, dock)
    dock.setParent(None)
    dock.setFixedSize(QSize(350, 700))
    dock.show()
    qtbot.wait(50)
    assert spills(dock) == []
    (area,) = (x for x in dock.findChildren(QScrollArea) if not isinstance(x, FileTable))
    assert area.widget().minimumSizeHint().width() <= area.viewport().width()
    assert area.verticalScrollBar().maximum() == 0
    dock.close()


def test_without_a_table_the_form_stays_together(dock: FolderDock, qtbot: Any) -> None:
    dock.setParent(None)
    dock.setFixedSize(QSize(350, 700))
    dock.show()
    qtbot.wait(50)
    assert dock.form.height() <= dock.form.sizeHint().height()
    dock.close()
