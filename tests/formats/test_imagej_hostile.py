"""Damaged and hostile files of ImageJ's ROIs: refused with an error, or read as far as they go."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from roifile import ROI_TYPE, ImagejRoi

from napari_maskrcnn.formats import read_labels
from napari_maskrcnn.formats.imagej_reader import is_imagej

ROI = ImagejRoi.frompoints(np.array([[0, 0], [4, 0], [4, 3], [0, 3]])).tobytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.zip"


def packed(path: Path, entries: dict[str, bytes], **how: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **how) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def outcome(path: Path) -> str:
    """Read a damaged file: "small labels", or the error."""
    try:
        return "small labels" if read_labels(path).size < 1000 else "large labels"
    except ValueError as error:
        return str(error)


def test_names_lead_nowhere(path: Path) -> None:
    names = ["../../up.roi", "/tmp/root.roi", "C:\\x\\win.roi", "a/b/deep.roi"]
    before = sorted(path.parent.parent.iterdir())
    labels = read_labels(packed(path, dict.fromkeys(names, ROI)))
    assert np.array_equal(labels, np.ones((3, 4)))
    assert os.listdir(path.parent) == ["x.zip"]
    assert sorted(path.parent.parent.iterdir()) == before


def test_other_entries_are_not_read(path: Path) -> None:
    entries = {"1.roi": ROI, "__MACOSX/._1.roi": b"junk", "notes.txt": b"junk", "a/": b""}
    assert read_labels(packed(path, entries)).max() == 1


def test_a_bomb_is_not_unpacked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_maskrcnn.formats.imagej_reader.MOST_ROI_BYTES", 2**20)
    packed(path, {"1.roi": ROI + bytes(2**20)})
    with pytest.raises(
        ValueError, match=r"1\.roi has 1,0\d+,\d+ bytes; an ROI of more than 1,048,576"
    ):
        read_labels(path)


def test_many_small_bombs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_maskrcnn.formats.imagej_reader.MOST_UNPACKED_BYTES", 2**20)
    packed(path, {f"{k}.roi": ROI + bytes(2**18) for k in range(5)})
    with pytest.raises(ValueError, match=r"1,311,\d+ bytes when unpacked; more than 1,048,576"):
        read_labels(path)


def test_a_size_that_is_a_lie(path: Path) -> None:
    packed(path, {"1.roi": ROI + bytes(2**20)})
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 24  # the unpacked size in the directory
    content[at : at + 4] = struct.pack("<I", 64)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.zip cannot be read as ImageJ ROIs"):
        read_labels(path)


def test_packed_otherwise(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("1.roi", ROI)
    with pytest.raises(ValueError, match=r"1\.roi is packed in a way that ImageJ does not know"):
        read_labels(path)


def test_a_zip_of_other_things(path: Path) -> None:
    packed(path, {"a.txt": b"text"})
    assert not is_imagej(path)
    with pytest.raises(ValueError, match="it is a zip without ROIs"):
        read_labels(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(9), b"Iout"])
def test_no_zip(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.zip cannot be read as ImageJ ROIs"):
        read_labels(path)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (4, b"\x00\x00\x63"),  # an unknown type
        (16, b"\xff\xff"),  # 65,535 corners
        (16, b"\x00\x00\x7f\xff\xff\xff"),  # 2,147,483,647 corners
        (16, b"\x00\x00\xff\xff\xff\xff"),  # less than none
        (36, b"\x7f\xff\xff\xff"),  # a path of two billion steps
        (60, b"\x7f\xff\xff\xff"),
        (60, b"\x00\x00\x00\x40"),  # a second header that is the first's coordinates
    ],
)
def test_damaged_rois(path: Path, at: int, value: bytes) -> None:
    content = bytearray(ROI)
    content[at : at + len(value)] = value
    packed(path, {"bad.roi": bytes(content), "good.roi": ROI})
    assert outcome(path).startswith(("small labels", f"{path} cannot be read"))


def test_every_cut_roi_is_refused_or_read(tmp_path: Path) -> None:
    for length in range(0, len(ROI), 7):
        path = tmp_path / f"{length}.roi"
        path.write_bytes(ROI[:length])
        assert outcome(path).startswith(("small labels", f"{path} cannot be read"))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_coordinates_that_are_no_pixels(tmp_path: Path, value: float) -> None:
    roi = ImagejRoi.frompoints(np.array([[0.5, 0], [4, 0], [4, 3]]))
    roi.subpixel_coordinates[1, 0] = value
    (tmp_path / "x.roi").write_bytes(roi.tobytes())
    with pytest.raises(ValueError, match=r"the ROI .* is damaged: a polygon has the coordinate"):
        read_labels(tmp_path / "x.roi")


@pytest.mark.parametrize(
    "path_of", [[5, 0, 0], [0, 1], [4], [1, 2, 3], [2, 0, 0, 1, 1, 2, 2], [0, 1, 1, 0, 2, 2]]
)
def test_broken_composites(tmp_path: Path, path_of: list[float]) -> None:
    roi = ImagejRoi(
        roitype=ROI_TYPE.RECT,
        shape_roi_size=len(path_of),
        multi_coordinates=np.array(path_of, np.float32),
    )
    (tmp_path / "x.roi").write_bytes(roi.tobytes())
    with pytest.raises(ValueError, match=r"x\.roi .*(damaged|enclose no area)"):
        read_labels(tmp_path / "x.roi")
