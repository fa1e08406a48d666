"""What can go wrong while predicting: each ends in one clear message, and nothing is lost."""

from __future__ import annotations

import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils import progress
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QMessageBox

from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.widgets import predict_work
from napari_maskrcnn.widgets.choice_box import NOTHING
from napari_maskrcnn.widgets.predict_widget import GONE, NO_IMAGE, PredictWidget
from tests.widgets.predicting import docked, predict


def test_without_an_image_there_is_one_message(make_napari_viewer: Any, notes: list[str]) -> None:
    widget = PredictWidget(make_napari_viewer())
    widget.row.button.click()
    assert notes == [f"error: {NO_IMAGE}"]
    assert widget.row.button.isEnabled()


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.ones((1, 1), np.uint8), "at least 4"),
        (np.full((32, 32), np.nan), "finite"),
    ],
    ids=["one pixel", "NaN"],
)
def test_an_image_that_cannot_be_used(
    make_napari_viewer: Any,
    qtbot: Any,
    tiny_model: str,
    notes: list[str],
    pixels: Any,
    message: str,
) -> None:
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((8, 8)), name="odd")
    image.data = pixels
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    assert len(notes) == 1
    assert message in notes[0]
    assert len(viewer.layers) == 1


def test_a_constant_image_has_no_objects(
    make_napari_viewer: Any, qtbot: Any, tiny_model: str, notes: list[str]
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(np.full((40, 40), 7, np.uint8), name="flat", contrast_limits=(0, 255))
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    assert notes == []
    assert widget.choice.count.text() == "0 objects"
    assert widget.choice.note.text() == NOTHING
    assert not viewer.layers["flat instances"].data.any()


def test_three_dimensions_are_refused(
    make_napari_viewer: Any, tiny_model: str, notes: list[str]
) -> None:
    viewer = make_napari_viewer(ndisplay=3)
    viewer.add_image(np.zeros((4, 16, 16)))
    docked(viewer, tiny_model).row.button.click()
    assert len(notes) == 1
    assert "Switch to 2D" in notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty file"), (b"II*\x00 a picture", "TIFF image"), (b"PK\x03\x04 zip", "zip archive")],
    ids=["empty", "picture", "zip"],
)
def test_a_foreign_weights_file(
    viewer: Any, qtbot: Any, notes: list[str], tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    widget = docked(viewer, str(path))
    predict(qtbot, widget)
    assert len(notes) == 1
    assert message in notes[0]
    assert len(viewer.layers) == 1


def test_a_truncated_weights_file(
    viewer: Any, qtbot: Any, notes: list[str], tiny_model: str, user_folder: Path
) -> None:
    path = user_folder / "models" / "tiny.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    widget = docked(viewer, "tiny")
    predict(qtbot, widget)
    assert len(notes) == 1
    assert str(path) in notes[0]


def test_coco_is_downloaded_only_after_asking(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def question(parent: Any, title: str, text: str, *rest: Any) -> Any:
        asked.append(text)
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", question)
    widget = docked(viewer, "coco")
    widget.row.button.click()
    assert len(asked) == 1
    assert "178 MB" in asked[0]
    assert not widget.runner.running
    assert widget.row.button.isEnabled()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let a prediction last until it is stopped; set once it runs."""
    running = threading.Event()

    def job(image: Any, settings: Any, model: Any, stop: threading.Event, *_: Any) -> Job[Any]:
        from napari_maskrcnn.instances import Instances

        while not stop.wait(0.005):
            running.set()
            yield Progress(0, 1, "Tile 1 of 9")
        return Instances.empty((128, 128), model.class_names)

    monkeypatch.setattr(import_module("napari_maskrcnn.predict.plane"), "predict_job", job)
    return running


def test_cancel_changes_nothing(
    viewer: Any, qtbot: Any, tiny_model: str, slow: threading.Event, notes: list[str]
) -> None:
    widget = docked(viewer, tiny_model)
    widget.row.button.click()
    qtbot.waitUntil(slow.is_set)
    widget.row.cancel.click()
    qtbot.waitUntil(widget.row.button.isEnabled)
    assert notes == ["info: Prediction cancelled; nothing was changed."]
    assert len(viewer.layers) == 1


def test_closing_the_dock_ends_the_prediction(
    viewer: Any, qtbot: Any, tiny_model: str, slow: threading.Event, notes: list[str]
) -> None:
    widget = docked(viewer, tiny_model)
    widget.row.button.click()
    qtbot.waitUntil(slow.is_set)
    widget.parent().destroyOnClose()
    qtbot.waitUntil(lambda: not widget.runner.running)
    assert notes[0] == "info: Predict cells was stopped because its window was closed."
    assert len(viewer.layers) == 1
    assert len(progress._all_instances) == 0


def test_closing_the_viewer_ends_the_prediction(
    viewer: Any, qtbot: Any, tiny_model: str, slow: threading.Event
) -> None:
    widget = docked(viewer, tiny_model)
    widget.row.button.click()
    qtbot.waitUntil(slow.is_set)
    viewer.close()
    assert QThreadPool.globalInstance().waitForDone(10_000)
    qtbot.waitUntil(lambda: len(progress._all_instances) == 0)


def test_an_image_removed_meanwhile_leaves_nothing_behind(
    viewer: Any, qtbot: Any, tiny_model: str, slow: threading.Event, notes: list[str]
) -> None:
    widget = docked(viewer, tiny_model)
    widget.row.button.click()
    qtbot.waitUntil(slow.is_set)
    viewer.layers.remove("cells")
    qtbot.waitUntil(widget.row.button.isEnabled)
    assert len(viewer.layers) == 0
    assert notes == [f"info: {GONE.format('cells')}"]


@pytest.mark.parametrize(
    ("now", "said"),
    [((30, 50), "from (128, 128) to (30, 50) pixels"), ((3, 30, 50), "from 2 to 3 axes")],
)
def test_an_image_replaced_meanwhile_is_said(
    viewer: Any,
    qtbot: Any,
    tiny_model: str,
    notes: list[str],
    now: tuple[int, ...],
    said: str,
) -> None:
    widget = docked(viewer, tiny_model)
    widget.row.button.click()
    viewer.layers["cells"].data = np.zeros(now, np.uint8)
    qtbot.waitUntil(widget.row.button.isEnabled)
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert len(notes) == 1
    assert f"changed {said} while it was predicted" in notes[0]


def test_what_ended_a_prediction_early_is_said_and_the_rest_kept(
    viewer: Any, qtbot: Any, tiny_model: str, monkeypatch: pytest.MonkeyPatch, notes: list[str]
) -> None:
    whole = predict_work.predict_planes_job

    def broken(*words: Any) -> Any:
        kept = yield from whole(*words[:-1])
        words[-1](OSError("the file ends here"))
        return kept

    monkeypatch.setattr(predict_work, "predict_planes_job", broken)
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    assert widget.header.labels.layer().data.any()
    assert "Only part of the image was predicted: the file ends here. What" in notes[-1]
