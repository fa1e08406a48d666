"""Tests of export and read_labels: round trips, and what is refused."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_maskrcnn.formats import FORMATS, export, read_labels
from napari_maskrcnn.formats.atomic import WriteError

LABELS = np.array([[0, 1, 1], [0, 0, 7]], dtype=np.int32)


@given(
    arrays(
        st.sampled_from([np.uint8, np.uint16, np.int32, np.uint32, np.int64]),
        array_shapes(min_dims=2, max_dims=4, max_side=4),
        elements=st.integers(0, 200),
    ),
    st.sampled_from([0, 300, 65_535, 65_536, 70_001, 2**32 - 1]),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_round_trip(tmp_path: Path, labels: np.ndarray, largest: int) -> None:
    if largest:
        labels = labels.astype(np.int64)
        labels.flat[-1] = largest
    path = export(labels, tmp_path / "labels.tif", overwrite=True)
    back = read_labels(path)
    assert back.shape == labels.shape
    assert np.array_equal(back, labels)
    assert back.dtype == np.min_scalar_type(int(labels.max()))


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (3, 20, 30), (2, 1, 3, 4, 5)])
@pytest.mark.parametrize("value", [0, 1, 70_000])
def test_round_trip_of_corner_cases(tmp_path: Path, shape: tuple[int, ...], value: int) -> None:
    labels = np.zeros(shape, dtype=np.int32)
    labels.flat[0] = value
    back = read_labels(export(labels, tmp_path / "labels.tif"))
    assert back.shape == shape
    assert np.array_equal(back, labels)


def test_suffix_or_name_chooses_the_format(tmp_path: Path) -> None:
    assert export(LABELS, tmp_path / "A.TIFF").read_bytes()[:2] in (b"II", b"MM")
    assert export(LABELS, tmp_path / "b.csv").read_text().startswith("label,class,score,x1,")
    for name in ("csv", "CSV", ".csv"):
        path = export(LABELS, tmp_path / "c.txt", format=name, overwrite=True)
        assert path.read_text().startswith("label,")
    assert export(LABELS, tmp_path / "d", format="tif") == tmp_path / "d"


def test_never_overwrites_silently(tmp_path: Path) -> None:
    path = tmp_path / "labels.tif"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"labels\.tif exists"):
        export(LABELS, path)
    assert path.read_text() == "precious"
    export(LABELS, path, overwrite=True)
    assert np.array_equal(read_labels(path), LABELS)


@pytest.mark.parametrize("name", ["labels.tif", "labels.csv"])
def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def no_space(*args: object, **kwargs: object) -> None:
        path = next(arg for arg in args if isinstance(arg, Path))
        path.write_bytes(b"the first half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tifffile, "TiffWriter", no_space)
    monkeypatch.setattr(pd.DataFrame, "to_csv", no_space)
    (tmp_path / name).write_text("precious")
    with pytest.raises(WriteError, match=rf"{name}: the disk is full .*Free some space"):
        export(LABELS, tmp_path / name, overwrite=True)
    assert (tmp_path / name).read_text() == "precious"
    assert os.listdir(tmp_path) == [name]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's always full device")
def test_really_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = tifffile.TiffWriter

    def writer(path: Path, **options: Any) -> tifffile.TiffWriter:
        path.symlink_to("/dev/full")
        return original(path, **options)

    monkeypatch.setattr(tifffile, "TiffWriter", writer)
    with pytest.raises(WriteError, match="the disk is full"):
        export(LABELS, tmp_path / "labels.tif")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["labels.tif", "labels.csv"])
def test_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def forbidden(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tifffile, "TiffWriter", forbidden)
    monkeypatch.setattr(pd.DataFrame, "to_csv", forbidden)
    with pytest.raises(WriteError, match=rf"{name}: writing in .* is not allowed.*Choose another"):
        export(LABELS, tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_folder_missing_or_a_file(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"the folder .*nowhere does not exist\. Create it"):
        export(LABELS, tmp_path / "nowhere" / "labels.tif")
    (tmp_path / "notes").write_text("")
    with pytest.raises(WriteError, match="notes is a file, not a folder"):
        export(LABELS, tmp_path / "notes" / "labels.tif")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS.astype(float), r"all values are whole numbers\. Convert .*astype\('int32'\)"),
        (LABELS + 0.5, r"not whole numbers\. This looks like an image"),
        (-LABELS, "cannot be negative, but the smallest is -7"),
        (LABELS[0], r"at least two axes, \(height, width\); got \(3,\)"),
        (LABELS[:0], r"no pixels: their shape is \(0, 3\)"),
        (LABELS.astype(complex), "the dtype is complex128"),
        (LABELS.astype(np.int64) << 40, "a TIFF holds at most 4294967295. Renumber"),
    ],
)
def test_refuses_labels(tmp_path: Path, labels: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        export(labels, tmp_path / "labels.tif")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": np.zeros((2, 4))}, r"\(2, 4\), but the labels have \(2, 3\)"),
        ({"image": np.zeros((2, 3, 3, 3))}, r"channels, if any, come last"),
        ({"image": np.zeros((2, 3), complex)}, "real numbers are needed"),
        ({"table": pd.DataFrame({"id": [1]})}, "no column 'index' .* its columns are id"),
        ({"table": pd.DataFrame({"index": [1, 1]})}, "more than one row for label 1"),
        ({"scale": (1.0,)}, "must be 2 positive numbers"),
        ({"scale": (1.0, 0.0)}, "must be 2 positive numbers"),
        ({"format": "bmp"}, r"no format 'bmp'\. Choose one of: tiff \(\.tif, \.tiff\), ome-zarr"),
    ],
)
def test_refuses_what_does_not_fit(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        export(LABELS, tmp_path / "labels.tif", **arguments)
    assert os.listdir(tmp_path) == []


def test_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"the ending '\.bmp', .*: tiff \(\.tif, \.tiff\), ome-zarr"
    ):
        export(LABELS, tmp_path / "labels.bmp")
    with pytest.raises(ValueError, match=r"labels has no ending"):
        export(LABELS, tmp_path / "labels")
    (tmp_path / "labels.csv").write_text("label\n1\n")
    with pytest.raises(ValueError, match=r"Choose one of: tiff .*, png"):
        read_labels(tmp_path / "labels.csv")
    with pytest.raises(ValueError, match=r"is a folder that is no "):
        read_labels(tmp_path)


class TestReadLabels:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"There is no file .*labels\.tif"):
            read_labels(tmp_path / "labels.tif")

    @pytest.mark.parametrize("name", ["x.tif", "x.png", "x.npy"])
    @pytest.mark.parametrize("content", [b"", b"not an image", b"II*\0\xff\xff\0\0"])
    def test_damaged(self, tmp_path: Path, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name} cannot be read as .*: "):
            read_labels(tmp_path / name)

    def test_truncated(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        path = export(rng.integers(0, 9, (200, 200)), tmp_path / "labels.tif")
        path.write_bytes(path.read_bytes()[:3000])
        with pytest.raises(ValueError, match=r"labels\.tif cannot be read as TIFF"):
            read_labels(path)

    def test_whole_floats_become_integers(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "x.tif", np.array([[0, 70_000]], dtype=np.float32))
        labels = read_labels(tmp_path / "x.tif")
        assert labels.dtype == np.int32
        assert labels.tolist() == [[0, 70_000]]

    def test_image_instead_of_labels(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "x.tif", np.full((4, 4), 0.5, dtype=np.float32))
        with pytest.raises(ValueError, match=r"x\.tif: .*This looks like an image"):
            read_labels(tmp_path / "x.tif")

    def test_numpy(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", LABELS)
        assert read_labels(tmp_path / "x.npy").tolist() == LABELS.tolist()

    def test_numpy_objects_are_refused(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", np.array([{"masks": 1}]), allow_pickle=True)
        with pytest.raises(ValueError, match=r"x\.npy cannot be read"):
            read_labels(tmp_path / "x.npy")


def test_names_and_suffixes_are_unique() -> None:
    names = [entry.name for entry in FORMATS]
    assert len(set(names)) == len(names)
    owners: dict[str, list[str]] = {}
    for entry in FORMATS:
        for suffix in entry.suffixes:
            owners.setdefault(suffix, []).append(entry.name)
    shared = {suffix: names for suffix, names in owners.items() if len(names) > 1}
    # The first is what the suffix stands for; its variants are chosen by name.
    assert shared == {
        ".json": ["coco", "coco-polygons"],
        ".geojson": ["geojson", "geojson-annotations"],
    }
    assert all(entry.write or entry.read for entry in FORMATS)


def test_instances_are_exported_with_their_own_table(tmp_path: Path) -> None:
    from napari_maskrcnn.formats import read_table
    from napari_maskrcnn.instances import Instances

    labels = np.zeros((12, 14), np.int32)
    labels[2:6, 2:7], labels[8:11, 5:9] = 1, 2
    found = Instances.from_labels(labels, ("nucleus",))
    np.testing.assert_array_equal(read_labels(export(found, tmp_path / "x.tif")), labels)
    table = read_table(export(found, tmp_path / "x.csv"))
    assert table["class"].tolist() == ["nucleus", "nucleus"]


def test_a_file_that_is_there_names_the_argument(tmp_path: Path) -> None:
    for name, format in (("x.tif", None), ("objects", "png")):
        path = export(LABELS, tmp_path / name, format=format)
        with pytest.raises(FileExistsError, match=r"exists.*or give overwrite=True"):
            export(LABELS, path, format=format)
