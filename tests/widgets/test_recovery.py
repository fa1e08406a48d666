"""After a crash the next window offers to continue; after a normal end it does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Labels
from qtpy.QtCore import QCoreApplication, QEvent

from napari_maskrcnn.annotate.journal.folder import journal_folder, stored_windows
from napari_maskrcnn.predict.kept import Choice
from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.panel import MaskRCNNPanel
from napari_maskrcnn.widgets.prediction import predicted_labels, prediction_of
from napari_maskrcnn.widgets.recovery import Keeper, _keepers, keeper_of
from napari_maskrcnn.widgets.recovery_row import RecoveryRow
from tests.predict.test_stored import kept
from tests.widgets.crashing import SHAPE, do, steps
from tests.widgets.test_placing import correction_counts

Make = Callable[..., Any]
SCRIPT = Path(__file__).with_name("crashing.py")


def crash(viewer: Any) -> None:
    """Leave a viewer's journal as a process that is killed now."""
    keeper = _keepers.pop(id(viewer))
    keeper.session.flush()
    for watch in keeper._watches.values():
        watch.stop()
    keeper._closed = True
    keeper.session.writer._journal.close()


def offered(viewer: Any, qtbot: Any) -> RecoveryRow:
    """Open the panel and wait for the row to show."""
    panel = MaskRCNNPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Mask R-CNN")
    row = panel.findChild(RecoveryRow)
    qtbot.waitUntil(lambda: not row.isHidden())
    return row


def settled(viewer: Any, qtbot: Any) -> Keeper:
    keeper = keeper_of(viewer)
    qtbot.waitUntil(
        lambda: keeper._reading is None and not keeper._claims and keeper.session.settled,
    )
    return keeper


def test_a_prediction_comes_back_with_everything(
    make_napari_viewer: Make, qtbot: Any, tmp_path: Path, notes: list[str]
) -> None:
    path = tmp_path / "stack of cells.tif"
    tifffile.imwrite(path, np.zeros((3, 64, 80), np.uint8), photometric="minisblack")
    before = make_napari_viewer()
    (image,) = before.open(path, plugin="napari")
    image.scale, image.units = (2, 0.5, 0.5), ("um",) * 3
    layer = predicted_labels(image, kept(), Choice(0.3), "stack instances")
    before.add_layer(layer)
    CorrectWidget(before)
    layer.opacity = 0.4
    layer.metadata["plane 3"] = {"state": "verified"}
    layer.data_setitem(np.nonzero(layer.data == 1), 0)
    layer.data_setitem((np.array([1, 1]), np.array([5, 6]), np.array([7, 7])), 99)
    layer.features = layer.features.assign(state="accepted")
    expected = correction_counts(layer)
    crash(before)

    viewer = make_napari_viewer(show=True)
    row = offered(viewer, qtbot)
    assert row.text.text().startswith("<b>Continue where you stopped?</b> stack instances: 2 edits")
    row.restore.click()
    assert row.isHidden()
    settled(viewer, qtbot)
    found_image, found = viewer.layers
    assert found_image.source.path == str(path)
    assert np.array_equal(found.data, layer.data)
    assert found.data.dtype == layer.data.dtype
    assert found.features.equals(layer.features)
    assert found.metadata["plane 3"] == {"state": "verified"}
    assert found_image.name == image.name
    for name in ("scale", "units"):
        assert np.array_equal(getattr(found_image, name), getattr(image, name)), name
    for name in ("name", "scale", "units", "opacity"):
        assert np.array_equal(getattr(found, name), getattr(layer, name)), name
    record = prediction_of(found)
    assert record is not None
    assert record.image() is found_image
    assert correction_counts(found) == expected != "Nothing corrected yet"
    assert any("Restored stack instances (2 edits)." in note for note in notes)
    # It is this window's now, and no other is offered it.
    assert [window.ended for window in stored_windows(journal_folder())] == ["restored"]
    crash(viewer)
    again = stored_windows(journal_folder(), crashed=True)
    assert [[layer.edits for layer in window.offered] for window in again] == [[2]]


def test_a_window_that_lives_is_no_crash(make_napari_viewer: Make, qtbot: Any) -> None:
    first, second = make_napari_viewer(), make_napari_viewer()
    layer = first.add_labels(np.zeros((40, 50), np.int32))
    CorrectWidget(first)
    layer.paint((20, 20), 3)
    keeper_of(first).session.flush()
    CorrectWidget(second)
    keeper = keeper_of(second)
    qtbot.waitUntil(lambda: keeper._searching is None)
    assert keeper.offers == []


def test_a_window_closed_as_usual_offers_nothing_but_keeps_all(
    make_napari_viewer: Make, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_labels(np.zeros((40, 50), np.int32), name="cells")
    viewer.window.add_dock_widget(CorrectWidget(viewer))
    keeper = keeper_of(viewer)
    qtbot.waitUntil(lambda: bool(keeper._windows))
    layer.paint((20, 20), 3)
    keeper.window_closed()  # what the window's end calls, before any tick
    (window,) = stored_windows(journal_folder())
    assert (window.ended, window.offered) == ("closed", ())
    assert [stored.edits for stored in window.layers] == [1]
    layer.paint((5, 5), 4)  # nobody listens, nothing breaks
    keeper._tick()


def test_a_viewer_closed_by_a_script_ends_its_journal(make_napari_viewer: Make, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_labels(np.zeros((40, 50), np.int32))
    viewer.window.add_dock_widget(CorrectWidget(viewer))
    keeper = keeper_of(viewer)
    qtbot.waitUntil(lambda: bool(keeper._windows))
    layer.paint((20, 20), 3)
    viewer.close()
    qtbot.waitUntil(lambda: keeper._closed)
    (window,) = stored_windows(journal_folder())
    assert window.ended == "closed"


def test_closing_a_dock_that_floats_ends_no_journal(make_napari_viewer: Make, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_labels(np.zeros((40, 50), np.int32))
    dock = viewer.window.add_dock_widget(CorrectWidget(viewer))
    dock.setFloating(True)
    qtbot.wait(50)
    dock.destroyOnClose()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qtbot.wait(50)
    layer.paint((20, 20), 3)
    assert not keeper_of(viewer)._closed
    crash(viewer)
    (window,) = stored_windows(journal_folder(), crashed=True)
    assert [stored.edits for stored in window.offered] == [1]


def test_discard_and_later(make_napari_viewer: Make, qtbot: Any, notes: list[str]) -> None:
    for choice in ("later", "discard"):
        before = make_napari_viewer()
        layer = before.add_labels(np.zeros((40, 50), np.int32), name=choice)
        CorrectWidget(before)
        layer.paint((20, 20), 3)
        crash(before)
        row = offered(make_napari_viewer(show=True), qtbot)
        getattr(row, choice).click()
        assert row.isHidden()
        left = stored_windows(journal_folder(), crashed=True)
        assert len(left) == {"later": 1, "discard": 0}[choice]
    assert any("Discarded. The journal stays in" in note for note in notes)
    assert len(stored_windows(journal_folder())) == 2


def test_labels_without_their_image_come_back_too(
    make_napari_viewer: Make, qtbot: Any, notes: list[str]
) -> None:
    before = make_napari_viewer()
    before.add_image(np.zeros((40, 50)), name="camera")
    layer = before.add_labels(np.ones((40, 50), np.uint8), name="cells")
    CorrectWidget(before)
    layer.fill((3, 3), 7)
    crash(before)
    viewer = make_napari_viewer(show=True)
    offered(viewer, qtbot).restore.click()
    settled(viewer, qtbot)
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert (viewer.layers[0].data == 7).all()
    assert "The image 'camera' had no file to open; add it again." in notes[-1]


def test_an_edit_of_lazy_labels_comes_back_over_their_own(
    make_napari_viewer: Make, qtbot: Any
) -> None:
    import dask.array as da

    def labels() -> Labels:
        return Labels(da.ones((2, 300, 300), chunks=(1, 256, 256), dtype=np.int32), name="big")

    # The row alone: what the tabs make of lazy labels is their matter.
    before = make_napari_viewer()
    layer = before.add_layer(labels())
    RecoveryRow(before)
    layer.paint((0, 20, 20), 3)
    expected = np.asarray(layer.data)
    crash(before)
    viewer = make_napari_viewer(show=True)
    own = viewer.add_layer(labels())
    row = RecoveryRow(viewer)
    qtbot.waitUntil(lambda: bool(row.keeper.offers))
    row.restore.click()
    settled(viewer, qtbot)
    assert list(viewer.layers) == [own]
    assert np.array_equal(np.asarray(own.data), expected)


def test_a_tool_that_changes_everything_leaves_the_window_its_turns(
    make_napari_viewer: Make, qtbot: Any, heartbeat: Any
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_labels(np.zeros((2048, 2048), np.int32))
    CorrectWidget(viewer)
    keeper = settled(viewer, qtbot)
    spent: list[float] = []
    work = keeper._work

    def timed() -> float | None:
        start = time.thread_time()
        try:
            return work()
        finally:
            spent.append(time.thread_time() - start)

    keeper._work = timed  # type: ignore[method-assign]
    layer.data[:] = 5
    layer.refresh()
    (watch,) = keeper._watches.values()
    pixels = np.nonzero(layer.data)
    start = time.thread_time()
    watch._painted(type("Event", (), {"value": [(pixels, 0, 5)]})())
    spent.append(time.thread_time() - start)
    settled(viewer, qtbot)
    assert len(spent) > 2
    assert max(spent) < 0.02


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_window_that_is_killed_comes_back_in_the_next(
    make_napari_viewer: Make, qtbot: Any, tmp_path: Path
) -> None:
    image, log = tmp_path / "cells.tif", tmp_path / "log"
    tifffile.imwrite(image, np.zeros(SHAPE, np.uint8))
    command = [sys.executable, str(SCRIPT), str(log), str(image), "7"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment) as process:
        qtbot.waitUntil(lambda: log.exists() and log.read_text().count("\n") > 80)
        moment = time.monotonic()
        process.kill()
    lines = [line.split() for line in log.read_text().splitlines()]
    times = {int(number): float(at) for number, at in lines}

    viewer = make_napari_viewer(show=True)
    offered(viewer, qtbot).restore.click()
    settled(viewer, qtbot)
    opened, found = viewer.layers
    assert opened.source.path == str(image)
    assert (found.name, found.scale.tolist()) == ("found", [0.5, 0.5])
    assert found.features["class"].tolist()[:3] == ["", "a", "b"]
    again = Labels(np.zeros(SHAPE, np.int32))
    same = []
    for number, step in zip(range(1, len(times) + 2), steps(7), strict=False):
        do(again, step)
        if np.array_equal(again.data, found.data):
            same.append(number)
    assert same, "What came back never was on the screen."
    lost = [at for number, at in times.items() if number > same[-1]]
    assert moment - min(lost, default=moment) < 1.0
