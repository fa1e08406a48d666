"""A table of files that sorts by a click, opens by a double click, and is quick with thousands.

What a row is, the user of the table decides: a column says how to get its value and its text from
one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

Row = TypeVar("Row")
Index = QModelIndex | QPersistentModelIndex

TITLE_MARGIN = 8
_NONE = QModelIndex()
_DIGITS = re.compile(r"(\d+)")
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column of a table.

    Parameters
    ----------
    title : str
        What its header says.
    value : callable
        Number or text of a row, or None; the table is sorted by it, None and NaN last.
    text : callable, optional
        What is shown of a row; without it the value, numbers with commas, and nothing for None.
    tip : callable, optional
        What is said when the mouse rests on it.
    wide : bool
        Takes the width that the others leave; its text is shortened in the middle.
    """

    title: str
    value: Callable[[Row], float | str | None]
    text: Callable[[Row], str] | None = None
    tip: Callable[[Row], str] | None = None
    wide: bool = False

    def shown(self, row: Row) -> str:
        """Return what is shown of a row."""
        if self.text is not None:
            return self.text(row)
        value = self.value(row)
        if value is None or isinstance(value, str):
            return value or ""
        return f"{value:,}"


class FileModel(QAbstractTableModel, Generic[Row]):
    """Rows in the order they were given, and the order in which they are shown.

    A row is named by its position among those that were given, however the table is sorted. A row
    that is replaced stays in its place until the table is sorted again: while files are worked on
    none moves away under the mouse.
    """

    def __init__(self, columns: Sequence[Column[Row]]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self._rows: list[Row] = []
        self._order: list[int] = []
        self._shown_at: list[int] = []
        self._sorted_by: tuple[int, bool] | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows as they were given."""
        return tuple(self._rows)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows, sorted as the table is."""
        self.beginResetModel()
        self._rows = list(rows)
        self._arrange(self._wanted_order())
        self.endResetModel()

    def replace(self, position: int, row: Row) -> None:
        """Put another row at a position; it is shown where the last one was."""
        self.replace_some({position: row})

    def replace_some(self, rows: Mapping[int, Row]) -> None:
        """Put other rows at some positions; the view is told once."""
        if not rows:
            return
        for position, row in rows.items():
            self._rows[position] = row
        shown = [self._shown_at[position] for position in rows]
        last = len(self.columns) - 1
        self.dataChanged.emit(self.index(min(shown), 0), self.index(max(shown), last))

    def position(self, shown: int) -> int:
        """Return the position of the row that is shown as the `shown`-th from the top."""
        return self._order[shown]

    def shown_at(self, position: int) -> int:
        """Return where the row at a position is shown, counted from the top."""
        return self._shown_at[position]

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, rows of equal value as they were given; -1 as they were given."""
        self._sorted_by = (column, order == Qt.SortOrder.DescendingOrder) if column >= 0 else None
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        named = [self._order[index.row()] for index in old]
        self._arrange(self._wanted_order())
        new = [
            self.index(self._shown_at[position], index.column())
            for position, index in zip(named, old, strict=True)
        ]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def rowCount(self, parent: Index = _NONE) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NONE) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what Qt asks of a cell."""
        if not index.isValid():
            return None
        column, row = self.columns[index.column()], self._rows[self._order[index.row()]]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.shown(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.tip(row) if column.tip is not None else column.shown(row)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if isinstance(column.value(row), int | float) else _LEFT
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the title of a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        return None

    def _wanted_order(self) -> list[int]:
        positions = list(range(len(self._rows)))
        if self._sorted_by is None:
            return positions
        column, descending = self._sorted_by
        values = [self.columns[column].value(row) for row in self._rows]
        known = [at for at in positions if _is_known(values[at])]
        known.sort(key=lambda at: _sort_key(values[at]), reverse=descending)
        return known + [at for at in positions if not _is_known(values[at])]

    def _arrange(self, order: list[int]) -> None:
        self._order = order
        self._shown_at = [0] * len(order)
        for shown, position in enumerate(order):
            self._shown_at[position] = shown


class FileTable(QTableView, Generic[Row]):
    """Shows a `FileModel`; one row is chosen at a time.

    Signals
    -------
    opened (int)
        Position of the row that was double-clicked, or chosen when Return was pressed.
    chosen (int)
        Position of the row that is chosen now.
    """

    opened = Signal(int)
    chosen = Signal(int)

    def __init__(self, columns: Sequence[Column[Row]]) -> None:
        super().__init__()
        self.files: FileModel[Row] = FileModel(columns)
        self.setModel(self.files)
        self.setHorizontalHeader(_Titles(self))
        self._look()
        self.doubleClicked.connect(self._open)
        selection = self.selectionModel()
        assert selection is not None
        selection.currentRowChanged.connect(self._choose)

    def _look(self) -> None:
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        rows, titles = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None
        assert titles is not None
        rows.hide()
        # Rows of one height, and widths from the rows in sight: else Qt measures thousands.
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 8)
        titles.setResizeContentsPrecision(0)
        titles.setHighlightSections(False)
        for number, column in enumerate(self.files.columns):
            mode = QHeaderView.ResizeMode
            titles.setSectionResizeMode(
                number, mode.Stretch if column.wide else mode.ResizeToContents
            )
        # No column to begin with: the rows come in an order of their own.
        titles.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        titles.setSortIndicatorClearable(True)
        self.setSortingEnabled(True)

    def position(self) -> int | None:
        """Return the position of the row that is chosen; None without one."""
        index = self.currentIndex()
        return self.files.position(index.row()) if index.isValid() else None

    def choose(self, position: int) -> None:
        """Choose a row and bring it into sight."""
        index = self.files.index(self.files.shown_at(position), 0)
        self.setCurrentIndex(index)
        self.scrollTo(index)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Open the chosen row on Return."""
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event is not None and event.key() in keys and self.currentIndex().isValid():
            self._open(self.currentIndex())
            return
        super().keyPressEvent(event)

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(self.files.position(index.row()))

    def _choose(self, now: QModelIndex, before: QModelIndex) -> None:
        if now.isValid():
            self.chosen.emit(self.files.position(now.row()))


class _Titles(QHeaderView):
    """Titles of which only the one with the arrow, by which is sorted, has room for it."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, table)
        self.setSectionsClickable(True)

    def sectionSizeFromContents(self, section: int) -> QSize:
        """Return the size of a title."""
        size = super().sectionSizeFromContents(section)
        model = self.model()
        if section == self.sortIndicatorSection() or model is None:
            return size
        title = model.headerData(section, self.orientation()) or ""
        wanted = self.fontMetrics().horizontalAdvance(title) + 2 * TITLE_MARGIN
        return QSize(min(wanted, size.width()), size.height())


def _is_known(value: float | str | None) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _sort_key(value: Any) -> tuple[bool, Any]:
    """Put numbers before text, and in text 9 before 10."""
    if not isinstance(value, str):
        return False, value
    parts = _DIGITS.split(value.casefold())
    return True, [int(part) if at % 2 else part for at, part in enumerate(parts)]
