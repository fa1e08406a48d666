"""The Fine-tune tab: pairs, settings, the curve, the proof, and labels that cannot be learnt."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.models import ModelCard, list_models
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.fine_tune import FineTuneResult
from napari_maskrcnn.train.labelled import examples_of
from napari_maskrcnn.widgets.fine_tune_widget import FineTuneWidget
from napari_maskrcnn.widgets.learn_box import NOTHING
from napari_maskrcnn.widgets.model_box import ModelBox
from napari_maskrcnn.widgets.pairs import snapshot
from napari_maskrcnn.widgets.proof_box import NO_PROOF, UNMEASURED, ProofBox


@pytest.fixture
def viewer(make_napari_viewer: Any, nuclei: tuple[Any, Any]) -> Any:
    shown = make_napari_viewer()
    shown.add_image(nuclei[0], name="cells")
    shown.add_labels(nuclei[1].copy(), name="cells truth")
    return shown


def docked(viewer: Any, model: str = "tiny") -> FineTuneWidget:
    widget = FineTuneWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Fine-tune")
    widget.form.base.set_value(model)
    widget.form.unit.setCurrentText("epochs")
    widget.form.budget.setValue(1)
    return widget


def press(qtbot: Any, widget: FineTuneWidget) -> None:
    widget.row.button.click()
    qtbot.waitUntil(widget.row.button.isEnabled)


def names(widget: FineTuneWidget) -> list[str]:
    return [pair.labels.name for pair in widget.form.pairs.pairs()]


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch, tiny_network: Any) -> list[Any]:
    """Replace the training by three quick steps; the examples and settings it got."""
    got: list[Any] = []

    def job(examples: Any, settings: Any, *, stop: threading.Event, **_: Any) -> Job[Any]:
        got.extend([examples, settings])
        history = []
        for step in range(1, 4):
            if stop.is_set():
                break
            row = {"step": step, "loss": 3.0 / step, "seconds": float(step)}
            history.append(row)
            yield Progress(step, 3, f"Loss {row['loss']:.3f}", row)
        card = ModelCard("untitled", description="A quick one.", base=settings.base)
        model = Model(tiny_network, card, None, import_module("torch").device("cpu"))
        before = {"ap50": 0.25, "ap75": 0.1, "objects": 8, "missed": 5, "extra": 3}
        after = {"ap50": 0.75, "ap75": 0.5, "objects": 8, "missed": 2, "extra": 0}
        return FineTuneResult(model, tuple(history), before, after, not stop.is_set())

    monkeypatch.setattr(import_module("napari_maskrcnn.train.fine_tune"), "fine_tune_job", job)
    return got


def test_the_chosen_pair_is_checked_and_others_are_offered(viewer: Any) -> None:
    viewer.add_labels(np.zeros((9, 9), int), name="of nothing")
    viewer.add_image(np.zeros((128, 128)), name="others")
    viewer.add_labels(np.zeros((128, 128), int), name="others truth")
    widget = docked(viewer)
    assert [row.box.whole() for row in widget.form.pairs.rows()] == ["cells truth", "others truth"]
    assert names(widget) == ["others truth"]
    for row in widget.form.pairs.rows():
        row.box.setChecked(True)
    pairs = {pair.labels.name: pair.image.name for pair in widget.form.pairs.pairs()}
    assert pairs == {"cells truth": "cells", "others truth": "others"}


def test_what_a_person_checked_stays_checked(viewer: Any) -> None:
    widget = docked(viewer)
    widget.form.pairs.rows()[0].box.click()
    viewer.add_labels(np.ones((128, 128), int), name="cells again")
    assert names(widget) == ["cells again"]
    viewer.layers.remove("cells again")
    assert names(widget) == []


def test_settings_say_what_the_form_says(viewer: Any, tiny_model: str) -> None:
    widget = docked(viewer)
    assert (widget.form.settings().epochs, widget.form.settings().minutes) == (1, None)
    widget.form.unit.setCurrentText("minutes")
    widget.form.budget.setValue(7)
    settings = widget.form.settings()
    assert (settings.base, settings.epochs, settings.minutes) == ("tiny", None, 7)


def test_five_minutes_are_the_default(viewer: Any) -> None:
    widget = FineTuneWidget(viewer)
    settings = widget.form.settings()
    assert (settings.base, settings.minutes) == ("nuclei", 5)


def test_the_curve_moves_and_the_proof_has_numbers(
    viewer: Any, qtbot: Any, tiny_model: str, training: list[Any]
) -> None:
    widget = docked(viewer)
    press(qtbot, widget)
    assert len(widget.plot) == 3
    assert widget.plot.label() == "loss 1.833 · step 3"
    assert widget.proof.title.text() == "Finished after 3 steps. On the part that was held out:"
    assert widget.proof.numbers["ap50"].text() == "0.25 → 0.75"
    assert widget.proof.numbers["ap75"].text() == "0.10 → 0.50"
    assert widget.proof.numbers["missed"].text() == "5 → 2 of 8"
    assert widget.proof.numbers["extra"].text() == "3 → 0"
    (example,), settings = training
    assert np.array_equal(example.labels, viewer.layers["cells truth"].data)
    assert settings.epochs == 1


def test_an_accepted_model_is_in_every_open_list_at_once(
    viewer: Any, qtbot: Any, tiny_model: str, training: list[Any]
) -> None:
    widget = docked(viewer)
    elsewhere = ModelBox()
    qtbot.addWidget(elsewhere)
    press(qtbot, widget)
    assert widget.proof.name.text() == "my-tiny"
    widget.proof.name.setText("mine")
    widget.proof.accept.click()
    qtbot.waitUntil(lambda: widget.header.models.value() == "mine")
    assert "mine" in [entry.name for entry in list_models()]
    for box in (widget.form.base, widget.header.models, elsewhere):
        assert box.findText("mine") >= 0
    assert widget.form.base.value() == "tiny"
    assert not widget.proof.isVisibleTo(widget)


@pytest.mark.parametrize(
    ("name", "message"), [("nuclei", "reserved"), ("a b", "letters, digits"), ("tiny", "already")]
)
def test_a_name_that_cannot_be_used_loses_nothing(
    viewer: Any,
    qtbot: Any,
    tiny_model: str,
    training: list[Any],
    notes: list[str],
    name: str,
    message: str,
) -> None:
    widget = docked(viewer)
    press(qtbot, widget)
    widget.proof.name.setText(name)
    widget.proof.accept.click()
    qtbot.waitUntil(lambda: bool(notes) and not widget.saver.running)
    assert len(notes) == 1
    assert message in notes[0]
    assert widget.proof.isVisibleTo(widget)
    widget.proof.name.setText("another")
    widget.proof.accept.click()
    qtbot.waitUntil(lambda: widget.header.models.value() == "another")


def test_discard_keeps_no_model(
    viewer: Any, qtbot: Any, tiny_model: str, training: list[Any]
) -> None:
    widget = docked(viewer)
    before = [entry.name for entry in list_models()]
    press(qtbot, widget)
    widget.proof.discard.click()
    assert not widget.proof.isVisibleTo(widget)
    assert [entry.name for entry in list_models()] == before


def test_cancel_before_the_first_step(
    viewer: Any, qtbot: Any, tiny_model: str, training: list[Any], notes: list[str]
) -> None:
    widget = docked(viewer)
    widget.row.button.click()
    widget.row.cancel.click()
    qtbot.waitUntil(widget.row.button.isEnabled)
    assert len(notes) == 1
    assert "cancelled before its first step" in notes[0]
    assert not widget.proof.isVisibleTo(widget)


def test_what_was_held_out_but_not_measured_is_said(qtbot: Any, nuclei: tuple[Any, Any]) -> None:
    box = ProofBox()
    qtbot.addWidget(box)
    model: Any = None
    history = ({"step": 1, "loss": 1.0},)
    box.show_result(FineTuneResult(model, history, {}, {}, False), "mine")
    assert box.title.text() == f"Cancelled after 1 steps. {NO_PROOF}"
    held = (Example(*nuclei, "part"),)
    box.show_result(FineTuneResult(model, history, {}, {}, False, held=held), "mine")
    assert box.title.text() == f"Cancelled after 1 steps. {UNMEASURED}"
    assert box.show_button.isVisibleTo(box)


def test_training_works_on_a_copy(
    viewer: Any, qtbot: Any, tiny_model: str, training: list[Any]
) -> None:
    widget = docked(viewer)
    truth = viewer.layers["cells truth"].data.copy()
    widget.row.button.click()
    viewer.layers["cells truth"].data[:] = 0
    qtbot.waitUntil(widget.row.button.isEnabled)
    assert np.array_equal(training[0][0].labels, truth)


def test_nothing_checked(make_napari_viewer: Any, notes: list[str]) -> None:
    widget = docked(make_napari_viewer())
    widget.row.button.click()
    assert notes == [f"error: {NOTHING}"]
    assert not widget.runner.running


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((128, 128), int), "hold no object"),
        (np.ones((32, 32), int), "must be the same"),
    ],
    ids=["empty", "another shape"],
)
def test_labels_that_cannot_be_learnt(
    make_napari_viewer: Any,
    qtbot: Any,
    tiny_model: str,
    nuclei: tuple[Any, Any],
    notes: list[str],
    labels: Any,
    message: str,
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(nuclei[0], name="cells")
    viewer.add_labels(labels, name="labels")
    widget = docked(viewer)
    assert names(widget) == ["labels"]
    press(qtbot, widget)
    assert len(notes) == 1
    assert message in notes[0]
    assert not widget.proof.isVisibleTo(widget)


def test_planes_nobody_labelled_are_no_examples(
    make_napari_viewer: Any, nuclei: tuple[Any, Any]
) -> None:
    image, labels = nuclei
    viewer = make_napari_viewer()
    viewer.add_image(np.stack([image] * 3), name="stack")
    viewer.add_labels(np.stack([labels * 0, labels, labels * 0]), name="stack truth")
    (pair,) = docked(viewer).form.pairs.pairs()
    (example,) = examples_of(snapshot(pair))
    assert example.name == "stack truth, plane 1"
    assert np.array_equal(example.image, image)


def test_classes_come_from_the_table(viewer: Any, nuclei: tuple[Any, Any]) -> None:
    layer = viewer.layers["cells truth"]
    layer.features = {"index": [0, 1, 2], "class": ["", "round", "long"]}
    (pair,) = docked(viewer).form.pairs.pairs()
    (example,) = examples_of(snapshot(pair))
    assert example.classes == {1: "round", 2: "long"}


def test_stacks_of_another_shape_and_without_objects(
    make_napari_viewer: Any, nuclei: tuple[Any, Any]
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(np.stack([nuclei[0]] * 3), name="stack")
    viewer.add_labels(np.ones((2, 128, 128), int), name="short")
    (pair,) = docked(viewer).form.pairs.pairs()
    with pytest.raises(ValueError, match="must be the same"):
        list(examples_of(snapshot(pair)))
    pair.labels.data = np.zeros((3, 128, 128), int)
    with pytest.raises(ValueError, match="holds no object"):
        list(examples_of(snapshot(pair)))


def test_closing_the_dock_ends_the_training(
    viewer: Any, qtbot: Any, tiny_model: str, notes: list[str]
) -> None:
    widget = docked(viewer)
    widget.form.budget.setValue(1000)
    widget.row.button.click()
    qtbot.waitUntil(lambda: len(widget.plot) > 0)
    widget.parent().destroyOnClose()
    qtbot.waitUntil(lambda: not widget.runner.running)
    assert notes[0] == "info: Fine-tune was stopped because its window was closed."
