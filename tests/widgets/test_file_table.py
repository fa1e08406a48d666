"""The table of files: order, what is shown, and how quick it is with thousands of rows."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qtpy.QtCore import QPoint, Qt

from napari_maskrcnn.widgets.file_table import Column, FileModel, FileTable

UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


@dataclass(frozen=True)
class File:
    name: str
    objects: int | None = None
    score: float | None = None


COLUMNS = (
    Column[File]("File", lambda f: f.name, tip=lambda f: f"/images/{f.name}", wide=True),
    Column[File]("Objects", lambda f: f.objects),
    Column[File]("Score", lambda f: f.score, lambda f: "" if f.score is None else f"{f.score:.2f}"),
)
FILES = [File("b10.tif", 3, 0.5), File("b9.tif", None, float("nan")), File("A.tif", 12, 0.25)]


@pytest.fixture
def table(qtbot: Any) -> FileTable[File]:
    shown: FileTable[File] = FileTable(COLUMNS)
    qtbot.addWidget(shown)
    shown.resize(334, 200)
    shown.files.set_rows(FILES)
    shown.show()
    return shown


def names(model: FileModel[File]) -> list[str]:
    return [model.data(model.index(row, 0)) for row in range(model.rowCount())]


def test_cells_say_what_the_columns_say(table: FileTable[File]) -> None:
    model = table.files
    cell = model.index(0, 2)
    assert model.data(cell) == "0.50"
    assert model.data(model.index(1, 1)) == ""
    tip = Qt.ItemDataRole.ToolTipRole
    assert model.data(model.index(0, 0), tip) == "/images/b10.tif"
    alignment = Qt.ItemDataRole.TextAlignmentRole
    assert model.data(cell, alignment) & Qt.AlignmentFlag.AlignRight
    assert model.data(model.index(0, 0), alignment) & Qt.AlignmentFlag.AlignLeft
    titles = [model.headerData(n, Qt.Orientation.Horizontal) for n in range(model.columnCount())]
    assert titles == ["File", "Objects", "Score"]


def test_a_click_on_a_title_sorts_then_turns_around_then_lets_go(
    table: FileTable[File], qtbot: Any
) -> None:
    titles = table.horizontalHeader()
    assert titles is not None
    place = QPoint(titles.sectionViewportPosition(0) + 20, titles.height() // 2)
    seen = [names(table.files)]
    for _ in range(3):
        qtbot.mouseClick(titles.viewport(), Qt.MouseButton.LeftButton, pos=place)
        seen.append(names(table.files))
    given = ["b10.tif", "b9.tif", "A.tif"]
    assert seen == [given, ["A.tif", "b9.tif", "b10.tif"], ["b10.tif", "b9.tif", "A.tif"], given]


def test_what_has_no_value_comes_last_either_way(table: FileTable[File]) -> None:
    for column in (1, 2):
        for order in (UP, DOWN):
            table.files.sort(column, order)
            assert names(table.files)[-1] == "b9.tif"
    assert names(table.files) == ["b10.tif", "A.tif", "b9.tif"]


def test_a_row_that_changes_stays_where_it_is_until_sorted_again(table: FileTable[File]) -> None:
    model = table.files
    model.sort(1, UP)
    assert names(model) == ["b10.tif", "A.tif", "b9.tif"]
    changed: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last: changed.append((first.row(), last.row())))
    model.replace(0, replace(FILES[0], objects=99))
    assert names(model) == ["b10.tif", "A.tif", "b9.tif"]
    assert model.data(model.index(0, 1)) == "99"
    assert changed == [(0, 0)]
    model.sort(1, UP)
    assert names(model) == ["A.tif", "b10.tif", "b9.tif"]
    model.set_rows([*FILES, File("c.tif", 5)])
    assert names(model) == ["b10.tif", "c.tif", "A.tif", "b9.tif"]


def test_many_rows_that_change_are_told_at_once(table: FileTable[File]) -> None:
    model = table.files
    model.sort(0, UP)  # A, b9, b10
    changed: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last: changed.append((first.row(), last.row())))
    model.replace_some({0: replace(FILES[0], objects=7), 1: replace(FILES[1], objects=8)})
    model.replace_some({})
    assert changed == [(1, 2)]
    assert [model.data(model.index(row, 1)) for row in range(3)] == ["12", "8", "7"]


def test_the_chosen_row_is_still_chosen_when_sorted(table: FileTable[File], qtbot: Any) -> None:
    said: list[int] = []
    table.chosen.connect(said.append)
    assert table.position() is None
    table.choose(2)
    table.files.sort(0, UP)
    assert table.position() == 2
    assert table.currentIndex().row() == 0
    assert said == [2]


def test_a_double_click_and_return_open_the_row_under_them(
    table: FileTable[File], qtbot: Any
) -> None:
    said: list[int] = []
    table.opened.connect(said.append)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert said == []
    table.files.sort(0, UP)
    place = table.visualRect(table.files.index(0, 0)).center()
    button = Qt.MouseButton.LeftButton
    qtbot.mouseClick(table.viewport(), button, pos=place)
    qtbot.mouseDClick(table.viewport(), button, pos=place)
    table.choose(1)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert said == [2, 1]


def test_a_table_without_rows_is_quiet(table: FileTable[File], qtbot: Any) -> None:
    table.choose(0)
    table.files.set_rows([])
    table.files.sort(1, DOWN)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert table.position() is None
    assert table.files.rowCount() == 0


def test_long_names_never_push_a_column_out_of_sight(table: FileTable[File]) -> None:
    table.files.set_rows([File("x" * 300, 100_000, 0.5)])
    titles = table.horizontalHeader()
    viewport = table.viewport()
    assert titles is not None
    assert viewport is not None
    assert titles.length() <= viewport.width()
    assert titles.sectionSize(1) > 30


def test_ten_thousand_rows_sort_and_change_at_once(table: FileTable[File], qtbot: Any) -> None:
    many = [File(f"{n % 977}/image {n}.tif", n * 7919 % 10_007) for n in range(10_000)]
    started = time.perf_counter()
    table.files.set_rows(many)
    table.files.sort(0, UP)
    table.files.sort(1, DOWN)
    table.choose(5000)
    table.repaint()
    for n in range(1000):
        table.files.replace(n, many[n])
    seconds = time.perf_counter() - started
    assert names(table.files)[0] == max(many, key=lambda f: f.objects or 0).name
    assert seconds < 1.0, f"{seconds:.2f} s"


VALUES = st.one_of(st.none(), st.floats(), st.integers(-5, 5), st.text(max_size=4))


@settings(max_examples=50)
@given(st.lists(VALUES, max_size=12), st.booleans())
def test_every_row_is_shown_once_whatever_the_values(values: list[Any], down: bool) -> None:
    model: FileModel[Any] = FileModel([Column("Value", lambda row: row)])
    model.set_rows(values)
    model.sort(0, DOWN if down else UP)
    order = [model.position(shown) for shown in range(len(values))]
    assert sorted(order) == list(range(len(values)))
    assert [model.shown_at(position) for position in order] == list(range(len(values)))
    numbers = [v for v in (values[at] for at in order) if isinstance(v, int | float) and v == v]
    assert numbers == sorted(numbers, reverse=down)
