"""The Project dock: the images of a folder, how far each is, and the loop through them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QWidget,
)
from superqt import QCollapsible

from napari_maskrcnn.annotate.project.about import is_project
from napari_maskrcnn.annotate.project.dataset import export_dataset_job
from napari_maskrcnn.annotate.project.places import images_in
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.sources.opening import SUFFIXES
from napari_maskrcnn.widgets.ask import ask
from napari_maskrcnn.widgets.dock import Dock
from napari_maskrcnn.widgets.jobs_ui import show_note, show_problem
from napari_maskrcnn.widgets.loop import loop_of
from napari_maskrcnn.widgets.loop_row import LoopRow
from napari_maskrcnn.widgets.project_table import ProjectTable

if TYPE_CHECKING:
    from napari import Viewer

NO_PROJECT = (
    "Open a folder of images to go through them one by one. Labels, predictions and how far you "
    "are are kept in it, in files that other programs read."
)
MAKE = (
    "{} is no project yet. Make it one? Its {} images stay as they are; labels and predictions "
    "go into folders beside them, and nothing is ever deleted."
)


class ProjectDock(Dock):
    """Opens a project, lists its images and shows the one that is double-clicked."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, rows=("model",))
        self.loop = loop_of(self.viewer)
        self.title = QLabel()
        self.open_button = QPushButton("Open folder…")
        self.images = ProjectTable(self.loop)
        self.row = LoopRow(self.viewer)
        self.add_button = QPushButton("Add images…")
        self.all_button = QPushButton("Predict all")
        self.copy = QCheckBox("Copy added images into the project")
        self.export_button = QPushButton("Export verified…")
        self.close_button = QPushButton("Close project")
        self.more = QCollapsible("More")
        self._build()
        self._connect()
        self._project_changed()

    def open_folder(self, folder: Path) -> None:
        """Open a folder, which becomes a project if the person says so."""
        project = self.loop.project
        try:
            if project is not None and project.root.resolve() == folder.resolve():
                return
            if is_project(folder):
                self.loop.open(Project.open(folder))
                return
            images = images_in(folder)
            if ask(self, "New project", MAKE.format(folder, len(images))):
                project = Project.create(folder)
                project.add(images)
                self.loop.open(project)
        except (OSError, ValueError) as error:
            show_problem(error)

    def add_images(self, paths: list[str]) -> None:
        """Add image files to the project."""
        project, copy = self.loop.project, self.copy.isChecked()
        if project is None or not paths or self.runner.running:
            return

        def make_job(stop: threading.Event) -> Job[str]:
            return _add_job(project, paths, copy, stop)

        self.runner.start(make_job, "Add images", needs_torch=False)

    def close_down(self) -> None:
        """Stop what runs and give the keys back: the dock was closed."""
        super().close_down()
        self.row.close_down()

    def enterEvent(self, event: Any) -> None:
        """Look whether another program changed the table."""
        super().enterEvent(event)
        self.images.reread()

    def _build(self) -> None:
        self.title.setWordWrap(True)
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.open_button)
        self.body.addLayout(head)
        self.body.addWidget(self.images, 1)
        self.body.addWidget(self.row)
        hidden = QWidget()
        grid = QGridLayout(hidden)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.add_button, 0, 0)
        grid.addWidget(self.all_button, 0, 1)
        grid.addWidget(self.copy, 1, 0, 1, 2)
        grid.addWidget(self.export_button, 2, 0)
        grid.addWidget(self.close_button, 2, 1)
        self.add_button.setToolTip("Add image files; they stay where they are")
        self.all_button.setToolTip("Predict every image without labels, in the background")
        self.export_button.setToolTip("Write images and labels as a folder to train with")
        self.more.addWidget(hidden)
        self.body.addWidget(self.more)

    def _connect(self) -> None:
        self.open_button.clicked.connect(self._ask_folder)
        self.add_button.clicked.connect(self._ask_images)
        self.all_button.clicked.connect(self._toggle_all)
        self.export_button.clicked.connect(self._ask_export)
        self.close_button.clicked.connect(self.loop.close)
        self.header.models.chosen.connect(self._set_model)
        self.loop.project_changed.connect(self._project_changed)
        self.loop.entries_changed.connect(self._refresh)
        self.runner.returned.connect(self._done)

    def _project_changed(self) -> None:
        project = self.loop.project
        self.title.setText(f"<b>{project.root.name}</b>" if project is not None else NO_PROJECT)
        self.title.setToolTip(str(project.root) if project is not None else "")
        for widget in (self.header, self.images, self.row, self.more):
            widget.setVisible(project is not None)
        if project is not None:
            self.header.models.set_value(project.settings.model)
        self._refresh()

    def _refresh(self) -> None:
        busy = self.loop.preparer.predicting_all
        self.all_button.setText("Stop predicting" if busy else "Predict all")

    def _set_model(self, model: str) -> None:
        project = self.loop.project
        if project is None:
            return
        try:
            project.set_settings(model=model)
        except OSError as error:
            show_problem(error)
        self.loop.preparer.start(project)

    def _toggle_all(self) -> None:
        preparer = self.loop.preparer
        if preparer.predicting_all:
            preparer.stop()
        else:
            preparer.predict_all()
        self._refresh()

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of images, or a project")
        if folder:
            self.open_folder(Path(folder))

    def _ask_images(self) -> None:
        kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        paths, _ = QFileDialog.getOpenFileNames(self, "Add images", "", f"Images ({kinds})")
        self.add_images(paths)

    def _ask_export(self) -> None:
        parent = QFileDialog.getExistingDirectory(self, "Folder to put the new dataset into")
        project = self.loop.project
        if parent and project is not None:
            self.export(Path(parent) / f"{project.root.name} dataset")

    def export(self, folder: Path) -> None:
        """Write what is verified as a folder to train with."""
        project = self.loop.project
        if project is None or self.runner.running:
            return

        def make_job(stop: threading.Event) -> Job[str]:
            return _export_job(project, folder, stop)

        self.runner.start(make_job, "Export what is verified", needs_torch=False)

    def _done(self, said: str) -> None:
        show_note(said)
        self.loop.preparer.work()
        self.loop.entries_changed.emit()


def _export_job(project: Project, folder: Path, stop: threading.Event) -> Job[str]:
    found = yield from export_dataset_job(project, folder, stop)
    if not found:
        return "The export was stopped; nothing was written."
    return (
        f"{folder} holds {found['train']} images to train with and {found['validation']} to judge "
        "by."
    )


def _add_job(project: Project, paths: list[str], copy: bool, stop: threading.Event) -> Job[str]:
    added = 0
    # Copies one by one, for they take long; links all at once, for each is a line of one table.
    for part in [[path] for path in paths] if copy else [paths]:
        if stop.is_set():
            break
        yield Progress(added, len(paths), f"Adding {Path(part[0]).name}")
        added += len(project.add(part, copy))
    return f"{added} of {len(paths)} images were added."
