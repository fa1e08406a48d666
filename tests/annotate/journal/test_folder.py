"""Which journals are offered, and which go."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from napari_maskrcnn.annotate.journal.batch import Batch, End
from napari_maskrcnn.annotate.journal.file import Journal
from napari_maskrcnn.annotate.journal.folder import (
    journal_folder,
    mark,
    new_journal,
    prune,
    stored_windows,
)
from napari_maskrcnn.annotate.journal.tiles import Tiles

CUT = Tiles((40, 50), "<i4")


def window(root: Path, edits: int = 1, ended: End | None = None, days: float = 0.0) -> Path:
    """Write the journal of a window with one open and one closed layer, as a crash leaves it."""
    path = new_journal(root)
    journal = Journal(path)
    block = {0: np.ones((40, 50), np.int32)}
    journal.write(Batch(1, CUT, block, edits=edits))
    journal.write(Batch(2, CUT, block, edits=1, ended="closed"))
    if ended:
        journal.end(ended)
    journal.close()
    moment = time.time() - days * 86_400
    os.utime(path, (moment, moment))
    return path


def test_the_folder_is_the_users_own(user_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert journal_folder() == user_folder / "journal"
    monkeypatch.delenv("NAPARI_MASKRCNN_HOME")
    assert "napari-maskrcnn" in journal_folder().parts
    assert journal_folder().is_absolute()


def test_what_a_crash_left_is_offered_and_nothing_else(tmp_path: Path) -> None:
    crashed = window(tmp_path)
    closed = window(tmp_path, ended="closed")
    living = window(tmp_path)
    holder = Journal(living, make=False)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "journal.sqlite").write_bytes(b"torn by another program " * 100)
    found = {stored.path: stored for stored in stored_windows(tmp_path)}
    assert set(found) == {crashed, closed}
    assert [layer.id for layer in found[crashed].layers] == [1, 2]
    assert [layer.id for layer in found[crashed].offered] == [1]
    assert found[closed].offered == ()
    mark(crashed, "discarded")
    holder.close()
    assert {s.path for s in stored_windows(tmp_path) if s.offered} == {living}


def test_without_edits_nothing_is_offered(tmp_path: Path) -> None:
    window(tmp_path, edits=0)
    (stored,) = stored_windows(tmp_path)
    assert stored.offered == ()
    assert stored_windows(tmp_path / "not there") == []


def test_old_ones_go_but_none_that_lives(tmp_path: Path) -> None:
    old, young, living = (window(tmp_path, days=days) for days in (31, 29, 31))
    holder = Journal(living, make=False)
    assert prune(tmp_path) == [old]
    assert not old.parent.exists()
    assert young.exists()
    assert living.exists()
    holder.close()


def test_too_much_is_made_less_from_the_oldest_on_crashed_ones_last(tmp_path: Path) -> None:
    crashed = window(tmp_path, days=9)
    closed = [window(tmp_path, ended="closed", days=days) for days in (1, 3, 2)]
    size = crashed.stat().st_size
    assert prune(tmp_path, most_bytes=10 * size) == []
    assert prune(tmp_path, most_bytes=int(2.5 * size)) == [closed[1], closed[2]]
    assert prune(tmp_path, most_bytes=0) == [closed[0], crashed]
