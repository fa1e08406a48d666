"""Every tool in a real window: what the mouse does shows at once, and Ctrl+Z shows it as before.

The pictures lie in pytest's temporary folder (``--basetemp``), to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtCore import Qt

from napari_maskrcnn.widgets import toolbox
from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.tools import Tool

Drag = Callable[[Any, Sequence[Sequence[float]]], None]
ALL = [(2, 2), (2, 78), (58, 78), (58, 2), (3, 2)]
#: What the mouse does with each tool: strokes of points.
STROKES: dict[Tool, list[list[tuple[float, float]]]] = {
    toolbox.DELETE: [[(44, 20)]],
    toolbox.MERGE: [[(14, 12)], [(14, 34)]],
    toolbox.SPLIT: [[(2, 32), (15, 32), (28, 32)]],
    toolbox.ADD: [[(32, 50), (32, 70), (52, 70), (52, 50)]],
    toolbox.FILL: [[(37, 20)]],
    toolbox.SMOOTH: [[(15, 62)]],
    toolbox.GROW: [ALL],
    toolbox.SHRINK: [ALL],
    toolbox.LARGEST: [[(44, 20)]],
    toolbox.COPY: [[(15, 62)]],
    toolbox.INTERPOLATE: [[(15, 62)]],
    toolbox.DELETE_STACK: [[(15, 62)]],
    toolbox.RENUMBER: [[(44, 20)], [(15, 62)]],
}


def stack() -> NDArray[np.int32]:
    """In each plane two touching discs, a ring with a speck, a star; the middle has no star."""
    rows, columns = np.mgrid[:60, :80]
    plane = np.zeros((60, 80), np.int32)
    for label, column in ((1, 14), (2, 32)):
        plane[np.hypot(rows - 15, columns - column) <= 9.5] = label
    around = np.hypot(rows - 44, columns - 20)
    plane[(around <= 11) & (around > 4)] = 3
    plane[44, 20] = plane[56, 34] = 3
    plane[57:59, 34:36] = 3
    plane[np.abs(rows - 15) + np.abs(columns - 62) <= 11] = 4
    labels = np.stack([plane] * 3)
    labels[1][plane == 4] = 0
    return labels


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    shown = make_napari_viewer(show=True)
    shown.add_labels(stack(), name="cells instances")
    return shown


def test_every_tool_shows_what_it_did(viewer: Any, drag: Drag, qtbot: Any, tmp_path: Path) -> None:
    layer = viewer.layers[0]
    page = CorrectWidget(viewer)
    viewer.window.add_dock_widget(page, name="Correct")
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.wait(100)
    viewer.reset_view()

    def picture(name: str) -> NDArray[np.uint8]:
        qtbot.wait(30)
        shot = viewer.screenshot(canvas_only=False, flash=False)[..., :3]
        iio.imwrite(tmp_path / f"{name}.png", shot)
        return np.asarray(viewer.screenshot(canvas_only=True, flash=False))

    assert set(STROKES) == set(toolbox.TOOLS) - {toolbox.ACCEPT, toolbox.CLASS, toolbox.FIND}
    for tool, strokes in STROKES.items():
        # The first plane, and the empty middle where the planes between are filled.
        between = tool in (toolbox.COPY, toolbox.INTERPOLATE)
        viewer.dims.set_point(0, 0)
        page.toggle(tool)
        viewer.dims.set_point(0, 1 if between else 0)
        before = picture("before")
        viewer.dims.set_point(0, 0)
        for points in strokes:
            drag(viewer, points)
        viewer.dims.set_point(0, 1 if between else 0)
        title = f"More tools: {tool.name}" if tool in toolbox.MORE else "More tools"
        assert page.collapsed.text() == title
        after = picture(tool.name.replace(" ", "_"))
        assert not np.array_equal(layer.data, stack()), tool.name
        assert np.abs(after.astype(int) - before).max() > 30, tool.name
        qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert np.array_equal(layer.data, stack()), tool.name
        assert np.array_equal(picture("again"), before), tool.name


def test_what_the_model_finds_shows(
    make_napari_viewer: Any, nuclei: Any, tiny_model: str, drag: Drag, qtbot: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(nuclei[0], name="cells")
    layer = viewer.add_labels(np.zeros((128, 128), np.int32), name="cells instances")
    page = CorrectWidget(viewer)
    viewer.window.add_dock_widget(page, name="Correct")
    page.header.models.set_value(tiny_model)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.wait(100)
    viewer.reset_view()
    page.toggle(toolbox.FIND)
    qtbot.waitUntil(lambda: not page.prompting.running)

    def picture(name: str) -> NDArray[np.uint8]:
        qtbot.wait(30)
        shot = viewer.screenshot(canvas_only=False, flash=False)[..., :3]
        iio.imwrite(tmp_path / f"{name}.png", shot)
        return np.asarray(viewer.screenshot(canvas_only=True, flash=False))

    before = picture("before")
    for name, points in (
        ("box", [(20.0, 30.0), (40.0, 55.0), (60.0, 75.0)]),
        ("click", [(90.0, 90.0)]),
    ):
        drag(viewer, points)
        assert np.abs(picture(f"Find_{name}").astype(int) - before).max() > 30, name
        qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert not layer.data.any(), name
        assert np.array_equal(picture("again"), before), name
