"""The dock that predicts a folder: a form, the button, and what became of each image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_maskrcnn.jobs import Progress, time_left
from napari_maskrcnn.predict.folder.job import FolderResult
from napari_maskrcnn.predict.folder.plan import FileState, Plan, replacing
from napari_maskrcnn.widgets.ask import ask, ask_download
from napari_maskrcnn.widgets.dock import Dock
from napari_maskrcnn.widgets.file_table import Column, FileTable
from napari_maskrcnn.widgets.folder_form import FolderForm
from napari_maskrcnn.widgets.folder_work import Asked, Looked, folder_job, look_job
from napari_maskrcnn.widgets.job_row import JobRow
from napari_maskrcnn.widgets.jobs_ui import show_problem
from napari_maskrcnn.widgets.pair_opener import PairOpener

if TYPE_CHECKING:
    from napari import Viewer

#: In the order in which they are counted.
STATUSES = ("done", "failed", "exists", "busy", "predicting", "waiting")
NO_FOLDERS = "Choose the folder of images and the folder for the labels first."
ROWS_SHOWN = 8


class FolderDock(Dock):
    """Predicts every image of a folder, and goes on where an earlier run ended."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, rows=("model",))
        self.form = FolderForm()
        self.row = JobRow("Predict", self.runner)
        self.row.cancel.setToolTip("End at the next step; images that are finished stay so")
        self.summary = QLabel()
        self.table: FileTable[FileState] = FileTable(
            (
                Column("Image", self._name, tip=lambda file: str(file.task.source), wide=True),
                Column("Status", lambda file: file.status, tip=lambda file: file.reason),
                Column("Objects", lambda file: file.objects),
            )
        )
        self.detail = QLabel()
        self.opener = PairOpener(self.viewer, self)
        # What the table lists, and what came since it was shown last.
        self._names: Mapping[Path, str] = {}
        self._changes: dict[int, FileState] = {}
        # What runs after the folder was looked through.
        self._title = ""
        self._predicting, self._again = False, False
        self._next: Plan | None = None
        self._build()
        self._connect()
        self.layers_changed()
        self._say()

    def _build(self) -> None:
        self.table.setMinimumHeight(ROWS_SHOWN * (self.fontMetrics().height() + 8))
        for label in (self.summary, self.detail):
            label.setWordWrap(True)
        self.detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for widget in (self.form, self.row, self.summary):
            self.body.addWidget(widget)
        self.body.addWidget(self.table, 1)
        self.body.addWidget(self.detail)
        # Takes the height while there is no table; beside one, which asks for all of it, nothing.
        self.body.addStretch(0)

    def _connect(self) -> None:
        self.row.button.clicked.connect(self.predict)
        self.form.folders_changed.connect(self.look)
        self.form.model_wanted.connect(self.header.models.set_value)
        self.form.model_wanted.connect(self.look)
        self.header.models.chosen.connect(self.look)
        self.runner.progressed.connect(self._take_step)
        self.runner.shown.connect(self._show_step)
        self.runner.returned.connect(self._take)
        self.runner.finished.connect(self._go_on)
        self.table.opened.connect(self._open)
        self.table.chosen.connect(self._say)

    def look(self) -> None:
        """List the images of the folder with what an earlier run did, once both are named."""
        if self.runner.running:
            if not self._predicting:
                self._again = True
                self.runner.stop()
        elif (asked := self._asked()) is not None and not self.header.models.needs_download():
            self._look(asked)

    def predict(self) -> None:
        """Look what is to be done, ask about what is in the way, and do it."""
        asked = self._asked()
        if asked is None:
            show_problem(NO_FOLDERS)
            return
        if problems := asked.request.settings.problems():
            show_problem(" ".join(problems))
            return
        download = self.header.models.needs_download()
        if download and not ask_download(self):
            return
        self._predicting = True
        self._look(Asked(asked.images, asked.output, asked.request, download))

    def layers_changed(self) -> None:
        """Offer the settings of the predictions that are there."""
        self.form.offer(self.viewer.layers)

    def close_down(self) -> None:
        """Stop what runs: the dock was closed."""
        super().close_down()
        self.opener.stop()

    def _asked(self) -> Asked | None:
        images, labels = self.form.images.folder(), self.form.labels.folder()
        if images is None or labels is None:
            return None
        return Asked(images, labels, self.form.request(self.header.models.value()))

    def _look(self, asked: Asked) -> None:
        self._title = asked.images.name
        self.form.setEnabled(not self._predicting)
        title = f"Look through {self._title}"
        self.runner.start(partial(look_job, asked), title, needs_torch=False)

    def _take(self, result: Looked | FolderResult | None) -> None:
        if isinstance(result, Looked):
            self._names = result.names
            self.table.files.set_rows(result.plan.files)
            if self._predicting and not self.runner.cancelled:
                self._next = self._allowed(result.plan)
        elif isinstance(result, FolderResult):
            self._show_changes()
            before = enumerate(zip(self.table.files.rows, result.files, strict=True))
            self._changes = {number: now for number, (then, now) in before if now != then}
            self._show_changes()
            if result.ended:
                show_problem(result.ended)
        self._say()

    def _allowed(self, plan: Plan) -> Plan | None:
        """Ask whether to replace what is in the way; return what is to be done, None if nothing."""
        there = [state for state in plan.files if state.status == "exists"]
        if there and ask(self, "Replace", _question(there)):
            plan = replacing(plan)
            self.table.files.set_rows(plan.files)
        return plan if plan.todo else None

    def _go_on(self) -> None:
        """Start what follows, when the thread of the last job is free."""
        plan, self._next = self._next, None
        again, self._again = self._again, False
        if plan is not None:
            self.runner.start(partial(folder_job, plan), f"Predict {self._title}")
            return
        self._predicting = False
        self.form.setEnabled(True)
        if again:
            self.look()

    def _take_step(self, step: Progress) -> None:
        # Of small images hundreds come in a second; the window shows them a few times.
        if (state := step.data.get("file")) is not None:
            self._changes[step.data["number"]] = state

    def _show_step(self, step: Progress) -> None:
        if self._changes:
            self._show_changes()
            self._say()
        seconds = step.data.get("seconds_left")
        if seconds is not None:
            self.row.message.setText(f"{step.message}, {time_left(seconds)}")

    def _show_changes(self) -> None:
        changes, self._changes = self._changes, {}
        self.table.files.replace_some(changes)

    def _say(self, chosen: int | None = None) -> None:
        """Count the images, and say what there is to know of the chosen one."""
        rows = self.table.files.rows
        counts = Counter[str](state.status for state in rows)
        words = [f"{counts[status]} {status}" for status in STATUSES if counts[status]]
        plural = "" if len(rows) == 1 else "s"
        self.summary.setText(f"{len(rows)} image{plural}: {', '.join(words)}" if rows else "")
        self.summary.setVisible(bool(rows))
        self.table.setVisible(bool(rows))
        at = self.table.position()
        told = _detail(rows[at]) if at is not None else ""
        self.detail.setText(told)
        self.detail.setVisible(bool(told))

    def _open(self, number: int) -> None:
        self.opener.open(self.table.files.rows[number].task)

    def _name(self, state: FileState) -> str:
        return self._names[state.task.source]


def _detail(state: FileState) -> str:
    """Say what there is to know of an image beside its row; empty when that says all."""
    if not state.reason:
        return f"{state.task.source.name}: {state.reading}" if state.reading else ""
    remedy = "; press Predict to be asked whether to replace it" if state.status == "exists" else ""
    # A reason often begins with the file it is about.
    reason = state.reason.removeprefix(f"{state.task.source}: ")
    return f"{state.task.source.name}: {reason}{remedy}"


def _question(there: list[FileState]) -> str:
    count = "1 image has labels" if len(there) == 1 else f"{len(there)} images have labels"
    return (
        f"{count} already, of another origin or made with other settings. The first: "
        f"{there[0].reason}. Replace them? Otherwise they stay, and the others are predicted."
    )
