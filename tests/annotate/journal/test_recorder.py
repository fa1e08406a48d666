"""What changed is copied, and nothing else; what the journal holds is the array, bit by bit."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_maskrcnn.annotate.journal import tiles as tiles_module
from napari_maskrcnn.annotate.journal.batch import Batch
from napari_maskrcnn.annotate.journal.file import Journal
from napari_maskrcnn.annotate.journal.recorder import Recorder, in_memory
from napari_maskrcnn.annotate.journal.tiles import Tiles, pack, unpack


@given(
    shape=st.lists(st.integers(1, 700), min_size=1, max_size=3).filter(lambda s: np.prod(s) < 1e6),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_tiles_cover_the_array_once_and_touching_finds_them(shape: list[int], data: Any) -> None:
    cut = Tiles(tuple(shape), "<i4")
    count = np.zeros(shape, np.int32)
    for number in range(len(cut)):
        count[cut.window(number)] += 1
    assert (count == 1).all()
    window = tuple(
        slice(start, data.draw(st.integers(start + 1, n)))
        for n in shape
        for start in [data.draw(st.integers(0, n - 1))]
    )
    inside = np.zeros(shape, bool)
    inside[window] = True
    expected = [number for number in range(len(cut)) if inside[cut.window(number)].any()]
    assert sorted(cut.touching(window)) == expected
    # Pixels are taken for their bounding box.
    assert sorted(cut.around(np.nonzero(inside))) == expected


def test_an_int_an_open_slice_and_missing_axes_are_windows_too() -> None:
    cut = Tiles((3, 300, 300), "<i4")
    assert cut.touching([1]).tolist() == [4, 5, 6, 7]
    assert cut.touching([-1, slice(None), slice(260, None)]).tolist() == [9, 11]
    assert cut.touching([0, slice(5, 5)]).tolist() == []
    assert cut.touching([0, slice(-3, 5), 0]).tolist() == [0, 2]


@pytest.mark.parametrize("dtype", ["<i4", ">i4", "|u1", "<u8", "<i2"])
def test_a_tile_comes_back_as_it_was(dtype: str) -> None:
    block = np.arange(12).reshape(3, 4).astype(dtype)[:, ::2]
    assert np.array_equal(unpack(pack(block, dtype), (3, 2), dtype), block)
    assert pack(np.zeros((3, 2), dtype), dtype) == b""
    assert not unpack(b"", (3, 2), dtype).any()


def recorded(recorder: Recorder, journal: Journal) -> int:
    """Copy and write everything that waits; return how many tiles were copied."""
    while not recorder.copy(1.0):
        pass
    blocks = recorder.take()
    journal.write(Batch(1, recorder.tiles, blocks))
    return len(blocks)


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """A sequence of edits by window or by pixels, of undos, redos, and of moments of writing."""
    kinds = st.sampled_from(["window", "pixels", "undo", "redo", "write"])
    return draw(st.lists(st.tuples(kinds, st.integers(0, 2**32 - 1)), max_size=30))


@given(script=scripts())
@settings(max_examples=30, deadline=None)
def test_the_journal_holds_the_final_array(script: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles_module, "SIDE", 16)
        labels = np.zeros((2, 40, 50), np.int32)
        recorder = Recorder(labels)
        journal = Journal(Path(folder) / "journal.sqlite")
        undone: list[tuple[Any, Any, Any]] = []
        done: list[tuple[Any, Any, Any]] = []
        for kind, seed in script:
            rng = np.random.default_rng(seed)
            if kind == "write":
                recorded(recorder, journal)
            elif kind == "undo" and done:
                where, before, after = done.pop()
                labels[where] = before
                undone.append((where, before, after))
                recorder.note_undo()
            elif kind == "redo" and undone:
                where, before, after = undone.pop()
                labels[where] = after
                done.append((where, before, after))
                recorder.note_undo()
            elif kind in ("window", "pixels"):
                where = edit_somewhere(rng, kind, labels)
                done.append((where, labels[where].copy(), int(rng.integers(1, 99))))
                undone.clear()
                labels[where] = done[-1][2]
                recorder.note(*(([where],) if kind == "window" else ([], [where])))
        recorded(recorder, journal)
        (layer,) = journal.layers()
        assert layer.whole
        assert np.array_equal(journal.array(layer), labels)
        journal.close()


def edit_somewhere(rng: np.random.Generator, kind: str, labels: np.ndarray) -> tuple[Any, ...]:
    low = [int(rng.integers(n)) for n in labels.shape]
    high = [int(rng.integers(a + 1, n + 1)) for a, n in zip(low, labels.shape, strict=True)]
    if kind == "window":
        return tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    chosen = np.zeros(labels.shape, bool)
    chosen[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return np.nonzero(chosen & (rng.random(labels.shape) < 0.3))


def test_only_what_changed_is_copied_and_an_undo_looks_only_there(tmp_path: Path) -> None:
    labels = np.zeros((4, 1000, 1000), np.int32)
    recorder, journal = Recorder(labels), Journal(tmp_path / "journal.sqlite")
    assert recorded(recorder, journal) == 4 * 16
    labels[2, 250:260, 10] = 1
    recorder.note([(slice(2, 3), slice(250, 260), slice(10, 11))])
    assert recorded(recorder, journal) == 2
    recorder.note_undo()
    assert recorded(recorder, journal) == 2
    assert recorded(recorder, journal) == 0
    journal.close()


def test_of_a_lazy_array_only_what_changed_is_read(tmp_path: Path) -> None:
    read: list[Any] = []

    def block(block_info: Any = None) -> np.ndarray:
        read.append(block_info[None]["chunk-location"])
        return np.ones((1, 256, 256), np.int32)

    labels = da.map_blocks(block, chunks=((1,) * 3, (256,) * 4, (256,) * 4), dtype=np.int32)
    read.clear()
    recorder, journal = Recorder(labels), Journal(tmp_path / "journal.sqlite")
    assert recorder.lazy
    assert not recorder.pending
    recorder.look_at([slice(None)])
    assert not recorder.pending
    labels[1, 300:310, 5:9] = 7
    recorder.note([(slice(1, 2), slice(300, 310), slice(5, 9))])
    recorder.copy(1.0)
    # What follows before the thread reads is another edit's matter.
    labels[1, 300:310, 5:9] = 8
    assert read == []
    journal.write(Batch(1, recorder.tiles, recorder.take()))
    assert set(read) == {(1, 1, 0)}
    (layer,) = journal.layers()
    assert not layer.whole
    found = journal.array(layer)
    assert (found[1, 300:310, 5:9] == 7).all()
    assert found.sum() == 256 * 256 + 6 * 40
    journal.close()


def test_what_counts_as_memory(tmp_path: Path) -> None:
    array = np.zeros((8, 8), np.int32)
    mapped = np.memmap(tmp_path / "labels.bin", np.int32, "w+", shape=(8, 8))
    assert in_memory(array)
    assert in_memory(array[2:, ::2])
    assert not in_memory(mapped)
    assert not in_memory(np.asarray(mapped)[2:])
    assert not in_memory(da.from_array(array))


def test_a_copy_ends_in_time_and_changes_go_first() -> None:
    labels = np.zeros((2, 2048, 2048), np.int32)
    recorder = Recorder(labels)
    recorder.note([(slice(1, 2), slice(0, 10), slice(0, 10))])
    assert not recorder.copy(0.0)
    assert not recorder.changes_pending
    assert list(recorder.take()) == [64]
    assert not recorder.copy(10.0, snapshot=False)
    assert recorder.take() == {}
    assert not recorder.copy(0.0)
