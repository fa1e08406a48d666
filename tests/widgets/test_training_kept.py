"""A training of the window: paused, closed, crashed, continued; and what else goes on."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.models import ModelCard
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.fine_tune import FineTuneResult
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.stored import StoredTraining, stopped_trainings, trainings_folder
from napari_maskrcnn.widgets.fine_tune_widget import UNDECIDED, FineTuneWidget
from napari_maskrcnn.widgets.job_row import PAUSED
from napari_maskrcnn.widgets.proof_layers import AFTER, BEFORE
from tests.widgets.predicting import docked as predict_tab
from tests.widgets.predicting import predict


@pytest.fixture
def viewer(make_napari_viewer: Any, nuclei: tuple[Any, Any]) -> Any:
    shown = make_napari_viewer()
    shown.add_image(nuclei[0], name="cells")
    shown.add_labels(nuclei[1].copy(), name="cells truth")
    return shown


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tiny_network: Any) -> list[dict[str, Any]]:
    """Replace the training by two quick steps that leave a checkpoint; how it was called."""
    got: list[dict[str, Any]] = []

    def job(examples: Any, settings: Any, **options: Any) -> Job[Any]:
        got.append({"examples": examples, "settings": settings, **options})
        if settings.seed == 13:
            raise ValueError("There is no model 'lost'.")
        rows = [{"step": step, "loss": 1.0, "seconds": 1.0} for step in (1, 2)]
        for row in rows:
            options["checkpoint"].write_bytes(b"state")
            yield Progress(row["step"], 2, "Loss", row)
        device = import_module("torch").device("cpu")
        model = Model(
            tiny_network, ModelCard("untitled", base=settings.base, score=0.3), None, device
        )
        scores = {"ap50": 0.5, "ap75": 0.5, "objects": 2, "missed": 1, "extra": 0}
        return FineTuneResult(
            model, tuple(rows), scores, scores, True, held=tuple(examples), base=lambda: model
        )

    monkeypatch.setattr(import_module("napari_maskrcnn.train.fine_tune"), "fine_tune_job", job)
    return got


def docked(viewer: Any) -> FineTuneWidget:
    widget = FineTuneWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Fine-tune")
    widget.form.base.set_value("tiny")
    return widget


def press(qtbot: Any, widget: FineTuneWidget) -> None:
    widget.row.button.click()
    qtbot.waitUntil(lambda: not widget.runner.running)


def crashed(nuclei: tuple[Any, Any], **settings: Any) -> StoredTraining:
    """What a window that crashed leaves behind."""
    left = StoredTraining()
    left.take()
    left.write([Example(*nuclei, "liver")], TrainSettings(base="tiny", **settings))
    left.release()
    return left


def offered(qtbot: Any, widget: FineTuneWidget) -> list[str]:
    """Names of the first example of what is offered after another look."""
    qtbot.waitUntil(lambda: not widget.resume.runner.running)
    widget.resume.search()
    qtbot.waitUntil(lambda: not widget.resume.runner.running)
    return [offer.names[0] for offer in widget.resume.offers]


@pytest.mark.parametrize("decision", ["accept", "discard"])
def test_a_training_is_kept_until_it_is_decided_upon(
    viewer: Any, qtbot: Any, tiny_model: str, calls: list[Any], decision: str
) -> None:
    widget = docked(viewer)
    press(qtbot, widget)
    (call,) = calls
    (folder,) = trainings_folder().iterdir()
    assert call["checkpoint"] == folder / "checkpoint"
    assert len(list(folder.glob("*-image.npy"))) == 1
    # It lives: no window takes it for one that a crash left.
    assert offered(qtbot, widget) == []
    getattr(widget.proof, decision).click()
    qtbot.waitUntil(lambda: not widget.saver.running and widget._result is None)
    assert list(trainings_folder().iterdir()) == []


def test_an_undecided_proof_is_not_replaced(
    viewer: Any, qtbot: Any, tiny_model: str, calls: list[Any], notes: list[str]
) -> None:
    widget = docked(viewer)
    press(qtbot, widget)
    widget.row.button.click()
    assert notes == [f"info: {UNDECIDED}"]
    assert len(calls) == 1
    assert widget.proof.isVisibleTo(widget)


def test_what_a_crash_left_is_continued_with_its_own_labels(
    viewer: Any, qtbot: Any, tiny_model: str, calls: list[Any], nuclei: tuple[Any, Any]
) -> None:
    left = crashed(nuclei, epochs=7)
    widget = docked(viewer)
    assert offered(qtbot, widget) == ["liver"]
    assert "“tiny” on liver" in widget.resume.text.text()
    viewer.layers["cells truth"].data[:] = 0
    widget.resume.go_on.click()
    qtbot.waitUntil(lambda: widget._result is not None)
    (call,) = calls
    assert call["resume"]
    assert call["settings"].epochs == 7
    np.testing.assert_array_equal(call["examples"][0].labels, nuclei[1])
    assert not widget.resume.isVisibleTo(widget)
    assert not widget.form.isVisibleTo(widget)
    widget.proof.discard.click()
    assert not left.path.exists()
    assert widget.form.isVisibleTo(widget)
    assert widget.row.isVisibleTo(widget)


def test_discarding_removes_what_a_crash_left(
    viewer: Any, qtbot: Any, tiny_model: str, nuclei: tuple[Any, Any]
) -> None:
    folders = [crashed(nuclei).path for _ in range(2)]
    widget = docked(viewer)
    assert offered(qtbot, widget) == ["liver", "liver"]
    assert "Then 1 more" in widget.resume.text.text()
    widget.resume.discard.click()
    assert sum(folder.exists() for folder in folders) == 1
    assert widget.resume.isVisibleTo(widget)
    widget.resume.discard.click()
    assert list(trainings_folder().iterdir()) == []
    assert not widget.resume.isVisibleTo(widget)


def test_what_another_window_took_meanwhile_is_not_touched(
    viewer: Any,
    qtbot: Any,
    tiny_model: str,
    calls: list[Any],
    nuclei: tuple[Any, Any],
    notes: list[str],
) -> None:
    left = crashed(nuclei)
    widget = docked(viewer)
    offered(qtbot, widget)
    left.take()
    widget.resume.go_on.click()
    qtbot.waitUntil(lambda: bool(notes) and not widget.runner.running)
    assert "being continued in another window" in notes[0]
    assert len(left.read()[0]) == 1
    assert not calls
    left.release()


def test_a_continuation_that_fails_can_be_tried_again(
    viewer: Any,
    qtbot: Any,
    tiny_model: str,
    calls: list[Any],
    nuclei: tuple[Any, Any],
    notes: list[str],
) -> None:
    crashed(nuclei, seed=13)
    widget = docked(viewer)
    offered(qtbot, widget)
    widget.resume.go_on.click()
    qtbot.waitUntil(lambda: bool(notes) and not widget.runner.running)
    assert "no model 'lost'" in notes[0]
    assert offered(qtbot, widget) == ["liver"]


def test_closing_with_an_undecided_proof_offers_it_the_next_time(
    viewer: Any, qtbot: Any, tiny_model: str, calls: list[Any]
) -> None:
    widget = docked(viewer)
    press(qtbot, widget)
    widget.parent().destroyOnClose()
    (left,) = stopped_trainings(trainings_folder())
    assert left.names == ("cells truth",)


def test_closing_while_the_model_is_saved_saves_it_and_offers_nothing(
    viewer: Any, qtbot: Any, tiny_model: str, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = import_module("napari_maskrcnn.models.folder")
    add, may_save = folder.add_model, threading.Event()

    def slow(*options: Any) -> Any:
        may_save.wait(60)
        return add(*options)

    monkeypatch.setattr(folder, "add_model", slow)
    widget = docked(viewer)
    press(qtbot, widget)
    widget.proof.name.setText("mine")
    widget.proof.accept.click()
    assert not widget.proof.accept.isEnabled()
    assert not widget.proof.discard.isEnabled()
    widget.parent().destroyOnClose()
    may_save.set()
    root = trainings_folder()
    qtbot.waitUntil(lambda: not list(root.iterdir()))
    assert "mine" in [entry.name for entry in folder.list_models()]


def test_a_disk_that_takes_nothing_is_told_and_the_training_runs(
    viewer: Any, qtbot: Any, tiny_model: str, calls: list[Any], notes: list[str], monkeypatch: Any
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(StoredTraining, "write", full)
    monkeypatch.setattr(import_module("pathlib").Path, "write_bytes", lambda *_: 0)
    widget = docked(viewer)
    calls.clear()
    widget.row.button.click()
    qtbot.waitUntil(lambda: bool(calls) and not widget.runner.running)
    assert calls[0]["checkpoint"] is None
    assert any("No space left" in note for note in notes)


def test_the_difference_is_shown_and_taken_away(
    viewer: Any, qtbot: Any, tiny_model: str, calls: list[Any]
) -> None:
    widget = docked(viewer)
    press(qtbot, widget)
    box = widget.proof
    box.show_button.click()
    qtbot.waitUntil(lambda: BEFORE in viewer.layers)
    assert "found" in box.legend.text()
    np.testing.assert_array_equal(viewer.layers[BEFORE].data, viewer.layers[AFTER].data)
    box.show_button.click()
    assert [layer.name for layer in viewer.layers] == ["cells", "cells truth"]
    box.show_button.click()  # known already
    assert AFTER in viewer.layers
    box.discard.click()
    assert [layer.name for layer in viewer.layers] == ["cells", "cells truth"]
    qtbot.waitUntil(lambda: not widget.view.runner.running)


def test_prediction_and_painting_go_on_beside_a_real_training(
    viewer: Any, qtbot: Any, tiny_model: str
) -> None:
    widget, tab = docked(viewer), predict_tab(viewer, tiny_model)
    widget.form.unit.setCurrentText("epochs")
    widget.form.budget.setValue(1000)
    predict(qtbot, tab)
    before = viewer.layers["cells instances"].data.copy()
    viewer.layers.remove("cells instances")
    widget.row.button.click()
    qtbot.waitUntil(lambda: len(widget.plot) > 0)
    predict(qtbot, tab)
    viewer.layers["cells truth"].paint((5, 5), 1)
    np.testing.assert_array_equal(viewer.layers["cells instances"].data, before)
    assert widget.runner.running
    # A second "Continue" beside that of the pause would only confuse.
    assert not widget.resume.isEnabled()
    widget.row.pause.click()
    assert widget.row.message.text() == PAUSED
    assert widget.row.pause.text() == "Continue"
    widget.row.cancel.click()
    qtbot.waitUntil(lambda: not widget.runner.running)
    assert widget.resume.isEnabled()
    assert widget.proof.title.text().startswith("Cancelled after ")
    assert widget.proof.accept.isEnabled()
    widget.proof.discard.click()
