"""Tests of Cellpose's file: what Cellpose finds in it, and what it may not do to us."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_maskrcnn.formats import export, read_file, read_labels
from napari_maskrcnn.formats.unpickle import load_plain
from tests.formats.label_images import label_images

LABELS = np.zeros((8, 10), np.int32)
LABELS[1:5, 2:7], LABELS[4:7, 7:9] = 3, 8


def save(path: Path, content: object) -> Path:
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    return path


def load(path: Path) -> dict[str, Any]:
    """Load as Cellpose does."""
    content: dict[str, Any] = np.load(path, allow_pickle=True).item()
    return content


def test_cellpose_finds_its_keys(tmp_path: Path) -> None:
    content = load(export(LABELS, tmp_path / "x_seg.npy", name="x.tif"))
    assert content["masks"].dtype == np.uint16
    assert np.array_equal(content["masks"], LABELS)
    assert content["filename"] == "x.tif"
    assert content["chan_choose"] == [0, 0]
    assert content["ismanual"].tolist() == [False, False]
    assert len(content["flows"]) == 5
    expected = LABELS.copy()
    expected[2:4, 3:6] = 0
    expected[5, 8] = LABELS[5, 8]  # nothing inside of two columns
    assert np.array_equal(content["outlines"], expected)
    assert "img" not in content


@pytest.mark.parametrize("labels", label_images(30))
def test_outlines_hold_every_object_in_the_order_of_the_masks(
    tmp_path: Path, labels: np.ndarray
) -> None:
    # Cellpose renumbers both by order of appearance and expects the same numbers.
    content = load(export(labels, tmp_path / "x_seg.npy"))
    orders = [
        list(dict.fromkeys(content[key][content[key] > 0].tolist()))
        for key in ("masks", "outlines")
    ]
    assert orders[0] == orders[1]


@pytest.mark.parametrize(("largest", "dtype"), [(65_534, np.uint16), (65_535, np.uint32)])
def test_type(tmp_path: Path, largest: int, dtype: type) -> None:
    content = load(export(LABELS.astype(bool) * largest, tmp_path / "x_seg.npy"))
    assert content["masks"].dtype == content["outlines"].dtype == dtype


def test_an_image_without_a_name_goes_in(tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((8, 10, 3))
    content = load(export(LABELS, tmp_path / "x_seg.npy", image=image))
    assert np.array_equal(content["img"], image)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_reads_what_cellpose_wrote(tmp_path: Path, protocol: int) -> None:
    content = {
        "masks": np.asfortranarray(LABELS.astype(">u2")),
        "outlines": [np.zeros((4, 2), np.int32)] * 2,
        "filename": Path("folder") / "x.tif",
        "est_diam": np.float64(30.5),
        "diameter": np.nan,
        "flows": [np.zeros((1, 8, 10, 3), np.uint8), []],
        "ismanual": np.array([True, False]),
        "zdraw": [None, np.arange(3)],
        "colors": np.array([["a", "b"]]),
        "manual_changes": [["01/02/2024, 10:11:12", "added mask", [1, 2]]],
        "normalize_params": OrderedDict(lowhigh=None, percentile=[1.0, 99.0]),
    }
    with (tmp_path / "x_seg.npy").open("wb") as file:
        header = {"descr": "|O", "fortran_order": False, "shape": ()}
        np.lib.format.write_array_header_1_0(file, header)
        array = np.empty((), object)
        array[()] = content
        pickle.dump(array, file, protocol=protocol)
    labels = read_labels(tmp_path / "x_seg.npy")
    assert labels.dtype == np.uint16
    assert np.array_equal(labels, LABELS)


def test_old_files_begin_at_minus_one(tmp_path: Path) -> None:
    path = save(tmp_path / "x_seg.npy", {"masks": LABELS - 1})
    assert np.array_equal(read_labels(path), LABELS)


def test_a_plain_array_of_that_name(tmp_path: Path) -> None:
    np.save(tmp_path / "x_seg.npy", LABELS)
    assert np.array_equal(read_labels(tmp_path / "x_seg.npy"), LABELS)


def survive(code: bytes) -> None:
    """Load a pickle that may raise whatever it likes, but not take all memory."""
    try:
        load_plain(io.BytesIO(code))
    except MemoryError:
        pytest.fail("it asked for all memory")
    except Exception:
        return


class Trap:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.called = function, arguments

    def __reduce__(self) -> Any:
        return self.called


@pytest.mark.parametrize(
    "where",
    [
        lambda trap: {"masks": LABELS, "flows": trap},
        lambda trap: {"masks": trap},
        lambda trap: trap,
        lambda trap: {"masks": LABELS, "filename": [np.array([trap], dtype=object)]},
    ],
)
def test_code_does_not_run(tmp_path: Path, where: Any) -> None:
    victim = tmp_path / "victim"
    for trap in (
        Trap(os.mkdir, str(victim)),
        Trap(eval, f"__import__('os').mkdir({str(victim)!r})"),
    ):
        path = save(tmp_path / "x_seg.npy", where(trap))
        with pytest.raises(ValueError, match=r"x_seg\.npy .*which could run code"):
            read_file(path)
        assert not victim.exists()
        # The trap is real: plain numpy falls into it.
        np.load(path, allow_pickle=True)
        assert victim.is_dir()
        victim.rmdir()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"outlines": LABELS}, "no array of whole numbers called 'masks'"),
        ({"masks": LABELS * 0.5}, "no array of whole numbers"),
        ({"masks": LABELS.tolist()}, "no array of whole numbers"),
        ([1, 2], "no array of whole numbers"),
        ({"masks": np.zeros(3, [("a", "i4")])}, r"of the type 'V4'"),
        ({"masks": np.zeros(3, "M8[s]")}, "of the type 'M8'"),
        ({"masks": LABELS[0]}, "has the shape 10"),
        ({"masks": LABELS - 5}, "cannot be negative"),
    ],
)
def test_what_is_no_segmentation(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_labels(save(tmp_path / "x_seg.npy", content))


@pytest.mark.parametrize(
    "code",
    [
        # A memory slot of a number that would take 32 GB of slots.
        pickle.NONE + pickle.LONG_BINPUT + struct.pack("<I", 2**32 - 1) + pickle.STOP,
        pickle.BINBYTES8 + struct.pack("<Q", 2**60) + b"few" + pickle.STOP,
        pickle.BYTEARRAY8 + struct.pack("<Q", 2**40) + b"few" + pickle.STOP,
        pickle.FRAME + struct.pack("<Q", 2**60) + pickle.NONE + pickle.STOP,
        pickle.EMPTY_LIST * 10 + pickle.TUPLE1 * 100_000 + pickle.STOP,
        b"",
        pickle.NONE,
        b"cos\nsystem\n(S'true'\ntR.",
    ],
)
def test_absurd_pickles_end_at_once(code: bytes) -> None:
    survive(code)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damage_is_an_error_or_harmless(data: st.DataObject) -> None:
    code = bytearray(pickle.dumps({"masks": LABELS, "x": [np.float32(1), b"bytes", "text", None]}))
    for _ in range(data.draw(st.integers(1, 4))):
        code[data.draw(st.integers(0, len(code) - 1))] = data.draw(st.integers(0, 255))
    survive(bytes(code))


def test_no_name_but_those_of_arrays_is_known() -> None:
    code = pickle.dumps({"masks": LABELS, "x": np.float32(1)}, protocol=4)
    asked = {
        arg for opcode, arg, _ in pickletools.genops(code) if opcode.name == "SHORT_BINUNICODE"
    }
    assert "_reconstruct" in asked
    for name in ("exec", "eval", "getattr", "open", "__import__"):
        with pytest.raises(ValueError, match=rf"asks for builtins\.{name}"):
            load_plain(io.BytesIO(f"cbuiltins\n{name}\n.".encode()))
