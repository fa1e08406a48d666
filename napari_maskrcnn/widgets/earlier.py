"""Labels of earlier sessions that ended as usual: their journals stay for thirty days."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from napari_maskrcnn.annotate.journal.folder import KEPT_DAYS, journal_folder, stored_windows
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.widgets.dock import MARGIN, Closable, plain
from napari_maskrcnn.widgets.file_table import Column, FileTable
from napari_maskrcnn.widgets.jobs_ui import JobRunner, MakeJob
from napari_maskrcnn.widgets.recovery import keeper_of
from napari_maskrcnn.widgets.restoring import Entry, read_layer
from napari_maskrcnn.widgets.stored_layer import read_look

if TYPE_CHECKING:
    from napari import Viewer

INTRODUCTION = (
    f"Labels that you edited in the last {KEPT_DAYS} days, as they were when their layer or window "
    "was closed. Opening adds a layer; what is kept stays as it is."
)
NOTHING = "There is nothing here yet. Labels appear once their window is closed."
READING = "Looking through earlier sessions…"


@dataclass(frozen=True)
class EarlierLayer:
    """A labels layer of an earlier session.

    `changed` is in seconds since 1970.
    """

    path: Path
    number: int
    name: str
    image: str
    edits: int
    changed: float


def earlier_layers(folder: Path) -> Iterator[EarlierLayer]:
    """Layers of all sessions that are over, the last edited first; what a crash left is offered."""
    layers = [
        EarlierLayer(
            window.path, layer.id, *_names(read_look(layer.parts)), layer.edits, layer.changed
        )
        for window in stored_windows(folder, parts=("look",))
        for layer in window.layers
        if layer not in window.offered
    ]
    yield from sorted(layers, key=lambda layer: layer.changed, reverse=True)


def _names(look: dict[str, object]) -> tuple[str, str]:
    image = look.get("image")
    return str(look.get("name", "labels")), str(image["name"]) if isinstance(image, dict) else ""


COLUMNS: tuple[Column[EarlierLayer], ...] = (
    Column("Labels", lambda row: row.name, tip=lambda row: row.image or row.name, wide=True),
    Column("Edits", lambda row: row.edits),
    Column("Last edit", lambda row: row.changed, lambda row: f"{_time(row):%d %b, %H:%M}"),
)


def _time(row: EarlierLayer) -> datetime:
    return datetime.fromtimestamp(row.changed)


class EarlierSessions(Closable):
    """Lists the labels of earlier sessions and opens them again."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.keeper = keeper_of(plain(napari_viewer))
        self.runner = JobRunner(self)
        self.said = QLabel(INTRODUCTION)
        self.said.setWordWrap(True)
        self.table: FileTable[EarlierLayer] = FileTable(COLUMNS)
        self.button = QPushButton("Open")
        self.button.setToolTip("Open the chosen labels, and their image, as they were")
        self.again = QPushButton("List again")
        buttons = QHBoxLayout()
        buttons.addWidget(self.button, 1)
        buttons.addWidget(self.again)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.addWidget(self.said)
        layout.addWidget(self.table, 1)
        layout.addLayout(buttons)
        self.table.opened.connect(self._open)
        self.table.chosen.connect(self._refresh)
        self.button.clicked.connect(self._open_chosen)
        self.again.clicked.connect(self.list)
        self.runner.returned.connect(self._arrived)
        self.runner.finished.connect(self._refresh)
        self.list()

    def list(self, *_: object) -> None:
        """List the labels of earlier sessions."""
        self.said.setText(READING)
        self._start(partial(_list_job, journal_folder()), READING)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Let the journal know in which window this is."""
        super().showEvent(event)
        self.keeper.follow(self)

    def close_down(self) -> None:
        """Stop what runs."""
        self.runner.stop()

    def _start(self, make_job: MakeJob, title: str) -> None:
        if not self.runner.running:
            self.runner.start(make_job, title, needs_torch=False)
            self._refresh()

    def _open_chosen(self, *_: object) -> None:
        position = self.table.position()
        if position is not None:
            self._open(position)

    def _open(self, position: int) -> None:
        row = self.table.files.rows[position]
        self._start(partial(_open_job, row), f"Opening {row.name}")

    def _arrived(self, result: object) -> None:
        if isinstance(result, list):
            self.table.files.set_rows(result)
            self.said.setText(INTRODUCTION if result else NOTHING)
        elif isinstance(result, tuple):
            self.keeper.put_back([result])

    def _refresh(self, *_: object) -> None:
        idle = not self.runner.running
        self.again.setEnabled(idle)
        self.button.setEnabled(idle and self.table.position() is not None)


def _list_job(folder: Path, stop: threading.Event | None = None) -> Job[list[EarlierLayer]]:
    yield Progress(0, 1, READING)
    return list(earlier_layers(folder))


def _open_job(row: EarlierLayer, stop: threading.Event | None = None) -> Job[Entry]:
    yield Progress(0, 1, f"Opening {row.name}")
    return read_layer(row.path, row.number)
