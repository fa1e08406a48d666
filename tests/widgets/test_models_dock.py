"""The Models dock: going back to an earlier model, renaming, the trash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtCore import Qt

from napari_maskrcnn.models import ModelCard, list_models, save_weights
from napari_maskrcnn.models.folder import model_folder
from napari_maskrcnn.train.curves import curves
from napari_maskrcnn.widgets import models_dock
from napari_maskrcnn.widgets.dock import LEAST_WIDTH
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.models_dock import ModelsDock, _curve

HISTORY = [{"step": k, "loss": 3.0 / k, "mask": 1.0 / k} for k in range(1, 301)]


@pytest.fixture
def dock(qtbot: Any, make_napari_viewer: Any, tiny_model: str, tiny_network: Any) -> Iterator[Any]:
    HISTORY[149] = HISTORY[149] | {"ap50": 0.5, "ap75": 0.25}
    record = {"objects": 40, "images": 2, "after": {"ap50": 0.61}, "curves": curves(HISTORY)}
    card = ModelCard("my-tiny", base="tiny", history=(record,))
    save_weights(model_folder() / "my-tiny.safetensors", tiny_network, card)
    viewer = make_napari_viewer()
    made = ModelsDock(viewer)
    viewer.window.add_dock_widget(made, name="Models")
    made.list_anew()
    qtbot.waitUntil(lambda: len(made.table.files.rows) >= 3)
    yield made
    qtbot.waitUntil(lambda: not (made.runner.running or made.lister.running))


def names() -> list[str]:
    return [entry.name for entry in list_models()]


def listed(dock: ModelsDock) -> list[str]:
    return [row.entry.name for row in dock.table.files.rows]


def test_a_name_that_is_suggested_shows_in_full(
    dock: ModelsDock, qtbot: Any, tiny_network: Any
) -> None:
    record = {"objects": 22297, "after": {"ap50": 0.61}}
    card = ModelCard("my-nuclei", base="nuclei", history=(record,))
    save_weights(model_folder() / "my-nuclei.safetensors", tiny_network, card)
    dock.list_anew()
    qtbot.waitUntil(lambda: "my-nuclei" in listed(dock))
    table = dock.table
    row = table.files.shown_at(listed(dock).index("my-nuclei"))
    assert table.files.data(table.files.index(row, 2)) == "22,297"
    # In the window, whose style makes titles wide, at the least width of a dock.
    dock.setFixedWidth(LEAST_WIDTH)
    dock.window().show()
    qtbot.wait(50)
    assert table.columnWidth(0) >= table.sizeHintForColumn(0)
    # The title that gets the arrow has room for it.
    before = table.columnWidth(2)
    table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    qtbot.wait(50)
    assert table.columnWidth(2) > before
    assert table.columnWidth(0) >= table.sizeHintForColumn(0)


def test_what_the_cards_say_is_listed(dock: ModelsDock) -> None:
    assert listed(dock) == names() == ["nuclei", "my-tiny", "tiny"]
    model = dock.table.files
    shown = {
        name: [model.data(model.index(row, column)) for column in range(4)]
        for row, name in enumerate(listed(dock))
    }
    assert shown["my-tiny"] == ["my-tiny", "tiny", "40", "0.61"]
    assert shown["tiny"] == ["tiny", "", "", ""]
    assert not dock.use.isEnabled()


def test_the_curve_of_the_last_training_is_drawn(dock: ModelsDock) -> None:
    dock.choose("my-tiny")
    assert dock.plot.isVisibleTo(dock)
    assert dock.plot.label() == "loss 0.017 · best AP 0.50 · step 300"
    assert "2 images, 40 objects" in dock.card.text()
    dock.choose("tiny")
    assert not dock.plot.isVisibleTo(dock)


@pytest.mark.parametrize(
    "training",
    [
        {},
        {"curves": 1},
        {"curves": {"loss": {"step": [1], "loss": []}, "validation": {"step": [1], "ap50": [1]}}},
        {"curves": {"loss": {"step": [], "loss": []}, "validation": {"step": [1], "ap50": [1]}}},
        {"curves": {"loss": {"step": [1], "loss": [None]}, "validation": {"step": [], "ap50": []}}},
    ],
)
def test_odd_curves_of_a_card_are_left_out(training: dict[str, Any]) -> None:
    assert list(_curve(training)) == []


def test_an_earlier_model_is_used_again_everywhere(
    qtbot: Any, make_napari_viewer: Any, dock: ModelsDock, notes: list[str]
) -> None:
    header = Header(make_napari_viewer())
    qtbot.addWidget(header)
    told: list[str] = []
    header.models.chosen.connect(told.append)
    dock.choose("tiny")
    dock.use.click()
    assert header.models.value() == "tiny"
    assert told == ["tiny"]
    assert "“tiny” is chosen" in notes[0]


def test_a_removed_model_lies_in_the_trash_and_comes_back(
    qtbot: Any, dock: ModelsDock, notes: list[str]
) -> None:
    dock.choose("my-tiny")
    dock.remove.click()
    qtbot.waitUntil(lambda: listed(dock) == ["nuclei", "tiny"])
    assert "“Restore” takes it back" in notes[0]
    dock.removed.aboutToShow.emit()
    (action,) = dock.removed.actions()
    assert action.text().startswith("my-tiny, removed ")
    qtbot.waitUntil(lambda: not dock.runner.running)
    action.trigger()
    qtbot.waitUntil(lambda: "my-tiny" in listed(dock))
    qtbot.waitUntil(lambda: dock.row() is not None and dock.row().entry.name == "my-tiny")
    dock.removed.aboutToShow.emit()
    assert [action.isEnabled() for action in dock.removed.actions()] == [False]


def test_a_model_gets_another_name(
    qtbot: Any, dock: ModelsDock, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, "nuclei", "liver"])
    monkeypatch.setattr(models_dock, "ask_text", lambda *_: next(answers))
    dock.choose("my-tiny")
    dock.rename.click()
    assert not dock.runner.running
    dock.rename.click()
    qtbot.waitUntil(lambda: bool(notes) and not dock.runner.running)
    assert "reserved" in notes[0]
    dock.rename.click()
    qtbot.waitUntil(lambda: listed(dock) == ["nuclei", "liver", "tiny"])
    assert "liver" in names()


def test_the_embedded_model_can_be_used_and_no_more(dock: ModelsDock) -> None:
    dock.choose("nuclei")
    assert dock.use.isEnabled()
    assert not dock.rename.isEnabled()
    assert not dock.remove.isEnabled()


def test_a_damaged_file_is_told_and_can_be_removed(qtbot: Any, dock: ModelsDock) -> None:
    (model_folder() / "broken.safetensors").write_bytes(b"nothing")
    dock.list_anew()
    qtbot.waitUntil(lambda: "broken" in listed(dock))
    dock.choose("broken")
    assert not dock.use.isEnabled()
    assert "broken.safetensors" in dock.card.text()
    dock.remove.click()
    qtbot.waitUntil(lambda: "broken" not in listed(dock))
