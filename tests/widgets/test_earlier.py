"""Labels of sessions that ended as usual are listed and open again as they were."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_maskrcnn.annotate.journal.folder import journal_folder, stored_windows
from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.earlier import INTRODUCTION, NOTHING, EarlierSessions, earlier_layers
from napari_maskrcnn.widgets.recovery import keeper_of
from tests.widgets.test_recovery import Make, crash, settled


def edited(viewer: Any, name: str, label: int, steps: int = 1) -> Any:
    layer = viewer.add_labels(np.zeros((40, 50), np.int32), name=name, scale=(0.5, 0.5))
    CorrectWidget(viewer)
    for step in range(steps):
        layer.paint((20, 5 + 10 * step), label)
    return layer


def opened(viewer: Any, qtbot: Any) -> EarlierSessions:
    dock = EarlierSessions(viewer)
    viewer.window.add_dock_widget(dock, name="Earlier sessions")
    idle(dock, qtbot)
    return dock


def idle(dock: EarlierSessions, qtbot: Any) -> None:
    """Wait until no job runs: the next one could not start before."""
    qtbot.waitUntil(lambda: not dock.runner.running)


def test_a_closed_session_opens_again_as_often_as_wanted(
    make_napari_viewer: Make, qtbot: Any, notes: list[str]
) -> None:
    before = make_napari_viewer()
    first = edited(before, "first", 3, steps=2)
    before.layers.remove(first)
    second = edited(before, "second", 4)
    keeper_of(before).window_closed()
    crashed = make_napari_viewer()
    edited(crashed, "crashed", 5)
    crash(crashed)

    viewer = make_napari_viewer(show=True)
    dock = opened(viewer, qtbot)
    # The crash is offered elsewhere.
    rows = dock.table.files.rows
    assert [(row.name, row.edits) for row in rows] == [("second", 1), ("first", 2)]
    assert dock.said.text() == INTRODUCTION
    assert not dock.button.isEnabled()
    dock.table.choose(1)
    for _ in range(2):
        dock.button.click()
        assert not dock.button.isEnabled()
        qtbot.waitUntil(dock.button.isEnabled)
    dock.table.opened.emit(0)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3)
    assert [layer.name for layer in viewer.layers] == ["first", "first [1]", "second"]
    for layer, expected in zip(viewer.layers, (first, first, second), strict=True):
        assert np.array_equal(layer.data, expected.data)
        assert layer.scale.tolist() == [0.5, 0.5]
    assert "info: Restored first (2 edits)." in notes
    # Edits count on, in the journal of this window; what was kept is as before.
    viewer.layers[2].paint((5, 5), 9)
    settled(viewer, qtbot)
    keeper_of(viewer).window_closed()
    found = {(row.name, row.edits) for row in earlier_layers(journal_folder())}
    assert found == {("first", 2), ("first [1]", 2), ("second", 1), ("second", 2)}
    assert sorted(str(w.ended) for w in stored_windows(journal_folder())) == [
        "None",
        "closed",
        "closed",
    ]


def test_nothing_yet_and_a_session_that_is_gone(
    make_napari_viewer: Make, qtbot: Any, notes: list[str]
) -> None:
    viewer = make_napari_viewer(show=True)
    dock = opened(viewer, qtbot)
    assert (dock.said.text(), dock.table.files.rows) == (NOTHING, ())
    before = make_napari_viewer()
    edited(before, "cells", 3)
    keeper_of(before).window_closed()
    dock.again.click()
    idle(dock, qtbot)
    (row,) = dock.table.files.rows
    row.path.unlink()
    dock.table.opened.emit(0)
    idle(dock, qtbot)
    assert str(row.path) in notes[-1]
    assert len(viewer.layers) == 0
