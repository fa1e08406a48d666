"""All models in a table: use any earlier one again, rename it, remove it, take it back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QShowEvent
from qtpy.QtWidgets import QGridLayout, QLabel, QMenu, QPushButton, QVBoxLayout

from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.models.folder import remove_model
from napari_maskrcnn.models.overview import ModelSummary, summaries
from napari_maskrcnn.models.trash import (
    TrashedModel,
    rename_model,
    restore_model,
    trashed_models,
)
from napari_maskrcnn.widgets.ask import ask_text
from napari_maskrcnn.widgets.dock import MARGIN, Closable
from napari_maskrcnn.widgets.file_table import Column, FileTable
from napari_maskrcnn.widgets.jobs_ui import JobRunner, show_note
from napari_maskrcnn.widgets.loss_plot import LossPlot
from napari_maskrcnn.widgets.model_box import model_changes

if TYPE_CHECKING:
    from napari import Viewer

INTRODUCTION = "Every model that can predict. “Use” goes back to any of them."
MOST_TRASHED = 20


def _day(row: ModelSummary) -> str:
    if row.made is None:
        return ""
    made = row.made.astimezone()
    return f"{made:%d %b}" if made.year == datetime.now().year else f"{made:%b %Y}"


COLUMNS: tuple[Column[ModelSummary], ...] = (
    Column("Model", lambda row: row.entry.name, tip=lambda row: str(row.entry.path), wide=True),
    Column("From", lambda row: row.card.base or None if row.card is not None else None),
    Column("Objects", lambda row: row.objects),
    Column("AP", lambda row: row.ap50, lambda row: "" if row.ap50 is None else f"{row.ap50:.2f}"),
    Column("Made", lambda row: row.made.timestamp() if row.made is not None else None, _day),
)


class ModelsDock(Closable):
    """Lists the models, with what their cards say; removed ones go to a trash and come back."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.runner = JobRunner(self, bar=False)
        self.lister = JobRunner(self, bar=False)
        self._stale = False
        self._wanted = ""
        self.table: FileTable[ModelSummary] = FileTable(COLUMNS)
        self.use = QPushButton("Use")
        self.use.setToolTip("Predict with it from now on, and train further from it")
        self.rename = QPushButton("Rename…")
        self.remove = QPushButton("Remove")
        self.remove.setToolTip("Move it to the trash; “Restore” takes it back")
        self.restore = QPushButton("Restore")
        self.restore.setToolTip("Take a removed model back")
        self.removed = QMenu(self.restore)
        self.restore.setMenu(self.removed)
        self.card = QLabel()
        self.card.setWordWrap(True)
        self.card.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.plot = LossPlot()
        self._build()
        self._connect()
        self._refresh()

    def _build(self) -> None:
        said = QLabel(INTRODUCTION)
        said.setWordWrap(True)
        buttons = QGridLayout()
        for at, button in enumerate((self.use, self.rename, self.remove, self.restore)):
            buttons.addWidget(button, at // 2, at % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.addWidget(said)
        layout.addWidget(self.table, 1)
        layout.addLayout(buttons)
        layout.addWidget(self.card)
        layout.addWidget(self.plot)

    def _connect(self) -> None:
        self.table.chosen.connect(self._refresh)
        self.table.opened.connect(self._use)
        self.use.clicked.connect(self._use)
        self.rename.clicked.connect(self._rename)
        self.remove.clicked.connect(self._remove)
        self.removed.aboutToShow.connect(self._list_trash)
        self.lister.returned.connect(self._listed)
        self.lister.finished.connect(self._list_if_stale)
        self.runner.returned.connect(self._did)
        self.runner.finished.connect(self._refresh)
        model_changes().changed.connect(self.list_anew)

    def showEvent(self, event: QShowEvent | None) -> None:
        """List the models anew: another window may have changed them."""
        super().showEvent(event)
        self.list_anew()

    def list_anew(self) -> None:
        """List the models anew, in the background."""
        self._stale = self.lister.running
        if not self._stale:
            self.lister.start(_list_job, "List models", needs_torch=False)

    def row(self) -> ModelSummary | None:
        """Return the model that is chosen."""
        position = self.table.position()
        return None if position is None else self.table.files.rows[position]

    def choose(self, name: str) -> None:
        """Choose a model by its name, if it is listed."""
        for position, row in enumerate(self.table.files.rows):
            if row.entry.name == name:
                self.table.choose(position)

    def close_down(self) -> None:
        """Stop what runs."""
        self.lister.stop()

    def _list_if_stale(self) -> None:
        if self._stale:
            self.list_anew()

    def _listed(self, rows: list[ModelSummary]) -> None:
        before = self.row()
        name = self._wanted or (before.entry.name if before is not None else "")
        self._wanted = ""
        self.table.files.set_rows(rows)
        self.choose(name)
        self._refresh()

    def _list_trash(self) -> None:
        self.removed.clear()
        for model in trashed_models()[:MOST_TRASHED]:
            when = model.removed.astimezone()
            action = QAction(f"{model.name}, removed {when:%d %b, %H:%M}", self.removed)
            self.removed.addAction(action)
            action.triggered.connect(partial(self._restore, model))
        if self.removed.isEmpty():
            empty = QAction("The trash is empty", self.removed)
            empty.setEnabled(False)
            self.removed.addAction(empty)

    def _use(self, *_: object) -> None:
        row = self.row()
        if row is not None and row.card is not None:
            model_changes().wanted.emit(row.entry.name)
            show_note(f"The model “{row.entry.name}” is chosen for the next prediction.")

    def _rename(self) -> None:
        row = self.row()
        if row is None:
            return
        name = ask_text(self, "Rename", f"New name of “{row.entry.name}”:", row.entry.name)
        if name is not None and name.strip() != row.entry.name:
            self._start(partial(rename_model, row.entry.name, name.strip()), "Rename")

    def _remove(self) -> None:
        row = self.row()
        if row is not None:
            self._start(partial(remove_model, row.entry.name), "Remove")

    def _restore(self, model: TrashedModel, *_: object) -> None:
        self._start(partial(restore_model, model), "Restore")

    def _start(self, work: Callable[[], Path], title: str) -> None:
        def make_job(stop: threading.Event) -> Job[tuple[str, Path]]:
            yield Progress(0, 1, title)
            return title, work()

        if not self.runner.running:
            self.runner.start(make_job, title, needs_torch=title != "Remove")
            self._refresh()

    def _did(self, done: tuple[str, Path]) -> None:
        title, path = done
        if title == "Remove":
            show_note(f"Moved to {path}. “Restore” takes it back.")
        else:
            self._wanted = path.stem

    def _refresh(self, *_: object) -> None:
        row = self.row()
        idle = not self.runner.running
        mine = row is not None and row.entry.kind in ("user", "download")
        self.use.setEnabled(row is not None and row.card is not None)
        self.rename.setEnabled(idle and row is not None and row.entry.kind == "user")
        self.remove.setEnabled(idle and mine)
        self.restore.setEnabled(idle)
        self.card.setVisible(row is not None)
        if row is not None:
            head = f"<b>{escape(row.entry.name)}</b>"
            self.card.setText("<br>".join([head, *map(escape, row.lines())]))
        curve = list(_curve(row.training)) if row is not None else []
        self.plot.setVisible(bool(curve))
        self.plot.show_history(curve)


def _list_job(stop: threading.Event) -> Job[list[ModelSummary]]:
    yield Progress(0, 1, "List models")
    return summaries()


def _curve(training: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of a history from the curves on a card; none where it has no such curves."""
    try:
        loss, proof = training["curves"]["loss"], training["curves"]["validation"]
        names = [name for name, values in loss.items() if len(values) == len(loss["step"])]
        rows = [dict(zip(names, v, strict=True)) for v in zip(*map(loss.get, names), strict=True)]
        for step, *aps in zip(proof["step"], proof["ap50"], proof["ap75"], strict=True):
            after = [row for row in rows if row["step"] >= step]
            (after or rows)[0].update(zip(("ap50", "ap75"), map(float, aps), strict=True))
        rows = [row for row in rows if isinstance(row["loss"], int | float)]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return
    yield from rows
