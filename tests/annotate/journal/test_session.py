"""A journal in use: within a second, never waiting, one warning, and on again when it can."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_maskrcnn.annotate.journal import session as session_module
from napari_maskrcnn.annotate.journal.batch import JournalError
from napari_maskrcnn.annotate.journal.file import Journal
from napari_maskrcnn.annotate.journal.session import Session
from napari_maskrcnn.annotate.journal.tracked import Tracked
from tests.annotate.journal.editing import NoParts

CORNER = (slice(0, 20), slice(0, 20))


class Named(NoParts):
    """Parts that are written once, and once more when asked."""

    def __init__(self) -> None:
        self.due = True

    def changed(self) -> dict[str, Callable[[], bytes]]:
        due, self.due = self.due, False
        return {"look": lambda: b"cells"} if due else {}

    def again(self) -> None:
        self.due = True


class Window:
    """A session whose ticks a test makes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[JournalError | None] = []
        self.wakes = 0
        self.session = Session(path, self._wake, self.problems.append)
        self.labels = np.zeros((600, 700), np.int32)
        self.tracked: Tracked = self.session.track(self.labels, Named())

    def _wake(self) -> None:
        self.wakes += 1

    def edit(self, value: int) -> None:
        self.labels[CORNER] = value
        self.tracked.step([CORNER])

    def run(self, until: Callable[[], bool], seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end
            self.session.tick()
            time.sleep(0.002)

    def settle(self) -> None:
        self.run(lambda: self.session.settled)

    def stored(self) -> np.ndarray:
        self.session.close(None)
        journal = Journal(self.path, make=False)
        (layer,) = journal.layers()
        assert layer.whole
        assert dict(layer.parts) == {"look": b"cells"}
        found = journal.array(layer)
        journal.close()
        return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "window" / "journal.sqlite"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "RETRY", 0.05)


def test_an_edit_is_written_and_then_there_is_nothing_to_do(path: Path) -> None:
    window = Window(path)
    assert window.wakes == 1
    window.settle()
    window.edit(3)
    assert window.wakes == 2
    assert not window.session.settled
    window.settle()
    assert 0 < (window.session.tick() or 0) <= session_module.SYNC
    window.session._synced_at -= session_module.SYNC
    window.session.tick()
    assert window.session.tick() is None
    assert np.array_equal(window.stored(), window.labels)
    assert window.problems == []


def test_a_second_edit_before_the_copy_ends_waits_for_one_moment(path: Path) -> None:
    window = Window(path)
    window.settle()
    window.tracked.step([(slice(None), slice(None))])
    window.labels[:] = 1
    window.tracked.copy(0.0)  # the first of nine tiles
    assert window.tracked.batch() is None
    window.settle()
    assert (window.stored() == 1).all()


def test_a_folder_that_cannot_be_written_is_said_once_and_tried_again(path: Path) -> None:
    path.parent.parent.write_text("a file in its place")
    window = Window(path)
    for value in range(1, 4):
        window.edit(value)
        window.run(lambda: bool(window.problems))
        time.sleep(0.06)
        window.session.tick()
    assert len(window.problems) == 1
    assert str(path) in str(window.problems[0])
    path.parent.parent.unlink()
    window.run(lambda: len(window.problems) == 2)
    assert window.problems[1] is None
    window.settle()
    assert np.array_equal(window.stored(), window.labels)


def test_a_full_disk_stops_nothing_and_loses_nothing(path: Path) -> None:
    window = Window(path)
    window.settle()
    journal = window.session.writer._journal
    assert journal
    window.session.writer.wait()
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count = {pages}")
    noise = np.random.default_rng(0).integers(1, 2**31, window.labels.shape)
    window.labels[:] = noise
    window.tracked.step([(slice(None), slice(None))])
    window.run(lambda: bool(window.problems))
    assert "disk is full" in str(window.problems[0])
    journal._db.execute("PRAGMA max_page_count = 1000000")
    window.settle()
    assert window.problems[1:] == [None]
    assert np.array_equal(window.stored(), noise)


@pytest.mark.skipif("sys.platform == 'win32'", reason="an open file cannot be removed there")
def test_a_folder_that_vanishes_is_made_again_with_everything(path: Path) -> None:
    window = Window(path)
    window.edit(3)
    window.settle()
    shutil.rmtree(path.parent)
    window.edit(4)
    window.settle()
    assert np.array_equal(window.stored(), window.labels)


def test_a_closed_layer_is_written_to_the_end_even_when_that_fails_first(path: Path) -> None:
    path.parent.parent.write_text("a file in its place")
    window = Window(path)
    window.edit(5)
    window.session.untrack(window.tracked)
    window.run(lambda: bool(window.problems))
    path.parent.parent.unlink()
    window.run(lambda: len(window.problems) == 2)
    window.session.close("closed")
    journal = Journal(path, make=False)
    (layer,) = journal.layers()
    assert (layer.ended, layer.edits, layer.whole) == ("closed", 1, True)
    assert (journal.array(layer)[CORNER] == 5).all()
    assert journal.ended == "closed"
    journal.close()


def test_a_layer_closed_without_an_edit_takes_no_room(path: Path) -> None:
    window = Window(path)
    window.edit(5)
    other = window.session.track(np.ones((40, 40), np.int32), Named())
    window.settle()
    window.session.untrack(other)
    assert (window.stored()[CORNER] == 5).all()  # of the one layer that is there


def test_a_window_without_edits_leaves_nothing(path: Path) -> None:
    window = Window(path)
    window.settle()
    assert path.exists()
    window.session.close()
    assert not path.parent.exists()


def test_an_array_in_the_place_of_another_is_an_edit(path: Path) -> None:
    window = Window(path)
    window.settle()
    window.tracked.replace(np.full((30, 40), 7, np.uint16))
    window.settle()
    found = window.stored()
    assert found.dtype == np.uint16
    assert (found == 7).all()


def test_what_is_left_when_the_interpreter_ends_is_written(path: Path) -> None:
    code = """
import atexit, pathlib, sys
import numpy as np
from napari_maskrcnn.annotate.journal.session import Session
from tests.annotate.journal.editing import NoParts
session = Session(pathlib.Path(sys.argv[1]), lambda: None, print)
labels = np.zeros((600, 600), np.int32)
tracked = session.track(labels, NoParts())
atexit.register(session.close, None)
session.flush()
labels[3, 4] = 5
tracked.step([(3, 4)])
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    journal = Journal(path, make=False)
    (layer,) = journal.layers()
    assert layer.edits == 1
    assert journal.array(layer)[3, 4] == 5
    assert journal.ended is None
    journal.close()
