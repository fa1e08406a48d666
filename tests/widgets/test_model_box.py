"""The list of models."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_maskrcnn.models import add_model, remove_model
from napari_maskrcnn.widgets.model_box import OPEN_FILE, ModelBox


@pytest.fixture
def box(qtbot: Any, tiny_model: str) -> ModelBox:
    made = ModelBox()
    qtbot.addWidget(made)
    return made


def texts(box: ModelBox) -> list[str]:
    return [box.itemText(i) for i in range(box.count())]


def test_models_then_a_download_then_a_file(box: ModelBox) -> None:
    assert texts(box) == ["nuclei", "tiny", "coco (download, 178 MB)", OPEN_FILE]
    assert box.value() == "nuclei"


def test_a_model_added_in_a_thread_appears_at_once(
    box: ModelBox, qtbot: Any, user_folder: Path
) -> None:
    path = user_folder / "models" / "tiny.safetensors"
    thread = threading.Thread(target=add_model, args=(path, "mine"))
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: "mine" in texts(box))
    assert box.value() == "nuclei"


def test_a_removed_model_is_gone_and_another_chosen(box: ModelBox) -> None:
    box.set_value("tiny")
    remove_model("tiny")
    assert "tiny" not in texts(box)
    assert box.value() == "nuclei"


def test_a_list_that_was_closed_is_no_obstacle(
    box: ModelBox, qtbot: Any, user_folder: Path
) -> None:
    closed = ModelBox()
    closed.deleteLater()
    qtbot.wait(10)
    add_model(user_folder / "models" / "tiny.safetensors", "mine")
    assert "mine" in texts(box)


def test_a_file_can_be_opened(
    box: ModelBox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = str(tmp_path / "other.safetensors")
    chosen = iter([(path, ""), ("", "")])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: next(chosen))
    said: list[str] = []
    box.chosen.connect(said.append)
    for _ in range(2):
        box.setCurrentIndex(box.findText(OPEN_FILE))
        box.activated.emit(box.currentIndex())
    assert box.value() == path
    assert box.currentText() == "other.safetensors"
    assert said == [path, path]


def test_only_a_missing_coco_needs_a_download(box: ModelBox, user_folder: Path) -> None:
    assert not box.needs_download()
    box.set_value("coco")
    assert box.needs_download()
    (user_folder / "models" / "coco.safetensors").write_bytes(b"there")
    assert not box.needs_download()
