"""Buttons of tools, two in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QPushButton, QWidget

from napari_maskrcnn.widgets.style import CHECKED
from napari_maskrcnn.widgets.tools import Tool

COLUMNS = 2
HEIGHT = 32


def shown_key(key: str) -> str:
    """How a key reads on a button."""
    return key.replace("Shift-", "⇧")


def make_button(text: str, key: str, tooltip: str, height: int = HEIGHT) -> QPushButton:
    """A button for what a key does too."""
    button = QPushButton(f"{text}  ({shown_key(key)})")
    button.setToolTip(f"{tooltip} Key: {key.replace('-', '+')}.")
    button.setMinimumHeight(height)
    button.setStyleSheet(CHECKED)
    # A clicked button would take Space, which moves the view.
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


class ToolGrid(QWidget):
    """Buttons that turn tools on and off.

    Parameters
    ----------
    tools : iterable of Tool
        The tools.
    pressed : callable
        Called with the tool whose button was clicked.
    """

    def __init__(self, tools: Iterable[Tool], pressed: Callable[[Tool], None]) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self.buttons: dict[Tool, QPushButton] = {}
        self._cells: list[tuple[QPushButton, Tool | None]] = []
        for tool in tools:
            tooltip = f"{tool.hint} Hold Space to move the view."
            button = make_button(tool.name, tool.key, tooltip)
            button.setCheckable(True)
            button.clicked.connect(partial(lambda tool, _: pressed(tool), tool))
            self.buttons[tool] = button
            self.append(button, tool)

    def append(self, button: QPushButton, tool: Tool | None = None) -> None:
        """Put another button behind the others."""
        self._cells.append((button, tool))
        self.show_stack_tools(True)

    def show_stack_tools(self, shown: bool) -> None:
        """Show or hide the tools that need a stack, without leaving holes."""
        place = 0
        for button, tool in self._cells:
            self._grid.removeWidget(button)
            visible = shown or tool is None or not tool.stack
            if visible:
                self._grid.addWidget(button, place // COLUMNS, place % COLUMNS)
                place += 1
            button.setVisible(visible)
