"""The Export tab: a format, a file, the button, and the same as a command."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
)

from napari_maskrcnn.formats import Format
from napari_maskrcnn.formats.registry import writable
from napari_maskrcnn.jobs import Job
from napari_maskrcnn.widgets.as_command import command_job
from napari_maskrcnn.widgets.ask import ask
from napari_maskrcnn.widgets.dock import Dock
from napari_maskrcnn.widgets.export_job import (
    ExportRequest,
    check_path,
    export_job,
    in_the_way,
    suggested_path,
)
from napari_maskrcnn.widgets.format_hints import OPENS_IN
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.job_row import JobRow
from napari_maskrcnn.widgets.jobs_ui import JobRunner, show_note, show_problem
from napari_maskrcnn.widgets.layers import (
    file_of,
    full_data,
    micrometres,
    series_axes,
    spatial_shape,
)
from napari_maskrcnn.widgets.origin import origin_of
from napari_maskrcnn.widgets.prediction import prediction_of

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

NO_LABELS = "There is no labels layer to export. Predict first, or open labels."
#: Formats that give back the labels as they are, which a copied command can read.
LOSSLESS = ("tiff", "ome-zarr", "cellpose")


class ExportWidget(Dock):
    """Writes a labels layer to the file that the next tool reads."""

    def __init__(self, napari_viewer: Viewer, header: Header | None = None) -> None:
        super().__init__(napari_viewer, header, rows=("image", "labels"))
        self.formats = QComboBox()
        # A long title must not widen the dock.
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.formats.setSizeAdjustPolicy(policy)
        self.formats.setMinimumContentsLength(8)
        for row, entry in enumerate(writable()):
            self.formats.addItem(f"{entry.title[0].upper()}{entry.title[1:]}", entry)
            endings = " or ".join(entry.suffixes) or "a folder"
            self.formats.setItemData(row, endings, Qt.ItemDataRole.ToolTipRole)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.what = QLabel()
        self.path = QLineEdit()
        self.path.setPlaceholderText("file to write")
        self.browse = QPushButton("Browse…")
        self.row = JobRow("Export", self.runner)
        self.row.cancel.setToolTip("End it; nothing is written")
        self.copy = QPushButton("Copy as command")
        self.copy.setToolTip("The same export for a terminal or a script")
        self._copier = JobRunner(self)
        self.note = QLabel()
        self.note.setWordWrap(True)
        # The export that runs, and the last file of each layer that a command can read.
        self._running: ExportRequest | None = None
        self._saved: dict[str, Path] = {}
        # What the field was filled with, the folder that a person chose, that of the last export.
        self._suggested: Path | None = None
        self._chosen: Path | None = None
        self._last: Path | None = None
        self._build()
        self.formats.currentIndexChanged.connect(self._suggest)
        self.browse.clicked.connect(self._browse)
        self.row.button.clicked.connect(self.export)
        self.copy.clicked.connect(self.copy_command)
        self._copier.started.connect(partial(self.copy.setEnabled, False))
        self._copier.returned.connect(self._copied)
        self._copier.finished.connect(partial(self.copy.setEnabled, True))
        self.runner.returned.connect(self._done)
        self.header.labels_changed.connect(self._suggest)
        self._suggest()

    def _build(self) -> None:
        place = QHBoxLayout()
        place.addWidget(self.path, 1)
        place.addWidget(self.browse)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Format", self.formats)
        form.addRow("", self.hint)
        form.addRow(self.what, place)
        self.body.addLayout(form)
        for widget in (self.row, self.copy, self.note):
            self.body.addWidget(widget)
        self.body.addStretch(1)

    def format(self) -> Format:
        """Return the chosen format."""
        chosen: Format = self.formats.currentData()
        return chosen

    def export(self) -> None:
        """Write the chosen labels; ask before replacing a file."""
        try:
            request = self._request()
        except ValueError as error:
            show_problem(error)
            return
        folder = request.path.absolute().parent
        if not folder.exists() and not ask(
            self, "Create a folder", f"There is no folder {folder} yet. Create it?"
        ):
            return
        found = in_the_way(request.path, request.format)
        if found is not None:
            if not ask(self, "Replace", f"{found} exists. Replace it?"):
                return
            request.overwrite = True
        self.note.clear()
        self._running = request

        def make_job(stop: threading.Event) -> Job[Path | None]:
            return export_job(request, stop)

        self.runner.start(make_job, f"Export {request.path.name}", needs_torch=False)

    def copy_command(self) -> None:
        """Work the command out that does the same, and put it onto the clipboard."""
        try:
            request = self._request()
        except ValueError as error:
            show_problem(error)
            return
        record = prediction_of(self.header.labels.layer())
        # A copy: the sliders may change what is chosen meanwhile.
        record = replace(record) if record is not None else None
        saved = self._saved.get(request.name)
        job = partial(command_job, request, record, saved)
        self._copier.start(job, "Copy as command", needs_torch=False)

    def close_down(self) -> None:
        """Stop what runs: the widget was closed."""
        super().close_down()
        self._copier.stop()

    def _copied(self, text: str) -> None:
        if self._copier.cancelled:
            return
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)
        show_note("The command is on the clipboard.")

    def _request(self) -> ExportRequest:
        labels = self.header.labels.layer()
        if labels is None:
            raise ValueError(NO_LABELS)
        if not self.path.text().strip():
            raise ValueError("Name the file to write: type it, or press Browse.")
        path = Path(self.path.text().strip()).expanduser()
        check_path(path, self.format())
        image = self.header.images.layer()
        data = full_data(labels)
        fits = image is not None and spatial_shape(image) == spatial_shape(labels)
        return ExportRequest(
            name=labels.name,
            # A copy: painting goes on while the file is written. The job reads lazy ones.
            labels=np.array(data) if isinstance(data, np.ndarray) else data,
            path=path,
            format=self.format(),
            image=full_data(image) if fits else None,
            image_source=_path_of(image) if fits else None,
            table=labels.features.copy() if "index" in labels.features else None,
            scale=micrometres(labels),
            source=_path_of(labels),
            origin=origin_of(labels, image if fits else None),
            axes=series_axes(labels.axis_labels, _are_frames(labels)),
        )

    def _browse(self) -> None:
        suffixes = " ".join(f"*{suffix}" for suffix in self.format().suffixes) or "*"
        path, _ = QFileDialog.getSaveFileName(
            self,
            "Export labels",
            self.path.text(),
            f"{self.format().title} ({suffixes})",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if path:
            self.path.setText(path)

    def _suggest(self) -> None:
        self.hint.setText(OPENS_IN.get(self.format().name, ""))
        self.what.setText("Folder" if self.format().folder else "File")
        labels = self.header.labels.layer()
        if labels is not None:
            image = self.header.images.layer()
            source = file_of(image) if image is not None else None
            fits = image is not None and spatial_shape(image) == spatial_shape(labels)
            named = source if fits else None
            path = suggested_path(self._folder(source), labels, named, self.format())
            self._suggested = path
            self.path.setText(str(path))
            self.path.setToolTip(self.path.text())

    def _folder(self, image_file: str | None) -> Path:
        """The folder that was chosen; else the image's, or that of the last export, or home."""
        text = self.path.text().strip()
        folder = Path(text).parent
        if text and (self._suggested is None or folder != self._suggested.parent):
            self._chosen = folder
        beside = Path(image_file).parent if image_file else None
        return self._chosen or beside or self._last or Path.home()

    def _done(self, path: Path | None) -> None:
        # Another layer or format may be chosen by now: what was asked for counts.
        request, self._running = self._running, None
        if path is None:
            self.note.setText("Cancelled; nothing was written.")
            return
        self._last = path.parent
        if request is not None and request.format.name in LOSSLESS:
            self._saved[request.name] = path
        self.note.setText(f"Written: {path}")


def _are_frames(labels: Layer) -> bool:
    record = prediction_of(labels)
    return record is not None and record.kept.settings.link == "t"


def _path_of(layer: Layer) -> Path | None:
    path = file_of(layer)
    return Path(path) if path else None
