"""Tests of PNGs: one picture of a plane, and a folder with a picture of every object."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_maskrcnn.formats import ExportCancelled, export, export_job, read_file, read_labels
from tests.formats.label_images import label_images

LABELS = np.zeros((9, 12), np.int32)
LABELS[2:5, 3:8], LABELS[4:8, 7:9], LABELS[3, 4] = 12, 7, 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return export(LABELS, tmp_path / "objects", format="png")


def change(folder: Path, old: str, new: str, name: str = "objects.csv") -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


class TestLabelImage:
    @pytest.mark.parametrize("labels", [x for x in label_images(20, ndim=2) if x.max() < 65_536])
    def test_round_trip(self, tmp_path: Path, labels: np.ndarray) -> None:
        said = {"model": "nuclei"}
        path = export(labels, tmp_path / "x.png", scale=(0.5, 0.25), provenance=said)
        data = read_file(path)
        assert np.array_equal(data.labels, labels)
        assert data.labels.dtype == (np.uint8 if labels.max() < 256 else np.uint16)
        assert (data.scale, data.provenance) == ((0.5, 0.25), said)
        assert np.array_equal(np.array(Image.open(path)), labels)

    def test_what_it_does_not_hold(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"786432, but a PNG holds at most 65535\. Export"):
            export(LABELS * 65_536, tmp_path / "x.png")
        with pytest.raises(ValueError, match=r"one plane, .* \(1, 9, 12\). Export them as TIFF or"):
            export(LABELS[None], tmp_path / "x.png")
        assert os.listdir(tmp_path) == []

    def test_larger_than_pillow_allows(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        assert np.array_equal(read_labels(export(LABELS, tmp_path / "x.png")), LABELS)

    def test_absurd_size(self, tmp_path: Path) -> None:
        path = export(LABELS, tmp_path / "x.png")
        content = bytearray(path.read_bytes())
        content[16:24] = struct.pack(">II", 10**6, 10**6)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        path.write_bytes(content)
        with pytest.raises(ValueError, match="1000000 × 1000000 pixels; more than"):
            read_labels(path)


def test_pictures_are_the_masks(folder: Path) -> None:
    assert sorted(os.listdir(folder)) == ["07.png", "12.png", "objects.csv", "provenance.json"]
    with Image.open(folder / "12.png") as picture:
        assert np.array_equal(np.array(picture), LABELS[2:5, 3:8] == 12)
    content = (folder / "07.png").read_bytes()
    at = content.index(b"oFFs")
    assert struct.unpack(">iiB", content[at + 4 : at + 13]) == (7, 4, 0)
    assert (folder / "objects.csv").read_text().splitlines() == [
        "label,file,x1,y1,x2,y2,class,score",
        "7,07.png,7,4,9,8,,",
        "12,12.png,3,2,8,5,,",
    ]


def test_planes_are_folders(tmp_path: Path) -> None:
    stack = np.stack([LABELS * 0, LABELS])
    path = export(stack, tmp_path / "objects", format="png")
    assert sorted(os.listdir(path / "plane_1")) == ["07.png", "12.png"]
    assert not (path / "plane_0").exists()
    deeper = export(stack[:, None], tmp_path / "deeper", format="png")
    assert (deeper / "plane_1_0" / "12.png").exists()


def test_format_is_chosen_by_name_and_ending(tmp_path: Path) -> None:
    assert export(LABELS, tmp_path / "x.png", format="png").is_file()
    assert export(LABELS, tmp_path / "masks", format="png").is_dir()


def test_replaces_only_its_own(folder: Path) -> None:
    export(LABELS * 0, folder, format="png", overwrite=True)
    assert sorted(os.listdir(folder)) == ["objects.csv", "provenance.json"]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not of an earlier export"):
        export(LABELS, folder, format="png", overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    job = export_job(LABELS, tmp_path / "objects", format="png")
    next(job)
    next(job)
    assert os.listdir(tmp_path) != []
    job.close()
    assert os.listdir(tmp_path) == []
    assert issubclass(ExportCancelled, Exception)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("07.png", "../07.png", "names '../07.png', which is no picture"),
        ("07.png", "/etc/7.png", "names '/etc/7.png'"),
        ("07.png", "plane_0/07.png", "is not where a picture of 2 axes lies"),
        ("07.png", "08.png", "No such file"),
        ("7,4,9,8", "7,4,9,9", r"line 2 of objects.csv and the size of 07.png differ"),
        ("7,4,9,8", "-2,4,0,8", "differ"),
        ("7,4,9,8", "11,4,13,8", "07.png lies outside of the image"),
        ("\n7,", "\n-7,", "differ"),
        ("\n7,", "\nx,", "objects cannot be read"),
        ("label,", "lapel,", "label"),
    ],
)
def test_hostile_table(folder: Path, old: str, new: str, message: str) -> None:
    change(folder, old, new)
    with pytest.raises(ValueError, match=message):
        read_labels(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"napari-maskrcnn": {"shape": [1000000, 1000000]}}', "1000000 × 1000000 pixels"),
        ('{"napari-maskrcnn": {"shape": [9]}}', "has the shape 9"),
        ("{}", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_hostile_description(folder: Path, content: str, message: str) -> None:
    (folder / "provenance.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_labels(folder)


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "07.png").rename(tmp_path / "elsewhere.png")
    (folder / "07.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(ValueError, match=r"07\.png is a link"):
        read_labels(folder)


def test_a_folder_without_its_description_is_unknown(folder: Path) -> None:
    assert "shape" in json.loads((folder / "provenance.json").read_text())["napari-maskrcnn"]
    (folder / "provenance.json").unlink()
    with pytest.raises(ValueError, match=r"is a folder that is no .*folder with a PNG of each"):
        read_labels(folder)
