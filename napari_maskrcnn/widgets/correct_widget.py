"""The Correct tab: the tools, what to do with the mouse now, and what was corrected so far."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_maskrcnn.widgets import toolbox
from napari_maskrcnn.widgets.class_box import ClassBox
from napari_maskrcnn.widgets.corrected_box import CorrectedBox
from napari_maskrcnn.widgets.corrections import Corrections
from napari_maskrcnn.widgets.dock import Dock
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.jobs_ui import show_problem
from napari_maskrcnn.widgets.keys import Keys
from napari_maskrcnn.widgets.layers import displayed_plane
from napari_maskrcnn.widgets.ledger import ledger_of
from napari_maskrcnn.widgets.loop_row import LoopRow
from napari_maskrcnn.widgets.prompting import Prompting
from napari_maskrcnn.widgets.review_box import ReviewBox
from napari_maskrcnn.widgets.state_box import StateBox
from napari_maskrcnn.widgets.struck import check_editable
from napari_maskrcnn.widgets.style import CHECKED
from napari_maskrcnn.widgets.tool_grid import HEIGHT, ToolGrid, make_button
from napari_maskrcnn.widgets.tools import Stroke, Tool, Tools

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

    from napari_maskrcnn.predict.prompt import Prompter

NO_LABELS = "There is no labels layer to correct. Predict first, or add a labels layer."
IDLE = "Choose a tool. napari's brush, fill and eraser work as always; Ctrl+Z takes back one step."
REVIEWING = "The keys act on the framed object; every tool works meanwhile."
MORE = "More tools"
SMALLER = "Remove the objects of the shown plane with a smaller area than this."
SMALL = 20


class CorrectWidget(Dock):
    """Deletes, merges, splits, adds and reshapes objects with the mouse, and reviews them."""

    def __init__(self, napari_viewer: Viewer, header: Header | None = None) -> None:
        super().__init__(napari_viewer, header, rows=("labels",))
        self.tools = Tools(self.viewer, self)
        self.corrections = Corrections(self.viewer)
        self.prompting = Prompting(self.viewer, self.header, self)
        self.common = ToolGrid(toolbox.COMMON, self.toggle)
        self.more = ToolGrid(toolbox.MORE, self.toggle)
        self.assign = ToolGrid((toolbox.CLASS,), self.toggle)
        self.buttons = {**self.common.buttons, **self.more.buttons, **self.assign.buttons}
        self.review_button = make_button("Review", "W", "Go through the least certain objects.")
        self.review = ReviewBox(self.viewer)
        self.classes = ClassBox()
        self.class_row = QWidget()
        self.classes_button = QPushButton("Classes")
        self.small = QSpinBox()
        self.small_button = make_button("Remove below", "Shift-R", SMALLER)
        self.loop_row = LoopRow(self.viewer, self.tools, self.toggle)
        self.collapsed = QCollapsible(MORE)
        self.hint = QLabel(IDLE)
        self.corrected = CorrectedBox(self.viewer)
        self.states = StateBox(self.viewer, self.corrected.follower)
        self._build()
        self._connect()
        self._keys = Keys(self.viewer, self._actions())
        self._labels_changed()

    def _build(self) -> None:
        self.review_button.setCheckable(True)
        self.common.append(self.review_button)
        self.classes_button.setCheckable(True)
        self.classes_button.setMinimumHeight(HEIGHT)
        self.classes_button.setStyleSheet(CHECKED)
        self.classes_button.setToolTip("Show the class of new objects, and what changes classes")
        self.more.append(self.classes_button)
        self.small.setRange(1, 10_000_000)
        self.small.setValue(SMALL)
        self.small.setSuffix(" px")
        self.small.setToolTip("Objects of the shown plane with a smaller area are removed")
        row = QHBoxLayout(self.class_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Class"))
        row.addWidget(self.classes, 1)
        row.addWidget(self.assign)
        hidden = QWidget()
        below = QVBoxLayout(hidden)
        below.setContentsMargins(0, 0, 0, 0)
        below.addWidget(self.more)
        small = QHBoxLayout()
        small.addWidget(self.small_button)
        # No label beside it: with one, its number is cut off at the width of a dock.
        small.addWidget(self.small, 1)
        below.addLayout(small)
        self.collapsed.addWidget(hidden)
        self.hint.setWordWrap(True)
        shown = (self.common, self.review, self.class_row, self.hint, self.corrected, self.states)
        for widget in shown:
            self.body.addWidget(widget)
        self.body.addWidget(self.collapsed)
        self.body.addStretch(1)
        self.body.addWidget(self.loop_row)

    def _connect(self) -> None:
        self.tools.changed.connect(self._tool_changed)
        self.tools.stroke.connect(self._stroke)
        self.prompting.answered.connect(self._find)
        self.prompting.said.connect(self._say_ready)
        self.header.labels_changed.connect(self._labels_changed)
        self.review_button.clicked.connect(self._toggle_review)
        self.review.ended.connect(self._review_ended)
        self.classes.changed.connect(self._show_class_row)
        self.classes_button.clicked.connect(self._show_class_row)
        self.small_button.clicked.connect(self.remove_small)
        # Objects have the colours of their classes, or of what was corrected.
        self.corrected.coloured.connect(partial(_one_of_two, self.classes.by_class))
        self.classes.by_class.toggled.connect(partial(_one_of_two, self.corrected.colours))

    def _actions(self) -> dict[str, Callable[[], None]]:
        actions = {tool.key: partial(self.toggle, tool) for tool in toolbox.TOOLS}
        return actions | {
            toolbox.ACCEPT.key: self._accept,
            "W": self._next,
            "Shift-W": self.review.back.click,
            "Delete": self.review.remove,
            "Backspace": self.review.remove,
            "R": self.review.paint,
            "Shift-R": self.remove_small,
        }

    def toggle(self, tool: Tool, *_: object) -> None:
        """Turn a tool on, or off when it is on."""
        if self.tools.tool is tool:
            self.tools.stop()
            return
        labels = self._editable()
        if labels is None or not self._is_flat(labels):
            self._tool_changed(self.tools.tool)
        elif tool.stack and labels.ndim < 3:
            show_problem(ValueError(f"{tool.name} needs a stack; these labels are one plane."))
        else:
            self.tools.start(tool, labels)

    def remove_small(self, *_: object) -> None:
        """Remove the objects of the shown plane that are smaller than the given area."""
        labels = self._editable()
        if labels is not None:
            self._try(lambda: self.corrections.remove_small(labels, self.small.value()))

    def close_down(self) -> None:
        """Give keys and mouse back: the widget was closed."""
        super().close_down()
        self.tools.stop()
        self.review.stop()
        self.loop_row.close_down()
        self.classes.load(None)
        self.corrected.close_down()
        self.states.close_down()
        self._keys.close()

    def _editable(self) -> Labels | None:
        """The labels, or None after saying why they cannot be corrected."""
        labels: Labels | None = self.header.labels.layer()
        try:
            if labels is None:
                raise ValueError(NO_LABELS)
            check_editable(labels)
        except ValueError as error:
            show_problem(error)
            return None
        return labels

    def _is_flat(self, labels: Labels) -> bool:
        """Whether a plane of the labels is shown, which every tool needs; else say so."""
        try:
            displayed_plane(self.viewer, labels)
        except ValueError as error:
            show_problem(error)
            return False
        return True

    def _stroke(self, stroke: Stroke) -> None:
        if stroke.tool is toolbox.FIND:
            self._ask(lambda: self.prompting.ask(stroke))
        else:
            self._try(lambda: self.corrections.apply(stroke))

    def _find(self, stroke: Stroke, prompter: Prompter) -> None:
        self._try(lambda: self.corrections.find(stroke, prompter))

    def _ask(self, act: Callable[[], None]) -> None:
        try:
            act()
        except ValueError as error:
            show_problem(error)

    def _say_ready(self, waiting: str) -> None:
        if self.tools.tool is toolbox.FIND:
            self.hint.setText(waiting or toolbox.FIND.hint)

    def _try(self, act: Callable[[], str]) -> None:
        try:
            self.hint.setText(act())
        except ValueError as error:
            show_problem(error)

    def _tool_changed(self, tool: Tool | None) -> None:
        self.corrections.forget()
        for other, button in self.buttons.items():
            button.setChecked(other is tool)
        idle = REVIEWING if self.review.running else IDLE
        self.hint.setText(tool.hint if tool is not None else idle)
        # Collapsed, it still says which of its tools is on.
        self.collapsed.setText(f"{MORE}: {tool.name}" if tool and tool in toolbox.MORE else MORE)
        labels = self.header.labels.layer()
        if tool is toolbox.FIND and labels is not None:
            self._ask(lambda: self.prompting.begin(labels))
        else:
            self.prompting.end()

    def _accept(self) -> None:
        if self.review.running and self.tools.tool is None:
            self.review.toggle_accepted()
        else:
            self.toggle(toolbox.ACCEPT)

    def _next(self) -> None:
        if self.review.running:
            self.review.step()
        else:
            self._toggle_review()

    def _toggle_review(self, *_: object) -> None:
        if self.review.running:
            self.review.stop()
            return
        labels = self._editable()
        if labels is not None and self._is_flat(labels):
            self.tools.stop()
            self.review.start(labels)
            self.hint.setText(REVIEWING)
        self.review_button.setChecked(self.review.running)

    def _review_ended(self) -> None:
        self.review_button.setChecked(False)
        self._tool_changed(self.tools.tool)

    def _show_class_row(self, *_: object) -> None:
        several = self.classes.names.count() > 1
        self.class_row.setVisible(several or self.classes_button.isChecked())

    def _labels_changed(self) -> None:
        labels = self.header.labels.layer()
        self.tools.stop()
        self.review.stop()
        # Nothing can be corrected in a pyramid, as every tool says.
        listed = labels if labels is not None and not labels.multiscale else None
        if listed is not None:
            ledger_of(listed)
        self.classes.load(listed)
        self.corrected.load(labels)
        self.states.load(labels)
        self.more.show_stack_tools(labels is not None and labels.ndim > 2)


def _one_of_two(other: QCheckBox | QAction, on: bool) -> None:
    """Turn another choice off when this one is turned on."""
    if on:
        other.setChecked(False)
