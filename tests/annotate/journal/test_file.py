"""The journal's file: all of a batch or nothing, one window at a time, never a torn file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_maskrcnn.annotate.journal.batch import Batch, JournalBusy, JournalError
from napari_maskrcnn.annotate.journal.file import Journal
from napari_maskrcnn.annotate.journal.tiles import Tiles

CUT = Tiles((300, 300), "<i4")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "window" / "journal.sqlite"


def filled(value: int) -> dict[int, np.ndarray]:
    return {n: np.full([s.stop - s.start for s in CUT.window(n)], value, "<i4") for n in range(4)}


def test_a_layer_with_its_parts_comes_back(path: Path) -> None:
    journal = Journal(path)
    journal.write(Batch(7, CUT, filled(3), {"look": lambda: b"name"}))
    journal.write(Batch(7, CUT, {3: np.full((44, 44), 9, "<i4")}, edits=2))
    journal.write(Batch(7, CUT, {}, {"features": lambda: b"rows"}))
    journal.close()
    again = Journal(path, make=False)
    (layer,) = again.layers()
    assert (layer.id, layer.tiles, layer.edits, layer.ended) == (7, CUT, 2, None)
    assert layer.parts == {"look": b"name", "features": b"rows"}
    assert layer.whole
    expected = np.full((300, 300), 3)
    expected[256:, 256:] = 9
    assert np.array_equal(again.array(layer), expected)
    again.close()


def test_what_did_not_change_is_no_edit_and_is_not_written(path: Path) -> None:
    journal = Journal(path)
    journal.write(Batch(1, CUT, filled(3), {"look": lambda: b"a", "features": lambda: b"x"}))
    before = journal._db.total_changes
    journal.write(Batch(1, CUT, filled(3), {"look": lambda: b"a", "features": lambda: b"x"}))
    assert journal._db.total_changes == before
    journal.write(Batch(1, CUT, {}, {"look": lambda: b"b"}))
    journal.write(Batch(1, CUT, filled(4), by_hand=False))
    assert journal.layers()[0].edits == 0
    journal.write(Batch(1, CUT, {0: filled(5)[0]}))  # an undo, or a script
    journal.write(Batch(1, CUT, {}, {"features": lambda: b"y"}))
    assert journal.layers()[0].edits == 2
    journal.close()


def test_a_batch_that_fails_leaves_nothing(path: Path) -> None:
    journal = Journal(path)
    journal.write(Batch(1, CUT, filled(3)))
    # 200 kB that zlib cannot make smaller do not fit.
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages + 20}")
    noise = np.random.default_rng(0).integers(0, 2**31, (256, 256)).astype("<i4")
    full = Batch(1, CUT, {3: np.full((44, 44), 8, "<i4"), 0: noise})
    with pytest.raises(JournalError, match=r"journal\.sqlite .* disk is full\. Free some space"):
        journal.write(full)
    assert (journal.array(journal.layers()[0]) == 3).all()
    journal._db.execute("PRAGMA max_page_count = 100000")
    journal.write(full)
    found = journal.array(journal.layers()[0])
    assert np.array_equal(found[:256, :256], noise)
    assert (found[256:, 256:] == 8).all()
    journal.close()


def test_an_array_of_another_shape_starts_anew(path: Path) -> None:
    journal = Journal(path)
    journal.write(Batch(1, CUT, filled(3), {"look": lambda: b"a"}))
    smaller = Tiles((10, 20), "|u1")
    journal.write(Batch(1, smaller, {0: np.full((10, 20), 5, np.uint8)}))
    (layer,) = journal.layers()
    assert layer.parts == {"look": b"a"}
    assert np.array_equal(journal.array(layer), np.full((10, 20), 5))
    assert journal.array(layer).dtype == np.uint8
    journal.close()


def test_only_one_window_at_a_time(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(JournalBusy, match="belongs to a window that is open"):
        Journal(path, make=False)
    journal.close()
    code = (
        "import sys, pathlib\n"
        "from napari_maskrcnn.annotate.journal.file import Journal\n"
        "held = Journal(pathlib.Path(sys.argv[1]), make=False)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=pipe, stdout=pipe) as other:
        assert other.stdout
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(JournalBusy):
            Journal(path, make=False)
        other.kill()
        other.wait()
        Journal(path, make=False).close()


def test_a_part_that_cannot_be_packed_is_left_out(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> bytes:
        raise KeyError("odd column")

    journal = Journal(path)
    journal.write(Batch(1, CUT, filled(3), {"features": broken, "look": lambda: b"a"}))
    assert dict(journal.layers()[0].parts) == {"look": b"a"}
    assert "The features of a layer cannot be written" in caplog.text
    journal.close()


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be looked at"])
def test_what_is_no_journal_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        Journal(path, make=False)
    with pytest.raises(JournalError, match=r"missing\.sqlite"):
        Journal(path.with_name("missing.sqlite"), make=False)
