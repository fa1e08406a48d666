"""The two buttons of the annotator's loop, and how far a person is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_maskrcnn.annotate.image_states import State
from napari_maskrcnn.annotate.project.entries import counts
from napari_maskrcnn.widgets.loop import NEXT_KEY, PREVIOUS_KEY, Loop, loop_of
from napari_maskrcnn.widgets.style import PRIMARY
from napari_maskrcnn.widgets.tool_grid import make_button

if TYPE_CHECKING:
    from napari import Viewer

    from napari_maskrcnn.widgets.tools import Tool, Tools

HEIGHT = 36


class LoopRow(QWidget):
    """Previous, and Verified, next.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the images are.
    tools : Tools, optional
        Tools of which one may be on when another image takes the place of this one.
    start : callable, optional
        Turns that tool on again.
    """

    def __init__(
        self,
        viewer: Viewer,
        tools: Tools | None = None,
        start: Callable[[Tool], None] | None = None,
    ) -> None:
        super().__init__()
        self.loop: Loop = loop_of(viewer)
        self._tools, self._start = tools, start
        self._tool: Tool | None = None
        self._attached = False
        self.back = make_button("Previous", PREVIOUS_KEY, "Back to the image before.", HEIGHT)
        self.next = make_button(
            "Verified, next",
            NEXT_KEY,
            "This is right: save it and show what comes next, a plane of the stack or an image.",
            HEIGHT,
        )
        self.next.setStyleSheet(PRIMARY)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self._build()
        self._connect()
        self._refresh()

    def close_down(self) -> None:
        """Give the keys back: the widget was closed."""
        if self._attached:
            self._attached = False
            self.loop.detach()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Bind the keys."""
        super().showEvent(event)
        if not self._attached:
            self._attached = True
            self.loop.attach()

    def _build(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.back)
        buttons.addWidget(self.next, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(buttons)
        layout.addWidget(self.text)

    def _connect(self) -> None:
        loop = self.loop
        self.back.clicked.connect(loop.previous)
        self.next.clicked.connect(loop.verify_next)
        loop.project_changed.connect(self._refresh)
        loop.entries_changed.connect(self._refresh)
        loop.waiting_changed.connect(self._wait)
        loop.desk.swapping.connect(self._swapping)
        loop.desk.swapped.connect(self._swapped)

    def _wait(self, text: str) -> None:
        self.text.setText(text or progress_text(self.loop))
        self.text.setVisible(bool(self.text.text()))

    def _refresh(self) -> None:
        self.back.setVisible(self.loop.project is not None)
        self._wait(f"Opening {self.loop.preparer.wanted}…" if self.loop.preparer.wanted else "")

    def _swapping(self) -> None:
        if self._tools is not None:
            self._tool = self._tools.tool
            self._tools.stop()

    def _swapped(self) -> None:
        tool, self._tool = self._tool, None
        if tool is not None and self._start is not None:
            self._start(tool)
        self._refresh()


def progress_text(loop: Loop) -> str:
    """Say how many images are verified, and how fast that goes."""
    if loop.project is None:
        return ""
    found = counts(loop.project.entries)
    left = sum(found.values()) - found.get(State.EXCLUDED, 0)
    words = [f"{found.get(State.VERIFIED, 0)} of {left} verified"]
    pace = loop.desk.pace.objects_per_hour
    if pace is not None:
        words.append(f"{pace:,} objects an hour")
    return " · ".join(words)
