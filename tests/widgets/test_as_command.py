"""*Copy as command* of predictions: it gives the same labels, or it is not offered."""

from __future__ import annotations

import os
import shlex
import shutil
import threading
from pathlib import Path
from typing import Any

import dask.array as da
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QApplication

from napari_maskrcnn.cli import main
from napari_maskrcnn.formats import read_file, read_labels, read_table
from napari_maskrcnn.models.folder import find_model
from napari_maskrcnn.widgets.as_command import quoted
from napari_maskrcnn.widgets.export_widget import ExportWidget
from napari_maskrcnn.widgets.panel import MaskRCNNPanel


@pytest.fixture
def image_file(tmp_path: Path, nuclei: tuple[Any, Any]) -> Path:
    path = tmp_path / "my images & more" / "it's a dish.png"
    path.parent.mkdir()
    iio.imwrite(path, np.stack([nuclei[0] // 2, nuclei[0], nuclei[0] // 3], -1))
    return path


@pytest.fixture
def panel(make_napari_viewer: Any, image_file: Path, qtbot: Any, tiny_model: str) -> MaskRCNNPanel:
    """A prediction of a colour image with every setting away from its default."""
    viewer = make_napari_viewer()
    viewer.open(str(image_file))
    made = MaskRCNNPanel(viewer)
    viewer.window.add_dock_widget(made, name="Mask R-CNN")
    made.header.models.set_value(tiny_model)
    made.predict.form.diameter.set_value(20)
    made.predict.form.channels.box.setCurrentText("Green")
    made.predict.row.button.click()
    qtbot.waitUntil(made.predict.row.button.isEnabled)
    scores = made.predict.choice
    scores.score.setValue(0.4)
    low, high = scores.diameters.minimum() + 3, scores.diameters.maximum() - 2
    scores.diameters.setValue((low, high))
    return made


def copied(panel: MaskRCNNPanel, qtbot: Any) -> str:
    QApplication.clipboard().clear()
    panel.export.copy.click()
    qtbot.waitUntil(panel.export.copy.isEnabled)
    return QApplication.clipboard().text()


def run(text: str) -> None:
    for line in text.split(" && "):
        program, *words = shlex.split(line)
        assert program == "napari-maskrcnn"
        assert main(words) == 0


def choose(panel: MaskRCNNPanel, name: str, path: Path) -> None:
    boxes = panel.export.formats
    boxes.setCurrentIndex([boxes.itemData(i).name for i in range(boxes.count())].index(name))
    panel.export.path.setText(str(path))


def test_the_command_predicts_and_exports_the_same(
    panel: MaskRCNNPanel, qtbot: Any, tmp_path: Path
) -> None:
    labels = panel.header.labels.layer()
    assert len(np.unique(labels.data)) > 2
    (tmp_path / "window").mkdir()
    choose(panel, "csv", tmp_path / "window" / "table.csv")
    panel.export.row.button.click()
    qtbot.waitUntil(panel.export.row.button.isEnabled)
    choose(panel, "csv", tmp_path / "it's" / "table.csv")
    run(copied(panel, qtbot))
    predicted = tmp_path / "it's" / "it's a dish_labels.tif"
    np.testing.assert_array_equal(read_labels(predicted), labels.data)
    ours, theirs = (read_table(tmp_path / f / "table.csv") for f in ("window", "it's"))
    assert len(ours) == len(np.unique(labels.data)) - 1
    assert ours.equals(theirs)


def test_both_say_that_the_labels_come_from_the_same(
    panel: MaskRCNNPanel, qtbot: Any, tmp_path: Path
) -> None:
    choose(panel, "tiff", tmp_path / "a.tif")
    panel.export.row.button.click()
    qtbot.waitUntil(panel.export.row.button.isEnabled)
    folder = tmp_path / "again"
    choose(panel, "tiff", folder / "it's a dish_labels.tif")
    text = copied(panel, qtbot)
    assert " && " not in text
    run(text)
    window = read_file(tmp_path / "a.tif").provenance
    command = read_file(folder / "it's a dish_labels.tif").provenance
    assert window is not None
    assert command is not None
    counts = window.pop("corrections")
    assert (counts["unchanged"] > 0, sum(counts.values()) - counts["unchanged"]) == (True, 0)
    for record in (window, command):
        record.pop("created")
    assert window == command
    assert window["image"]["name"] == "it's a dish.png"
    assert window["settings"]["channels"] == [1]
    assert window["settings"]["min_size"] > 0


@pytest.mark.parametrize("change", ["labels", "pixels", "file", "model", "gone"])
def test_what_is_no_longer_the_same_is_not_offered(
    panel: MaskRCNNPanel, image_file: Path, qtbot: Any, notes: list[str], change: str
) -> None:
    labels, image = panel.header.labels.layer(), panel.header.images.layer()
    panel.export.path.setText(str(image_file.parent / "out.tif"))
    assert copied(panel, qtbot).startswith("napari-maskrcnn predict ")
    if change == "labels":
        labels.data_setitem((np.array([0]), np.array([0])), 99)
    elif change == "pixels":
        image.data = image.data // 2
    elif change == "file":
        iio.imwrite(image_file, np.zeros((128, 128, 3), np.uint8))
    elif change == "model":
        model = find_model("tiny")
        shutil.copy(model, model.with_name("other.safetensors"))
        os.truncate(model, 1000)
    else:
        image_file.unlink()
    assert copied(panel, qtbot) == ""
    assert notes[-1].startswith("error: The command reads labels from a file")


def test_corrected_labels_are_exported_from_their_file(
    panel: MaskRCNNPanel, qtbot: Any, tmp_path: Path
) -> None:
    labels = panel.header.labels.layer()
    labels.data_setitem(np.nonzero(labels.data == 1), 0)
    choose(panel, "tiff", tmp_path / "corrected.tif")
    panel.export.row.button.click()
    qtbot.waitUntil(panel.export.row.button.isEnabled)
    choose(panel, "csv", tmp_path / "table.csv")
    text = copied(panel, qtbot)
    assert shlex.split(text)[1:3] == ["export", str(tmp_path / "corrected.tif")]
    run(text)
    assert 1 not in read_table(tmp_path / "table.csv")["index"].tolist()
    said = read_file(tmp_path / "corrected.tif").provenance
    assert said is not None
    assert said["corrections"]["removed"] == 1


def test_words_are_quoted_for_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["napari-maskrcnn", "export", "a b/$HOME; rm 'x'.tif", "--output", "ü.csv"]
    assert shlex.split(quoted(words)) == words
    monkeypatch.setattr("sys.platform", "win32")
    assert quoted(["a", r"C:\my files\x.tif"]) == r'a "C:\my files\x.tif"'


def test_a_stack_is_exported_from_its_file_only(
    make_napari_viewer: Any, qtbot: Any, tiny_model: str, tmp_path: Path, notes: list[str]
) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (2, 64, 64), np.uint8))
    viewer = make_napari_viewer()
    viewer.open(str(path))
    panel = MaskRCNNPanel(viewer)
    viewer.window.add_dock_widget(panel)
    panel.header.models.set_value(tiny_model)
    panel.predict.row.button.click()
    qtbot.waitUntil(panel.predict.row.button.isEnabled)
    assert copied(panel, qtbot) == ""
    assert notes[-1].startswith("error: The command reads labels from a file")


def test_files_are_read_and_lazy_labels_computed_beside_the_window(
    make_napari_viewer: Any, qtbot: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    returned = threading.Event()
    waited: list[bool] = []

    def read(block: np.ndarray) -> np.ndarray:
        waited.append(returned.wait(2))
        return block

    def press(button: Any) -> None:
        returned.clear()
        button.click()
        returned.set()
        qtbot.waitUntil(button.isEnabled)

    returned.set()
    lazy = da.ones((8, 9), dtype=np.int32).map_blocks(read, dtype=np.int32)
    viewer.add_labels(lazy, name="lazy")
    export = ExportWidget(viewer)
    viewer.window.add_dock_widget(export)
    export.path.setText(str(tmp_path / "lazy.tif"))
    press(export.row.button)
    assert np.array_equal(read_labels(tmp_path / "lazy.tif"), np.ones((8, 9)))
    export.path.setText(str(tmp_path / "again.tif"))
    press(export.copy)
    assert "lazy.tif" in QApplication.clipboard().text()
    assert waited
    assert all(waited)
