"""The Correct tab: four tools, what to do with the mouse now, and what was corrected so far."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QFormLayout, QGridLayout, QLabel, QPushButton

from napari_maskrcnn.widgets.corrections import TOOLS, Corrections, check_editable
from napari_maskrcnn.widgets.dock import Dock
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.jobs_ui import show_problem
from napari_maskrcnn.widgets.layers import stop_watching, watch
from napari_maskrcnn.widgets.prediction import correction_counts, prediction_of
from napari_maskrcnn.widgets.style import CHECKED
from napari_maskrcnn.widgets.tools import Stroke, Tool, Tools

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

NO_LABELS = "There is no labels layer to correct. Predict first, or add a labels layer."
IDLE = "Choose a tool. napari's brush, fill and eraser work as always; Ctrl+Z takes back one step."
COUNT_MS = 400


class CorrectWidget(Dock):
    """Deletes, merges, splits and adds objects with the mouse."""

    def __init__(self, napari_viewer: Viewer, header: Header | None = None) -> None:
        super().__init__(napari_viewer, header, rows=("labels",))
        self.tools = Tools(self.viewer, self)
        self.corrections = Corrections()
        self.buttons = {tool: QPushButton() for tool in TOOLS}
        self.classes = QComboBox()
        self.hint = QLabel(IDLE)
        self.counts = QLabel()
        self._watched: Labels | None = None
        self._keys: list[str] = []
        self._count_later = QTimer(self)
        self._count_later.setSingleShot(True)
        self._count_later.setInterval(COUNT_MS)
        self._build()
        self._count_later.timeout.connect(self._count)
        self.tools.changed.connect(self._tool_changed)
        self.tools.stroke.connect(self._stroke)
        self.header.labels_changed.connect(self._labels_changed)
        self._bind_keys()
        self._labels_changed()

    def _build(self) -> None:
        grid = QGridLayout()
        for place, (tool, button) in enumerate(self.buttons.items()):
            button.setText(f"{tool.name}  ({tool.key})")
            button.setToolTip(f"{tool.hint} Key: {tool.key}. Hold Space to move the view.")
            button.setCheckable(True)
            button.setMinimumHeight(34)
            button.setStyleSheet(CHECKED)
            button.clicked.connect(partial(self.toggle, tool))
            grid.addWidget(button, place // 2, place % 2)
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.addRow("Class of new objects", self.classes)
        for label in (self.hint, self.counts):
            label.setWordWrap(True)
        self.body.addLayout(grid)
        self.body.addLayout(self._form)
        self.body.addWidget(self.hint)
        self.body.addWidget(self.counts)
        self.body.addStretch(1)

    def toggle(self, tool: Tool, *_: object) -> None:
        """Turn a tool on, or off when it is on."""
        labels = self.header.labels.layer()
        if self.tools.tool is tool:
            self.tools.stop()
            return
        try:
            if labels is None:
                raise ValueError(NO_LABELS)
            check_editable(labels)
        except ValueError as error:
            show_problem(error)
            self._tool_changed(self.tools.tool)
            return
        self.tools.start(tool, labels)

    def close_down(self) -> None:
        """Give keys and mouse back: the widget was closed."""
        super().close_down()
        self.tools.stop()
        self._watch(None)
        for key in self._keys:
            self.viewer.bind_key(key, None)
        self._keys.clear()

    def _bind_keys(self) -> None:
        for tool in TOOLS:
            try:
                self.viewer.bind_key(tool.key, self._pressed(tool))
            except ValueError:
                # Someone else's binding on this viewer stays; the button still works.
                continue
            self._keys.append(tool.key)

    def _pressed(self, tool: Tool) -> Callable[[Viewer], None]:
        # A function: napari asks a key's action for its name.
        def press(viewer: Viewer) -> None:
            self.toggle(tool)

        return press

    def _stroke(self, stroke: Stroke) -> None:
        class_name = self.classes.currentText()
        try:
            self.hint.setText(self.corrections.apply(stroke, class_name))
        except ValueError as error:
            show_problem(error)

    def _tool_changed(self, tool: Tool | None) -> None:
        self.corrections.kept = 0
        for other, button in self.buttons.items():
            button.setChecked(other is tool)
        self.hint.setText(tool.hint if tool is not None else IDLE)

    def _labels_changed(self) -> None:
        labels = self.header.labels.layer()
        self.tools.stop()
        self._watch(labels)
        record = prediction_of(labels)
        names = record.kept.class_names if record is not None else ()
        self.classes.clear()
        self.classes.addItems(list(names))
        self._form.setRowVisible(self.classes, len(names) > 1)
        self._count()

    def _watch(self, labels: Labels | None) -> None:
        if self._watched is not None:
            stop_watching(self._watched, self._changed)
        self._watched = labels
        if labels is not None:
            watch(labels, self._changed)

    def _changed(self, event: Any = None) -> None:
        self._count_later.start()

    def _count(self) -> None:
        self.counts.setText(correction_counts(self._watched) if self._watched is not None else "")
