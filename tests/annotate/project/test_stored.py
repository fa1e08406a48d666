"""Labels of a project: nothing replaced without a copy, nothing written that is not new."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.project.stored import (
    Stored,
    read_labels_of,
    read_prediction,
    write_labels_of,
    write_prediction,
)
from napari_maskrcnn.formats.atomic import WriteError
from napari_maskrcnn.instances import table_from_labels
from napari_maskrcnn.predict.kept import Choice, Kept
from napari_maskrcnn.predict.settings import PredictSettings
from tests.annotate.project.predicting import squares


def stored(*values: int, shape: tuple[int, ...] = (40, 50)) -> Stored:
    labels = np.zeros(shape, np.int32)
    for k, value in enumerate(values):
        labels[..., 4 * k : 4 * k + 3, :5] = value
    return Stored(labels, table_from_labels(labels).assign(state="predicted"))


def test_labels_and_table_come_back(project: Project) -> None:
    made = stored(1, 300, 70_000)
    assert made.table is not None
    made.table.loc[1, ["class", "state", "score"]] = ["cell, large", "accepted", 0.25]
    assert write_labels_of(project, "a", made, scale=(0.5, 0.25))
    found = read_labels_of(project, "a")
    assert found is not None
    assert found.labels.dtype == np.int32
    assert np.array_equal(found.labels, made.labels)
    assert found.table is not None
    pd.testing.assert_frame_equal(
        found.table[made.table.columns],
        made.table.assign(state=found.table["state"]),
        check_dtype=False,
    )
    assert found.table["state"].tolist()[:3] == ["", "accepted", "predicted"]
    with tifffile.TiffFile(project.file("labels", "a", ".tif")) as tif:
        assert tif.pages.first.dtype == np.uint32
        assert (
            tif.pages.first.tags["XResolution"].value[0]
            == 4 * (tif.pages.first.tags["XResolution"].value[1])
        )


def test_a_copy_of_what_is_replaced_stays(project: Project) -> None:
    first, second = stored(1, 2), stored(1)
    assert write_labels_of(project, "a", first)
    assert not write_labels_of(project, "a", first)
    assert write_labels_of(project, "a", second)
    spoken = stored(1)
    assert spoken.table is not None
    spoken.table.loc[1, "state"] = "accepted"
    assert write_labels_of(project, "a", spoken)
    kept = sorted((project.root / "history" / "labels").glob("a *.tif"))
    assert [np.unique(tifffile.imread(path)).tolist() for path in kept] == [[0, 1, 2], [0, 1]]
    assert len(list((project.root / "history" / "labels").glob("a *.csv"))) == 2


def test_a_disk_that_fills_leaves_what_was_there(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_labels_of(project, "a", stored(1))
    before = sorted(path for path in project.root.rglob("*") if path.is_file())

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tifffile.TiffWriter, "write", full)
        with pytest.raises(WriteError, match="the disk is full"):
            write_labels_of(project, "a", stored(2))
    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", full)
        with pytest.raises(WriteError, match="the disk is full"):
            write_labels_of(project, "a", stored(3))
    assert [path for path in project.root.rglob("*") if ".part" in path.name] == []
    assert before == sorted(path for path in project.root.rglob("*") if path.is_file())
    found = read_labels_of(project, "a")
    assert found is not None
    assert found.labels.max() == 1


def test_damaged_labels_are_named_and_kept(project: Project) -> None:
    path = project.file("labels", "a", ".tif")
    path.write_bytes(b"II*\x00garbage")
    with pytest.raises(ValueError, match=r"a\.tif cannot be read as labels .* Earlier copies"):
        read_labels_of(project, "a")
    write_labels_of(project, "a", stored(1))
    (copy,) = (project.root / "history" / "labels").glob("a *.tif")
    assert copy.read_bytes() == b"II*\x00garbage"


def test_a_copy_where_files_have_one_name_only(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.EPERM, "no links on this disk")

    monkeypatch.setattr("os.link", refuse)
    write_labels_of(project, "a", stored(1))
    write_labels_of(project, "a", stored(2))
    (copy,) = (project.root / "history" / "labels").glob("a *.tif")
    assert tifffile.imread(copy).max() == 1


def test_a_prediction_is_there_for_us_and_for_others(project: Project) -> None:
    kept = Kept({(None, None): squares((40, 50))}, PredictSettings(), "m", "hash", 0.3)
    write_prediction(project, "a", kept, Choice(0.5))
    found = read_prediction(project, "a")
    assert found is not None
    assert (len(found[0].planes[None, None]), found[1]) == (2, Choice(0.5))
    assert found[0].settings == PredictSettings()
    assert tifffile.imread(project.file("predictions", "a", ".tif")).max() == 1
    write_prediction(project, "a", kept, Choice(0.3))
    endings = [Path(p).suffix for p in (project.root / "history" / "predictions").iterdir()]
    assert sorted(endings) == [".csv", ".npz", ".tif"]
    project.file("predictions", "a", ".npz").write_bytes(b"PK")
    assert read_prediction(project, "a") is None
