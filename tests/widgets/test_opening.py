"""Labels of other programs, opened as napari opens them; and what is not ours left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels
from napari.settings import get_settings

from napari_maskrcnn.formats import export
from napari_maskrcnn.widgets.opening import get_reader
from napari_maskrcnn.widgets.origin import origin_of

TABLE = pd.DataFrame({"index": [2, 7], "class": ["cell", "debris"], "score": [0.75, 0.5]})
OPENED = ["cells.json", "cells.geojson", "cells.zip", "cells_seg.npy"]


def labels() -> np.ndarray:
    """Two objects that touch neither the last row nor the last column, nor lie symmetrically."""
    array = np.zeros((20, 30), np.int32)
    array[2:6, 4:15] = 2
    array[9:12, 20:28] = 7
    array[12, 20] = 7
    return array


@pytest.fixture
def viewer(make_napari_viewer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def asked(paths: list[str], *rest: Any, error: Exception | None = None, **more: Any) -> None:
        raise AssertionError(f"napari asks what opens {paths}: {error}")

    monkeypatch.setattr("napari._qt.qt_viewer.handle_gui_reading", asked)
    return make_napari_viewer()


def drop(viewer: Any, path: Path) -> Labels:
    """Open a file as a drop does."""
    viewer.window._qt_viewer._qt_open([str(path)], stack=False)
    layer = viewer.layers[-1]
    assert isinstance(layer, Labels)
    return layer


@pytest.mark.parametrize("name", OPENED)
def test_a_dropped_file_becomes_labels_with_their_classes(
    viewer: Any, tmp_path: Path, name: str
) -> None:
    viewer.add_image(np.zeros((20, 30)), name="cells", scale=(0.5, 0.25), units=("um", "um"))
    path = export(labels(), tmp_path / name, table=TABLE, provenance={"lab": 5}, name="cells.tif")
    get_settings().plugins.extension2reader = {"*_seg.npy": "napari-maskrcnn"}
    layer = drop(viewer, path)
    assert np.array_equal(layer.data, labels())
    assert layer.data.dtype == np.int32
    assert layer.name == "cells instances"
    rows = layer.features.set_index("index")
    assert rows.loc[[2, 7], "class"].tolist() == ["cell", "debris"]
    assert rows.loc[[2, 7], "score"].tolist() == [0.75, 0.5]
    assert rows.loc[[2, 7], "area"].tolist() == [44, 25]
    assert rows.loc[7, "bbox"] == "20 9 28 13"
    assert layer.scale.tolist() == [0.5, 0.25]
    assert origin_of(layer).earlier == {"lab": 5}
    assert layer.source.reader_plugin == "napari-maskrcnn"


def test_python_opens_it_too(viewer: Any, tmp_path: Path) -> None:
    path = export(labels(), tmp_path / "cells.geojson")
    (layer,) = viewer.open(str(path), plugin="napari-maskrcnn")
    assert set(np.unique(layer.data)) == {0, 2, 7}


def test_a_file_without_a_size_gets_that_of_the_image(viewer: Any, tmp_path: Path) -> None:
    """As QuPath writes it: only the polygons."""
    viewer.add_image(np.zeros((25, 40)), name="slide", translate=(3, 4))
    ring = [[4, 2], [15, 2], [15, 6], [4, 6], [4, 2]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    features = [{"type": "Feature", "geometry": geometry, "properties": {"name": "a"}}]
    path = tmp_path / "slide.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    layer = drop(viewer, path)
    expected = np.zeros((25, 40), np.int32)
    expected[2:6, 4:15] = 1
    assert np.array_equal(layer.data, expected)
    assert layer.translate.tolist() == [3, 4]


def test_of_an_image_that_is_too_small_nothing_is_taken(viewer: Any, tmp_path: Path) -> None:
    viewer.add_image(np.zeros((9, 9)), name="other", scale=(3, 3))
    path = export(labels(), tmp_path / "cells.geojson")
    layer = drop(viewer, path)
    assert {2, 7} <= set(np.unique(layer.data))
    assert layer.scale.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package.json", json.dumps({"name": "x", "version": 1}).encode()),
        ("list.json", b"[1, 2, 3]"),
        ("broken.json", b"{" * 100),
        ("empty.json", b""),
        ("map.geojson", b'{"type": "Topology"}'),
        ("photos.zip", b"PK\x05\x06" + bytes(18)),
        ("broken.zip", b"not a zip"),
        ("broken_seg.npy", b"\x93NUMPY"),
        ("text.txt", b"0 0.5 0.5"),
    ],
)
def test_what_is_not_ours_is_left_alone(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert get_reader(str(path)) is None


def test_a_plain_array_is_left_to_napari(tmp_path: Path) -> None:
    np.save(tmp_path / "plain_seg.npy", labels())
    assert get_reader(str(tmp_path / "plain_seg.npy")) is None


def test_a_stack_of_files_and_a_missing_one_are_left_alone(tmp_path: Path) -> None:
    path = export(labels(), tmp_path / "cells.geojson")
    assert get_reader([str(path), str(path)]) is None
    assert get_reader(str(tmp_path / "absent.json")) is None


def test_a_cellpose_file_is_not_asked_about_twice(viewer: Any, tmp_path: Path) -> None:
    plugins = get_settings().plugins
    plugins.extension2reader = {"*.tif": "napari"}
    path = export(labels(), tmp_path / "cells_seg.npy")
    viewer.open(str(path), plugin="napari-maskrcnn")
    assert plugins.extension2reader == {"*_seg.npy": "napari-maskrcnn", "*.tif": "napari"}
    assert np.array_equal(drop(viewer, path).data, labels())
    plugins.extension2reader = {"*_seg.npy": "napari"}
    viewer.open(str(path), plugin="napari-maskrcnn")
    assert plugins.extension2reader == {"*_seg.npy": "napari"}
