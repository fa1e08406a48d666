"""Tests of exporting as a job: progress, cancelling, and where the labels came from."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_maskrcnn.formats import ExportCancelled, export, export_job, read_file
from napari_maskrcnn.formats.provenance import versions
from napari_maskrcnn.formats.verbs import provenance_path, read_provenance
from napari_maskrcnn.jobs import Progress

LABELS = np.array([[0, 1, 1], [0, 0, 7]], dtype=np.int32)


def test_reports_progress(tmp_path: Path) -> None:
    steps: list[Progress] = []
    export(LABELS, tmp_path / "x.csv", progress=steps.append)
    assert steps[0].message == "Writing x.csv"
    assert len(steps) > 1
    assert all(step.done <= step.total for step in steps)


@pytest.mark.parametrize("name", ["x.tif", "x.csv"])
def test_stop_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    stop = threading.Event()
    stop.set()
    with pytest.raises(ExportCancelled, match=f"{name} was not written"):
        export(LABELS, tmp_path / name, overwrite=True, stop=stop, provenance={})
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "precious"


@pytest.mark.parametrize("name", ["x.tif", "x.csv"])
@pytest.mark.parametrize("steps", [1, 2])
def test_closing_the_job_leaves_nothing(tmp_path: Path, name: str, steps: int) -> None:
    job = export_job(LABELS, tmp_path / name, provenance={})
    for _ in range(steps):
        next(job)
    job.close()
    assert os.listdir(tmp_path) == []


def test_provenance_beside_a_file_without_a_place_for_it(tmp_path: Path) -> None:
    said = {"model": "nuclei", "settings": {"score": 0.5}}
    path = export(LABELS, tmp_path / "x.csv", provenance=said)
    assert sorted(os.listdir(tmp_path)) == ["x.csv", "x.csv.provenance.json"]
    assert json.loads(provenance_path(path).read_text()) == said
    assert read_provenance(path) == said
    path.unlink()
    with pytest.raises(FileExistsError, match=r"x\.csv\.provenance\.json exists"):
        export(LABELS, path, provenance=said)
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000])
def test_broken_provenance_is_none(tmp_path: Path, text: str) -> None:
    provenance_path(tmp_path / "x.csv").write_text(text)
    assert read_provenance(tmp_path / "x.csv") is None


@pytest.mark.parametrize("value", [np.float32(1), float("nan"), {1, 2}])
def test_provenance_is_plain(tmp_path: Path, value: object) -> None:
    with pytest.raises(ValueError, match="holds what JSON does not know"):
        export(LABELS, tmp_path / "x.csv", provenance={"value": value})
    assert os.listdir(tmp_path) == []


def test_read_file_gives_labels(tmp_path: Path) -> None:
    data = read_file(export(LABELS, tmp_path / "x.tif"))
    assert np.array_equal(data.labels, LABELS)
    assert data.table is None


def test_a_file_says_by_itself_what_wrote_it_and_when(tmp_path: Path) -> None:
    said = read_file(export(LABELS, tmp_path / "x.tif")).provenance
    assert said is not None
    assert said["versions"] == versions()
    assert said["created"].endswith("Z")
    export(LABELS, tmp_path / "x.csv")
    assert sorted(os.listdir(tmp_path)) == ["x.csv", "x.tif"]


def test_a_record_never_outlives_its_file(tmp_path: Path) -> None:
    path = export(LABELS, tmp_path / "x.csv", provenance={"model": "old"})
    export(LABELS, path, overwrite=True)
    said = read_provenance(path)
    assert said is not None
    assert set(said) == {"versions", "created"}


@pytest.mark.parametrize("name", ["x.tif", "x.ome.zarr", "x.json", "x.zip", "x", "x_seg.npy"])
def test_labels_of_the_other_byte_order(tmp_path: Path, name: str) -> None:
    export(LABELS.astype(">u2"), tmp_path / name, format=None if "." in name else "png")
    assert read_file(tmp_path / name).labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("name", ["x.tif", "x.csv", "x.json", "x"])
def test_a_label_beyond_64_bits_is_refused(tmp_path: Path, name: str) -> None:
    labels = np.array([[0, 2**63]], np.uint64)
    with pytest.raises(ValueError, match=r"largest label is 9223372036854775808.*Renumber"):
        export(labels, tmp_path / name, format=None if "." in name else "png")
    assert not os.listdir(tmp_path)
