"""The correction tools' mouse: which tool is on, what is being drawn, and where it lands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_maskrcnn.widgets.drawing import Drawing
from napari_maskrcnn.widgets.layers import PlaneIndex, camera_of, displayed_plane, to_data

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

#: napari's own mode while a tool is on: the mouse does not move the view, and holding Space does.
HOST_MODE = "pick"
SUSPENDED_MODE = "pan_zoom"
#: Moves shorter than this, in pixels of the image, add no point to a drawn line.
STEP = 0.5
#: A mouse that moved less than this, in pixels of the screen, clicked.
CLICK = 4.0

Gesture = Literal["click", "line", "outline", "click or line", "click or outline", "click or box"]


@dataclass(frozen=True)
class Tool:
    """A way to correct labels with the mouse.

    Parameters
    ----------
    name : str
        What the button reads.
    key : str
        Key that turns it on and off; none of napari's own on a Labels layer.
    gesture : {"click", "line", "outline", "click or line", "click or outline", "click or box"}
        What the mouse does.
    hint : str
        What to do now, for the line below the buttons.
    stack : bool
        Whether it needs a stack.
    """

    name: str
    key: str
    gesture: Gesture
    hint: str
    stack: bool = False

    @property
    def clicks(self) -> bool:
        """Whether a click means something else than a short line."""
        return self.gesture.startswith("click")

    @property
    def draws(self) -> bool:
        """Whether something is drawn."""
        return self.gesture != "click"

    @property
    def closes(self) -> bool:
        """Whether what is drawn is an outline."""
        return self.gesture.endswith(("outline", "box"))

    @property
    def boxes(self) -> bool:
        """Whether what is drawn is a box, from corner to corner."""
        return self.gesture.endswith("box")


@dataclass(frozen=True, eq=False)
class Stroke:
    """What the mouse did.

    Parameters
    ----------
    tool : Tool
        The tool that was on.
    layer : napari.layers.Labels
        The layer it was on.
    plane : PlaneIndex
        The plane that was shown.
    points : (n, 2) float
        Rows and columns in that plane, at least one.
    clicked : bool
        Whether the mouse stayed where it was pressed, for a tool that also draws.
    """

    tool: Tool
    layer: Labels
    plane: PlaneIndex
    points: NDArray[np.float64]
    clicked: bool = True


class Tools(QObject):
    """Turns tools on and off and reports what the mouse did with them."""

    changed = Signal(object)
    stroke = Signal(object)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._tool: Tool | None = None
        self._layer: Labels | None = None
        self._drawing: Drawing | None = None

    @property
    def tool(self) -> Tool | None:
        """The tool that is on."""
        return self._tool

    def start(self, tool: Tool, layer: Labels) -> None:
        """Turn a tool on for a layer; another one goes off."""
        # Adding a layer takes longer than changing a tool should.
        drawing = self._drawing if self._layer is layer and tool.draws else None
        if drawing is not None:
            self._let_go()
        else:
            self.stop()
        layers = self._viewer.layers
        layers.selection.active = layer
        if tool.draws:
            self._drawing = drawing or Drawing(layers, layer)
        layer.mode = HOST_MODE
        layer.mouse_drag_callbacks.append(self._on_drag)
        layer.events.mode.connect(self._on_mode)
        layers.selection.events.active.connect(self._on_active)
        self._tool, self._layer = tool, layer
        self.changed.emit(tool)

    def stop(self) -> None:
        """Turn the tool off, leaving the view and the mouse as napari has them."""
        drawing = self._drawing
        self._let_go()
        if drawing is not None:
            drawing.remove()

    def _let_go(self) -> None:
        """Turn the tool off but leave the drawing where it is."""
        layer = self._layer
        if layer is None:
            return
        self._tool = self._layer = self._drawing = None
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        layer.events.mode.disconnect(self._on_mode)
        layer.mouse_drag_callbacks.remove(self._on_drag)
        if layer.mode == HOST_MODE:
            layer.mode = SUSPENDED_MODE
        self.changed.emit(None)

    def _on_mode(self, event: Any) -> None:
        # Space switches to pan_zoom and back; any other mode is a choice of another tool.
        if self._layer is not None and self._layer.mode not in (HOST_MODE, SUSPENDED_MODE):
            self.stop()

    def _on_active(self, event: Any) -> None:
        drawing = self._drawing
        if self._viewer.layers.selection.active is not self._layer:
            self._let_go()
            if drawing is not None:
                # Not now: another layer is being added or removed at this moment. PyQt holds a
                # bound method weakly, hence the function around it.
                QTimer.singleShot(0, lambda: drawing.remove())

    def _on_drag(self, layer: Labels, event: Any) -> Iterator[None]:
        """Follow the mouse from press to release; napari resumes this at every move."""
        tool = self._tool
        if tool is None or layer.mode != HOST_MODE or event.button != 1:
            return
        plane = displayed_plane(self._viewer, layer)
        points = [to_data(self._viewer, layer, event.position)]
        pressed, moved = np.asarray(event.pos), False
        yield
        while event.type == "mouse_move":
            moved = moved or _distance(event, pressed) >= CLICK
            point = to_data(self._viewer, layer, event.position)
            if tool.draws and np.abs(point - points[-1]).max() >= STEP:
                points.append(point)
                self._show(_corners(points, plane) if tool.boxes else points, tool)
            yield
        # napari thins out moves, so the last one is not where the button was let go.
        clicked = tool.clicks and not moved and _distance(event, pressed) < CLICK
        if not clicked:
            points.append(to_data(self._viewer, layer, event.position))
        if self._drawing is not None:
            self._drawing.clear()
        shown = [axis for axis, at in enumerate(plane) if at is None]
        path = np.stack(points[:1] if clicked else points)[:, shown]
        if tool.boxes and not clicked:
            path = path[[0, -1]]
        self.stroke.emit(Stroke(tool, layer, plane, path, clicked))

    def _show(self, points: list[NDArray[np.float64]], tool: Tool) -> None:
        if self._drawing is not None:
            self._drawing.show(points, tool.closes, camera_of(self._viewer).zoom)


def _corners(points: list[NDArray[np.float64]], plane: PlaneIndex) -> list[NDArray[np.float64]]:
    """Corners of the box from the first point to the last, in the plane."""
    first, last = points[0], points[-1]
    down = plane.index(None)
    second, fourth = first.copy(), last.copy()
    second[down], fourth[down] = last[down], first[down]
    return [first, second, last, fourth]


def _distance(event: Any, pressed: NDArray[Any]) -> float:
    """Way of the mouse since it was pressed, in pixels of the screen."""
    return float(np.hypot(*(np.asarray(event.pos) - pressed)))
