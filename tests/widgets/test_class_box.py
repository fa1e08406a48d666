"""Classes of a labels layer: added, renamed, coloured; new objects get the active one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_maskrcnn.formats import export
from napari_maskrcnn.formats.table import read_table
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.widgets import class_box
from napari_maskrcnn.widgets.class_box import ClassBox
from napari_maskrcnn.widgets.classes import COLOURS, NO_CLASS, classes_of
from napari_maskrcnn.widgets.ledger import ledger_of


@pytest.fixture
def layer() -> Labels:
    data = np.zeros((20, 30), np.int32)
    data[2:8, 2:8] = 1
    data[10:18, 10:20] = 2
    made: Labels = ViewerModel().add_labels(data)
    made.features = Instances.from_labels(data, ("nucleus",)).to_table()
    return made


@pytest.fixture
def box(layer: Labels, qtbot: Any) -> ClassBox:
    made = ClassBox()
    qtbot.addWidget(made)
    made.load(layer)
    return made


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    def give(text: str | None) -> None:
        for name in ("ask_text", "ask_colour"):
            monkeypatch.setattr(class_box, name, lambda *_: text)

    return give


def names(box: ClassBox) -> list[str]:
    return [box.names.itemText(row) for row in range(box.names.count())]


def test_an_added_class_is_the_one_of_new_objects(
    box: ClassBox, layer: Labels, answer: Callable[[str | None], None], tmp_path: Path
) -> None:
    assert names(box) == ["nucleus"]
    answer("  mitosis ")
    box.add()
    assert names(box) == ["nucleus", "mitosis"]
    layer.data_setitem((np.array([0]), np.array([25])), 7)
    ledger_of(layer).toggle_class([1], "mitosis")
    path = export(layer.data, tmp_path / "cells.csv", table=layer.features)
    assert read_table(path)["class"].tolist() == ["mitosis", "nucleus", "mitosis"]


def test_a_renamed_class_takes_its_objects_along(
    box: ClassBox, layer: Labels, answer: Callable[[str | None], None]
) -> None:
    colour = classes_of(layer)["nucleus"]
    answer("nuclei")
    box.rename()
    assert names(box) == ["nuclei"]
    assert layer.features["class"].tolist() == ["", "nuclei", "nuclei"]
    assert classes_of(layer) == {"nuclei": colour}


def test_what_is_no_new_name_is_refused(
    box: ClassBox, layer: Labels, answer: Callable[[str | None], None], notes: list[str]
) -> None:
    for text in ("nucleus", "  ", None):
        answer(text)
        box.add()
    assert [note.split(".")[0] for note in notes] == [
        "error: There is a class 'nucleus' already",
        "error: A class needs a name",
    ]
    assert names(box) == ["nucleus"]


def test_objects_take_the_colour_of_their_class_and_give_it_back(
    box: ClassBox, layer: Labels, answer: Callable[[str | None], None]
) -> None:
    plain = layer.colormap
    answer("mitosis")
    box.add()
    ledger_of(layer).toggle_class([2], "mitosis")
    answer("#102030")
    box.recolour()
    assert box.by_class.isChecked()
    assert np.allclose(layer.get_color(2) * 255, [16, 32, 48, 255], atol=0.5)
    assert np.allclose(layer.get_color(1)[:3] * 255, [0xE6, 0x9F, 0x00], atol=0.5)
    assert COLOURS[0] == "#e69f00"
    # New objects follow a moment later; one without a class is grey.
    layer.data_setitem((np.array([0]), np.array([25])), 7)
    box._features_settled()
    assert np.allclose(layer.get_color(7) * 255, [16, 32, 48, 255], atol=0.5)
    assert NO_CLASS == "#9a9a9a"
    box.by_class.setChecked(False)
    assert layer.colormap is plain


def test_classes_stay_with_their_layer(
    box: ClassBox, layer: Labels, answer: Callable[[str | None], None]
) -> None:
    answer("mitosis")
    box.add()
    box.load(None)
    assert names(box) == []
    box.load(layer)
    assert names(box) == ["nucleus", "mitosis"]
    # A class that comes with a table is listed as well.
    layer.features = layer.features.assign(**{"class": ["", "debris", "nucleus"]})
    box._features_settled()
    assert names(box) == ["nucleus", "mitosis", "debris"]


def test_a_class_is_removed_once_no_object_has_it(
    box: ClassBox, layer: Labels, answer: Callable[[str | None], None], notes: list[str]
) -> None:
    answer("mitosis")
    box.add()
    ledger_of(layer).toggle_class([1], "mitosis")
    box.remove()
    assert names(box) == ["nucleus", "mitosis"]
    assert "Objects are of the class “mitosis”" in notes[0]
    ledger_of(layer).toggle_class([1], "mitosis")
    box.remove()
    assert names(box) == ["nucleus"]
    assert list(classes_of(layer)) == ["nucleus"]
    assert ledger_of(layer).class_name == "nucleus"
