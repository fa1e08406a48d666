"""The correction tools by mouse and key in a real window, each one step of Undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.widgets.correct_widget import IDLE, CorrectWidget
from napari_maskrcnn.widgets.toolbox import ADD, DELETE, MERGE, SPLIT, TOOLS

SCALE, TRANSLATE = np.array([0.5, 0.5]), np.array([10.0, 20.0])
# Those of labels and images, and of the viewer.
NAPARI_KEYS = {*"1234567EPFLZMXVB[]-=CYO", "Space", "Escape", "Enter", "Shift-V"}
Drag = Callable[[Any, Sequence[Sequence[float]]], None]


def drawn() -> np.ndarray:
    labels = np.zeros((60, 80), np.int32)
    labels[5:15, 5:25] = 1
    labels[5:15, 25:45] = 2
    labels[30:50, 10:30] = 3
    return labels


class Window:
    """A viewer with labels 1 to 3, the Correct widget beside it, and a mouse in pixels."""

    def __init__(self, viewer: Any, drag: Drag, data: np.ndarray | None = None) -> None:
        labels = drawn() if data is None else data
        self.viewer, self._drag = viewer, drag
        axes = labels.ndim - 2
        self.layer = viewer.add_labels(
            labels,
            name="cells instances",
            scale=[*[1] * axes, *SCALE],
            translate=[*[0] * axes, *TRANSLATE],
        )
        flat = labels if axes == 0 else labels.max(axis=0)
        self.layer.features = Instances.from_labels(flat, ("nucleus",)).to_table()
        self.widget = CorrectWidget(viewer)
        viewer.window.add_dock_widget(self.widget, name="Correct")

    def mouse(self, *pixels: Sequence[float]) -> None:
        self._drag(self.viewer, [np.asarray(pixel) * SCALE + TRANSLATE for pixel in pixels])

    def key(self, qtbot: Any, key: str) -> None:
        canvas = self.viewer.window._qt_viewer.canvas.native
        *shift, letter = key.split("-")
        modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        qtbot.keyClick(canvas, getattr(Qt.Key, f"Key_{letter}"), modifier)

    @property
    def ids(self) -> list[int]:
        return [int(i) for i in np.unique(self.layer.data)[1:]]

    @property
    def rows(self) -> list[int]:
        return [int(i) for i in self.layer.features["index"]]


@pytest.fixture
def window(make_napari_viewer: Any, drag: Drag) -> Window:
    return Window(make_napari_viewer(show=True), drag)


def test_delete_is_one_click_and_one_step(window: Window) -> None:
    window.widget.buttons[DELETE].click()
    window.mouse((40, 20))
    assert window.ids == [1, 2]
    assert window.widget.hint.text() == "Deleted 3."
    window.layer.undo()
    assert np.array_equal(window.layer.data, drawn())
    assert window.rows == [0, 1, 2, 3]


def test_merge_keeps_the_first_and_takes_any_number(window: Window) -> None:
    window.widget.buttons[MERGE].click()
    window.mouse((10, 30))
    assert window.ids == [1, 2, 3]
    window.mouse((10, 10))
    assert window.ids == [2, 3]
    window.mouse((40, 20))
    assert window.ids == [2]
    assert window.layer.features["area"].tolist() == [0, 0, 800, 0]
    window.layer.undo()
    assert window.ids == [2, 3]
    window.layer.undo()
    assert np.array_equal(window.layer.data, drawn())


def test_a_click_on_background_ends_a_merge(window: Window) -> None:
    window.widget.buttons[MERGE].click()
    window.mouse((10, 10))
    window.mouse((55, 70))
    window.mouse((40, 20))
    assert window.ids == [1, 2, 3]
    assert window.widget.hint.text().startswith("3 is kept")


def test_a_line_splits_and_ids_are_new(window: Window) -> None:
    window.widget.buttons[DELETE].click()
    window.mouse((10, 30))
    window.widget.buttons[SPLIT].click()
    window.mouse((26, 20), (35, 20), (54, 20))
    assert window.ids == [1, 3, 4]
    assert abs(int((window.layer.data == 3).sum()) - 200) <= 20
    assert window.rows == [0, 1, 2, 3, 4]
    assert window.layer.features["class"].tolist()[4] == "nucleus"
    assert window.layer.features["state"].tolist()[4] == "added"
    window.layer.undo()
    assert window.ids == [1, 3]


def test_an_outline_adds_on_the_background_only(window: Window) -> None:
    window.widget.buttons[ADD].click()
    window.mouse((20, 40), (20, 70), (50, 70), (50, 20), (35, 20), (20, 40))
    assert window.ids == [1, 2, 3, 4]
    assert (window.layer.data == 3).sum() == 400
    assert (window.layer.data == 4).sum() > 700
    assert window.layer.selected_label == 5
    window.layer.undo()
    assert np.array_equal(window.layer.data, drawn())


def test_what_is_drawn_shows_and_goes(window: Window) -> None:
    layers = window.viewer.layers
    window.widget.buttons[SPLIT].click()
    assert [layer.name for layer in layers] == ["cells instances", "drawing"]
    assert layers.selection.active is window.layer
    window.mouse((26, 20), (54, 20))
    assert len(layers["drawing"].data) == 0
    window.widget.buttons[SPLIT].click()
    assert [layer.name for layer in layers] == ["cells instances"]
    assert layers.selection.active is window.layer


def test_a_key_turns_every_tool_on_and_off(make_napari_viewer: Any, drag: Drag, qtbot: Any) -> None:
    window = Window(make_napari_viewer(show=True), drag, np.stack([drawn()] * 3))
    window.viewer.dims.set_point(0, 1)
    for tool in TOOLS:
        assert tool.key not in NAPARI_KEYS
        window.key(qtbot, tool.key)
        assert window.widget.tools.tool is tool
        assert [t for t, button in window.widget.buttons.items() if button.isChecked()] == [tool]
        assert window.widget.hint.text() == tool.hint
    window.key(qtbot, tool.key)
    assert window.widget.tools.tool is None
    assert window.widget.hint.text() == IDLE
    assert len({tool.key for tool in TOOLS}) == len(TOOLS)


def test_ctrl_z_takes_back_a_tool_that_is_on(window: Window, qtbot: Any) -> None:
    window.widget.buttons[DELETE].click()
    window.mouse((40, 20))
    canvas = window.viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(window.layer.data, drawn())
    assert window.widget.tools.tool is DELETE


def test_napari_own_brush_ends_a_tool(window: Window, qtbot: Any) -> None:
    window.widget.buttons[DELETE].click()
    window.key(qtbot, "2")
    assert window.layer.mode == "paint"
    assert window.widget.tools.tool is None
    window.mouse((40, 20))
    assert 3 in window.ids


def test_space_moves_the_view_and_the_tool_comes_back(window: Window) -> None:
    window.widget.buttons[DELETE].click()
    window.layer.mode = "pan_zoom"  # what holding Space does
    window.mouse((40, 20))
    assert window.ids == [1, 2, 3]
    window.layer.mode = "pick"
    window.mouse((40, 20))
    assert window.ids == [1, 2]


def test_another_layer_ends_a_tool(window: Window, qtbot: Any) -> None:
    window.widget.buttons[SPLIT].click()
    other = window.viewer.add_labels(drawn())
    assert window.widget.tools.tool is None
    assert window.widget.tools._on_drag not in window.layer.mouse_drag_callbacks
    assert window.layer.mode == "pan_zoom"
    qtbot.waitUntil(lambda: list(window.viewer.layers) == [window.layer, other])


def test_removing_the_layer_ends_a_tool(window: Window, qtbot: Any) -> None:
    window.widget.buttons[ADD].click()
    window.viewer.layers.remove(window.layer)
    assert window.widget.tools.tool is None
    qtbot.waitUntil(lambda: len(window.viewer.layers) == 0)


def test_what_cannot_be_done_is_said_and_changes_nothing(window: Window, notes: list[str]) -> None:
    window.widget.buttons[DELETE].click()
    window.mouse((55, 70))
    window.widget.buttons[SPLIT].click()
    window.mouse((55, 40), (55, 70))
    window.mouse((40, 12), (40, 18))
    window.widget.buttons[ADD].click()
    window.mouse((7, 7), (7, 20), (12, 20))
    assert [note.split(".")[0] for note in notes[:2]] == [
        "error: There is no object here",
        "error: The line crosses no object",
    ]
    assert len(notes) == 4
    assert np.array_equal(window.layer.data, drawn())
    # napari's brush goes on with a new label, not with the background that was clicked.
    assert window.layer.selected_label == 4
    assert window.rows == [0, 1, 2, 3]


def test_no_labels_and_locked_labels_are_refused(
    make_napari_viewer: Any, drag: Drag, notes: list[str]
) -> None:
    viewer = make_napari_viewer()
    widget = CorrectWidget(viewer)
    widget.buttons[DELETE].click()
    assert notes == [
        "error: There is no labels layer to correct. Predict first, or add a labels layer."
    ]
    assert not widget.buttons[DELETE].isChecked()
    locked = viewer.add_labels(drawn(), name="truth")
    locked.editable = False
    widget.reset_choices()
    widget.buttons[DELETE].click()
    assert notes[1] == "error: 'truth' is locked. Unlock it in the layer list first."
    assert widget.tools.tool is None
    locked.editable = True
    locked.data.flags.writeable = False
    widget.buttons[DELETE].click()
    assert notes[2] == "error: The pixels of 'truth' are read-only. Use a plain copy."
    assert widget.tools.tool is None
    locked.visible = False
    widget.buttons[DELETE].click()
    assert notes[3] == "error: 'truth' is hidden. Show it with the eye in the layer list first."


def test_a_stack_is_corrected_in_the_plane_that_is_shown(
    make_napari_viewer: Any, drag: Drag
) -> None:
    window = Window(make_napari_viewer(show=True), drag, np.stack([drawn()] * 3))
    window.viewer.dims.set_point(0, 1)
    window.widget.buttons[DELETE].click()
    window.mouse((40, 20))
    window.widget.buttons[ADD].click()
    window.mouse((20, 50), (20, 70), (50, 70), (50, 50))
    assert [np.unique(plane).tolist() for plane in window.layer.data] == [
        [0, 1, 2, 3],
        [0, 1, 2, 4],
        [0, 1, 2, 3],
    ]
    window.layer.undo()
    window.layer.undo()
    assert np.array_equal(window.layer.data, np.stack([drawn()] * 3))


def test_keys_go_back_when_the_dock_is_closed(window: Window, qtbot: Any) -> None:
    window.widget.buttons[SPLIT].click()
    window.widget.parent().destroyOnClose()
    assert window.widget.tools.tool is None
    assert len(window.viewer.layers) == 1
    window.key(qtbot, SPLIT.key)
    assert window.widget.tools.tool is None
    # A new one takes them again.
    again = CorrectWidget(window.viewer)
    window.viewer.window.add_dock_widget(again, name="Correct again")
    window.key(qtbot, SPLIT.key)
    assert again.tools.tool is SPLIT


def test_a_key_that_someone_else_took_stays_theirs(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer()
    calls: list[Any] = []
    viewer.bind_key("D", calls.append)
    viewer.add_labels(drawn())
    widget = CorrectWidget(viewer)
    qtbot.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_D)
    assert len(calls) == 1
    assert widget.tools.tool is None
