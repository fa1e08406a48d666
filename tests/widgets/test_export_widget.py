"""The Export tab: files written and read back, questions before replacing, full disks."""

from __future__ import annotations

import errno
import json
import os
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_maskrcnn.formats import read_labels, read_table
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.widgets.export_widget import NO_LABELS, ExportWidget

YES, NO = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No


@pytest.fixture
def widget(make_napari_viewer: Any, nuclei: tuple[Any, Any], tmp_path: Path) -> ExportWidget:
    viewer = make_napari_viewer()
    image, labels = nuclei
    table = Instances.from_labels(labels, ("nucleus",)).to_table()
    micrometres = {"scale": (0.5, 0.5), "units": ("um", "um")}
    viewer.add_image(image, name="cells", **micrometres)
    viewer.add_labels(labels, name="cells instances", features=table, **micrometres)
    export = ExportWidget(viewer)
    viewer.window.add_dock_widget(export, name="Export")
    export.path.setText(str(tmp_path / "out.tif"))
    return export


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the next question is answered with; the questions come after it."""
    said: list[Any] = [NO]

    def question(parent: Any, title: str, text: str, *rest: Any) -> Any:
        said.append(text)
        return said[0]

    monkeypatch.setattr(QMessageBox, "question", question)
    return said


def press(qtbot: Any, widget: ExportWidget) -> None:
    widget.row.button.click()
    qtbot.waitUntil(widget.row.button.isEnabled)


def copy(qtbot: Any, widget: ExportWidget) -> None:
    widget.copy.click()
    qtbot.waitUntil(widget.copy.isEnabled)


def choose(widget: ExportWidget, name: str) -> None:
    names = [widget.formats.itemData(i).name for i in range(widget.formats.count())]
    widget.formats.setCurrentIndex(names.index(name))


def test_labels_come_back_as_they_were(
    widget: ExportWidget, qtbot: Any, tmp_path: Path, nuclei: tuple[Any, Any]
) -> None:
    press(qtbot, widget)
    path = tmp_path / "out.tif"
    assert np.array_equal(read_labels(path), nuclei[1])
    assert widget.note.text() == f"Written: {path}"


def test_the_pixel_size_is_in_the_file(widget: ExportWidget, qtbot: Any, tmp_path: Path) -> None:
    import tifffile

    press(qtbot, widget)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        pixels, unit = file.pages[0].tags["XResolution"].value
        assert (pixels / unit, file.imagej_metadata["unit"]) == (2, "um")


def test_a_table_has_classes_and_intensities(
    widget: ExportWidget, qtbot: Any, tmp_path: Path, nuclei: tuple[Any, Any]
) -> None:
    choose(widget, "csv")
    assert widget.path.text() == str(tmp_path / "cells_labels.csv")
    press(qtbot, widget)
    table = read_table(tmp_path / "cells_labels.csv")
    assert len(table) == nuclei[1].max()
    assert set(table["class"]) == {"nucleus"}
    column = next(name for name in table.columns if "mean" in name)
    assert table[column].iloc[0] == pytest.approx(nuclei[0][nuclei[1] == 1].mean(), rel=1e-4)


def test_labels_of_another_shape_are_exported_without_the_image(
    widget: ExportWidget, qtbot: Any, tmp_path: Path
) -> None:
    widget.viewer.add_image(np.zeros((9, 9)), name="small")
    assert widget.header.images.layer().name == "small"
    choose(widget, "csv")
    press(qtbot, widget)
    assert not [c for c in read_table(tmp_path / "cells_labels.csv").columns if "mean" in c]


def test_a_file_is_replaced_only_after_asking(
    widget: ExportWidget, qtbot: Any, tmp_path: Path, answer: list[Any]
) -> None:
    path = tmp_path / "out.tif"
    path.write_text("my only copy")
    widget.row.button.click()
    assert answer[1] == f"{path} exists. Replace it?"
    assert path.read_text() == "my only copy"
    assert not widget.runner.running
    answer[0] = YES
    press(qtbot, widget)
    assert read_labels(path).any()


def test_without_labels_or_a_name_there_is_a_message(
    make_napari_viewer: Any, notes: list[str]
) -> None:
    viewer = make_napari_viewer()
    widget = ExportWidget(viewer)
    widget.row.button.click()
    viewer.add_labels(np.ones((4, 4), int))
    widget.reset_choices()
    widget.path.clear()
    widget.row.button.click()
    assert notes == [
        f"error: {NO_LABELS}",
        "error: Name the file to write: type it, or press Browse.",
    ]


def test_a_folder_that_does_not_exist(
    widget: ExportWidget, qtbot: Any, tmp_path: Path, notes: list[str], answer: list[Any]
) -> None:
    path = tmp_path / "new" / "deep" / "out.tif"
    widget.path.setText(str(path))
    press(qtbot, widget)
    assert answer[1] == f"There is no folder {path.parent} yet. Create it?"
    assert list(tmp_path.iterdir()) == []
    answer[0] = YES
    press(qtbot, widget)
    assert path.is_file()
    path.write_text("no folder")
    widget.path.setText(str(path / "sub" / "out.tif"))
    press(qtbot, widget)
    assert "choose another folder." in notes[-1]


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "is not allowed")],
    ids=["full disk", "read-only folder"],
)
def test_a_disk_that_cannot_be_written(
    widget: ExportWidget,
    qtbot: Any,
    tmp_path: Path,
    notes: list[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: list[Any],
    number: int,
    message: str,
) -> None:
    path = tmp_path / "out.tif"
    path.write_text("my only copy")
    answer[0] = YES

    def fail(*arguments: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    press(qtbot, widget)
    assert len(notes) == 1
    assert message in notes[0]
    assert path.read_text() == "my only copy"
    assert os.listdir(tmp_path) == ["out.tif"]


def test_painting_goes_on_while_the_file_is_written(
    widget: ExportWidget, qtbot: Any, tmp_path: Path, nuclei: tuple[Any, Any]
) -> None:
    truth = nuclei[1].copy()
    widget.row.button.click()
    widget.header.labels.layer().data[:] = 0
    qtbot.waitUntil(widget.row.button.isEnabled)
    assert np.array_equal(read_labels(tmp_path / "out.tif"), truth)


def test_the_command_does_the_same(
    widget: ExportWidget, qtbot: Any, tmp_path: Path, notes: list[str]
) -> None:
    from napari_maskrcnn.cli import main

    copy(qtbot, widget)
    assert notes[0].startswith("error: The command reads labels from a file")
    press(qtbot, widget)
    choose(widget, "csv")
    widget.path.setText(str(tmp_path / "a table.csv"))
    copy(qtbot, widget)
    words = shlex.split(QApplication.clipboard().text())
    assert words == [
        "napari-maskrcnn",
        "export",
        str(tmp_path / "out.tif"),
        "--output",
        str(tmp_path / "a table.csv"),
        "--pixel-size",
        "0.5,0.5",
    ]
    assert main(words[1:]) == 0
    assert len(read_table(tmp_path / "a table.csv")) > 0


def test_labels_that_were_opened_and_changed_are_not_taken_from_their_file(
    widget: ExportWidget, qtbot: Any, tmp_path: Path, notes: list[str]
) -> None:
    press(qtbot, widget)
    widget.viewer.layers.clear()
    (labels,) = widget.viewer.open(str(tmp_path / "out.tif"), layer_type="labels")
    widget.path.setText(str(tmp_path / "table.csv"))
    choose(widget, "csv")
    copy(qtbot, widget)
    assert str(tmp_path / "out.tif") in QApplication.clipboard().text()
    labels.data_setitem((np.array([0]), np.array([0])), 9)
    copy(qtbot, widget)
    assert notes[-1].startswith("error: The command reads labels from a file")


def test_the_record_beside_a_table_is_not_replaced_without_asking(
    widget: ExportWidget, qtbot: Any, tmp_path: Path, answer: list[Any]
) -> None:
    choose(widget, "csv")
    record = tmp_path / "cells_labels.csv.provenance.json"
    record.write_text("mine")
    press(qtbot, widget)
    assert answer[1] == f"{record} exists. Replace it?"
    assert record.read_text() == "mine"
    answer[0] = YES
    press(qtbot, widget)
    said = json.loads(record.read_text())
    assert said["image"]["name"] == "cells"
    assert "model" not in said


def test_browse_fills_in_the_path(widget: ExportWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = iter([("/somewhere/new.tif", ""), ("", "")])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: next(chosen))
    widget.browse.click()
    assert widget.path.text() == "/somewhere/new.tif"
    widget.browse.click()
    assert widget.path.text() == "/somewhere/new.tif"


def test_a_command_never_names_a_file_of_other_labels(
    widget: ExportWidget, qtbot: Any, notes: list[str]
) -> None:
    """Neither what was painted since, nor a layer chosen while the export ran, is in the file."""
    viewer = widget.viewer
    other = viewer.add_labels(np.eye(64, dtype=int), name="other")
    first = viewer.layers["cells instances"]
    widget.header.labels.choose(first)
    widget.path.setText(str(Path(widget.path.text()).with_name("first.tif")))
    widget.row.button.click()
    widget.header.labels.choose(other)
    qtbot.waitUntil(widget.row.button.isEnabled)
    copy(qtbot, widget)
    assert notes[-1].startswith("error: The command reads labels from a file")
    widget.header.labels.choose(first)
    copy(qtbot, widget)
    assert "first.tif" in QApplication.clipboard().text()
    first.data_setitem((np.array([0]), np.array([0])), 9)
    copy(qtbot, widget)
    assert notes[-1].startswith("error: The command reads labels from a file")


def test_a_folder_or_another_suffix_is_refused_before_anything_is_asked(
    widget: ExportWidget, qtbot: Any, tmp_path: Path, notes: list[str], answer: list[Any]
) -> None:
    for text, message in (
        (str(tmp_path), "is a folder. Name a file in it."),
        (str(tmp_path / "x.foo"), "x.foo does not end like a file of the format"),
    ):
        widget.path.setText(text)
        press(qtbot, widget)
        assert message in notes[-1]
    assert answer == [NO]
    assert list(tmp_path.iterdir()) == []
