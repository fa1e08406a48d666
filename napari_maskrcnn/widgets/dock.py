"""What every widget of the plugin has in common: a header, a body that scrolls, a clean end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_maskrcnn.widgets.header import ROWS, Header
from napari_maskrcnn.widgets.jobs_ui import JobRunner, show_note
from napari_maskrcnn.widgets.opening import prefer_for_cellpose
from napari_maskrcnn.widgets.recovery import keeper_of
from napari_maskrcnn.widgets.recovery_row import RecoveryRow

if TYPE_CHECKING:
    from napari import Viewer

MARGIN = 8
# What the widest row needs: napari would dock it narrower, and cut it off.
LEAST_WIDTH = 330


class Closable(QWidget):
    """A widget that learns when its dock is closed.

    The dock's "×" takes the parent away and sends no close event.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(LEAST_WIDTH)
        self._docked = False

    def close_down(self) -> None:
        """End what runs and let go of the viewer."""

    def changeEvent(self, event: QEvent | None) -> None:
        """Notice that the parent went."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self._docked and self.parent() is None:
                self.close_down()
            self._docked = self.parent() is not None
        super().changeEvent(event)


class Dock(Closable):
    """A widget on its own with a header of its own, or one tab under a shared header.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer it works on.
    header : Header, optional
        Header that several tabs share; without one it gets its own.
    rows : tuple of str
        Rows that a header of its own shows.
    """

    def __init__(
        self, viewer: Viewer, header: Header | None = None, rows: tuple[str, ...] = ROWS
    ) -> None:
        super().__init__()
        self.viewer = plain(viewer)
        self.runner = JobRunner(self)
        # Who works with these widgets need not be asked what opens a file of Cellpose's.
        prefer_for_cellpose()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self.header = header or Header(self.viewer, rows)
        if header is None:
            outer.addWidget(RecoveryRow(self.viewer))
            outer.addWidget(with_margin(self.header))
        content = QWidget()
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self.body.setSpacing(MARGIN)
        outer.addWidget(scrolling(content), 1)

    def reset_choices(self, event: object = None) -> None:
        """List the layers anew; napari calls this when layers come, go or change their name."""
        self.header.refresh()
        self.layers_changed()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Let the journal know in which window this is."""
        super().showEvent(event)
        keeper_of(self.viewer).follow(self)

    def layers_changed(self) -> None:
        """Follow layers that came, went or changed their name; for tabs that list them."""

    def close_down(self) -> None:
        """Stop what runs: the widget was closed."""
        if self.runner.running:
            self.runner.stop()
            show_note(f"{self.runner.title} was stopped because its window was closed.")


def plain(viewer: Viewer) -> Viewer:
    """Return the viewer itself; only public names are used on it.

    napari hands docks a proxy whose layers are proxies too, and two proxies for one layer are
    never the same object.
    """
    unwrapped: Viewer = getattr(viewer, "__wrapped__", viewer)
    return unwrapped


def with_margin(widget: QWidget) -> QWidget:
    """Put a widget into a frame with the margin of the bodies below."""
    frame = QWidget()
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(MARGIN, MARGIN, MARGIN, 0)
    layout.addWidget(widget)
    return frame


def scrolling(content: QWidget) -> QScrollArea:
    """Put a widget into an area that scrolls down, never sideways."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area
