"""The table of a project's images: how far each is, which comes next, what its labels are for."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_maskrcnn.annotate.image_states import State
from napari_maskrcnn.annotate.project.entries import ROLES, Entry, counts
from napari_maskrcnn.widgets.file_table import Column, FileTable
from napari_maskrcnn.widgets.jobs_ui import show_problem
from napari_maskrcnn.widgets.loop import Loop

#: What a person can say of an image.
SAYABLE = (State.PREDICTED, State.CORRECTING, State.VERIFIED, State.EXCLUDED)
SURE = "How certain the prediction is: a tenth of its objects score lower than this"

COLUMNS: tuple[Column[Entry], ...] = (
    Column("Image", lambda e: e.name, tip=lambda e: e.image, wide=True),
    Column("State", lambda e: e.state.value, tip=lambda e: f"{e.state.value}, for {e.role}"),
    Column("Objects", lambda e: e.objects),
    Column(
        "Sure",
        lambda e: e.certainty,
        lambda e: "" if e.certainty is None else f"{e.certainty:.2f}",
        lambda e: SURE,
    ),
)


class ProjectTable(QWidget):
    """Lists the images of the project that is open; a double click shows one.

    Parameters
    ----------
    loop : Loop
        Goes through the images in the order of the table, however that is sorted.
    """

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self.loop = loop
        self.table: FileTable[Entry] = FileTable(COLUMNS)
        self.counts = QLabel()
        self.chosen = QWidget()
        self.state, self.role = QComboBox(), QComboBox()
        self._build()
        self.table.opened.connect(self._open)
        self.table.chosen.connect(self._show_chosen)
        self.table.files.layoutChanged.connect(self._sorted)
        self.state.activated.connect(self._set_state)
        self.role.activated.connect(self._set_role)
        loop.project_changed.connect(self.refresh)
        loop.entries_changed.connect(self.refresh)
        loop.desk.swapped.connect(self._swapped)
        self._said = ""
        self.refresh()

    def refresh(self) -> None:
        """Show the images as they are now."""
        files = self.table.files
        entries = self.loop.project.entries if self.loop.project is not None else ()
        if [entry.name for entry in entries] != [entry.name for entry in files.rows]:
            files.set_rows(entries)
            self._sorted()
        for position, (now, before) in enumerate(zip(entries, files.rows, strict=True)):
            if now != before:
                files.replace(position, now)
        found = counts(entries)
        self.counts.setText(" · ".join(f"{n} {state.value}" for state, n in found.items()))
        self._show_chosen()

    def reread(self) -> None:
        """Look whether another program changed the table."""
        project = self.loop.project
        try:
            if project is not None and project.entries != project.refresh():
                self.refresh()
            self._said = ""
        except (OSError, ValueError) as error:
            # The mouse comes by often.
            if str(error) != self._said:
                show_problem(error)
            self._said = str(error)

    def _build(self) -> None:
        self.table.setMinimumHeight(200)
        self.counts.setWordWrap(True)
        self.state.addItems([state.value.capitalize() for state in SAYABLE])
        self.state.setToolTip("How far the chosen image is")
        self.role.addItems([role.capitalize() for role in ROLES])
        self.role.setToolTip("What the labels of the chosen image are for: to learn, or to judge")
        chosen = QHBoxLayout(self.chosen)
        chosen.setContentsMargins(0, 0, 0, 0)
        chosen.addWidget(self.state, 1)
        chosen.addWidget(self.role, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.counts)
        layout.addWidget(self.chosen)

    def _entry(self) -> Entry | None:
        position = self.table.position()
        return self.table.files.rows[position] if position is not None else None

    def _show_chosen(self, *_: object) -> None:
        entry = self._entry()
        self.chosen.setVisible(entry is not None)
        if entry is not None:
            known = entry.state in SAYABLE
            self.state.setCurrentIndex(SAYABLE.index(entry.state) if known else -1)
            self.role.setCurrentIndex(ROLES.index(entry.role))

    def _open(self, position: int) -> None:
        self.loop.show(self.table.files.rows[position].name)

    def _swapped(self) -> None:
        names = [entry.name for entry in self.table.files.rows]
        if self.loop.desk.name in names:
            self.table.choose(names.index(self.loop.desk.name))

    def _sorted(self) -> None:
        files, rows = self.table.files, self.table.files.rows
        self.loop.order = [rows[files.position(at)].name for at in range(len(rows))]
        self.loop.preparer.work()

    def _set_state(self, row: int) -> None:
        entry = self._entry()
        if entry is not None and self.loop.project is not None:
            self.loop.desk.set_state(entry.name, SAYABLE[row])
            self.loop.preparer.forget(entry.name)

    def _set_role(self, row: int) -> None:
        entry, project = self._entry(), self.loop.project
        if entry is not None and project is not None:
            self.loop.desk.saver.submit(partial(project.update, entry.name, role=ROLES[row]))
