"""Labels come back as they were from every format that loses nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_maskrcnn.formats import export, read_file
from tests.formats.label_images import label_images, many_objects

PATHS = {
    "tiff": "x.tif",
    "ome-zarr": "x.ome.zarr",
    "png": "objects",
    "cellpose": "x_seg.npy",
    "coco": "x.json",
    "geojson": "x.geojson",
    "geojson-annotations": "x.geojson",
    "imagej": "x.zip",
}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("labels", label_images(50))
def test_labels_come_back(tmp_path: Path, name: str, labels: np.ndarray) -> None:
    path = export(labels, tmp_path / PATHS[name], format=name)
    back = read_file(path).labels
    assert back.shape == labels.shape
    assert np.array_equal(back, labels)
    assert back.dtype.isnative
    assert back.flags.writeable


@pytest.mark.parametrize("name", PATHS)
def test_many_objects_and_what_goes_with_them(tmp_path: Path, name: str) -> None:
    labels = many_objects(5000).astype(np.uint32) * 20
    ids = np.unique(labels)[1:]
    table = pd.DataFrame(
        {
            "index": ids.astype(np.int64),
            "class": np.where(ids % 3, "Zelle, groß", "NA"),
            "score": (ids % 128) / 128,
        }
    )
    said = {"model": "nuclei", "settings": {"score": 0.5, "note": "µ"}}
    scale, path = (0.5, 0.25), tmp_path / PATHS[name]
    export(labels, path, table=table, format=name, scale=scale, provenance=said)
    data = read_file(path)
    assert np.array_equal(data.labels, labels)
    assert data.scale == scale
    assert data.provenance == said
    if name != "tiff":
        pd.testing.assert_frame_equal(data.table, table)


@pytest.mark.parametrize("name", ["ome-zarr", "png", "cellpose"])
def test_without_a_table_or_scale(tmp_path: Path, name: str) -> None:
    labels = np.array([[0, 4], [4, 9]])
    data = read_file(export(labels, tmp_path / PATHS[name], format=name))
    assert data.scale is None
    assert data.provenance is not None
    assert set(data.provenance) == {"versions", "created"}
    if data.table is not None:
        assert data.table["index"].tolist() == [4, 9]
        assert data.table["class"].tolist() == ["", ""]
        assert data.table["score"].isna().all()


@pytest.mark.parametrize("axes", ["TYX", "ZYX", "QYX", "TZYX"])
@pytest.mark.parametrize("name", PATHS)
def test_time_stays_time(tmp_path: Path, name: str, axes: str) -> None:
    labels = np.zeros((1, 3, 5, 6)[-len(axes) :], np.uint8)
    labels[..., 1:3, 2:4] = 4
    back = read_file(export(labels, tmp_path / PATHS[name], format=name, axes=axes))
    assert np.array_equal(back.labels, labels)
    # OME-Zarr knows no other letters.
    assert back.axes == ("ZYX" if (name, axes) == ("ome-zarr", "QYX") else axes)
