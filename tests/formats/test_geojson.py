"""Tests of GeoJSON: valid by shapely, as QuPath writes it, and from other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import shape as as_shape

from napari_maskrcnn.formats import export, read_file, read_labels
from napari_maskrcnn.formats.drawn import FormatWarning
from tests.formats.label_images import label_images, many_objects

PLANE = np.zeros((9, 12), np.int32)
PLANE[1:6, 2:9], PLANE[3, 4:6] = 7, 0
PLANE[7, 10:], PLANE[0, 0] = 70_000, 7
TABLE = pd.DataFrame({"index": [7, 70_000], "class": ["nucleus", ""], "score": [0.5, np.nan]})
SQUARE = [[2, 1], [6, 1], [6, 5], [2, 5], [2, 1]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.geojson"


def features(path: Path) -> list[dict[str, Any]]:
    content = json.loads(path.read_text())
    assert content["type"] == "FeatureCollection"
    found: list[dict[str, Any]] = content["features"]
    return found


def polygon(*rings: list[list[float]], **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": list(rings or [SQUARE])}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def foreign(path: Path, *found: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(found)}))
    return path


@pytest.mark.parametrize("labels", [*label_images(30), many_objects(300)])
def test_shapely_measures_the_same(path: Path, labels: np.ndarray) -> None:
    export(labels, path)
    seen = set()
    for feature in features(path):
        geometry = as_shape(feature["geometry"])
        position = feature["geometry"].get("plane", {})
        plane = (position.get("t"), position.get("z"))[4 - labels.ndim :]
        mask = labels[plane] == feature["properties"]["label"]
        seen.add((plane, feature["properties"]["label"]))
        y, x = np.nonzero(mask)
        assert geometry.is_valid, shapely.is_valid_reason(geometry)
        assert geometry.area == mask.sum()
        assert geometry.bounds == (x.min(), y.min(), x.max() + 1, y.max() + 1)
        centre = geometry.centroid
        assert (centre.x, centre.y) == pytest.approx((x.mean() + 0.5, y.mean() + 0.5))
        parts = getattr(geometry, "geoms", [geometry])
        assert all(part.exterior.is_ccw for part in parts)
    planes = np.ndindex(*labels.shape[:-2])
    assert seen == {(plane, i) for plane in planes for i in np.unique(labels[plane]).tolist() if i}


@pytest.mark.parametrize(
    ("format", "kind"), [("geojson", "detection"), ("geojson-annotations", "annotation")]
)
def test_what_qupath_reads(path: Path, format: str, kind: str) -> None:
    export(PLANE, path, table=TABLE, format=format)
    first, second = features(path)
    assert first["geometry"]["type"] == "MultiPolygon"
    assert [len(rings) for rings in first["geometry"]["coordinates"]] == [1, 2]
    assert first["properties"] == {
        "objectType": kind,
        "name": "7",
        "label": 7,
        "classification": {"name": "nucleus"},
        "measurements": {"score": 0.5},
    }
    corners = [[10, 7], [12, 7], [12, 8], [10, 8], [10, 7]]
    assert second["geometry"] == {"type": "Polygon", "coordinates": [corners]}
    assert second["properties"] == {"objectType": kind, "name": "70000", "label": 70_000}


def test_planes_are_those_of_qupath(path: Path) -> None:
    series = np.zeros((2, 3, *PLANE.shape), np.int32)
    series[1, 2] = series[0, 0] = PLANE
    export(series, path)
    assert [feature["geometry"]["plane"] for feature in features(path)] == [
        *[{"c": -1, "z": 0, "t": 0}] * 2,
        *[{"c": -1, "z": 2, "t": 1}] * 2,
    ]
    with pytest.raises(ValueError, match="up to 4 axes"):
        export(series[None], path, overwrite=True)


def test_frames_of_a_series_are_those_of_qupath(path: Path) -> None:
    series = np.zeros((3, *PLANE.shape), np.int32)
    series[0] = series[2] = PLANE
    export(series, path, axes="TYX")
    planes = [feature["geometry"]["plane"] for feature in features(path)]
    assert planes == [{"c": -1, "z": 0, "t": t} for t in (0, 0, 2, 2)]
    data = read_file(path)
    assert data.axes == "TYX"
    assert np.array_equal(data.labels, series)


def test_what_goes_with_the_labels(path: Path) -> None:
    said = {"model": "nuclei"}
    export(PLANE, path, table=TABLE, scale=(0.5, 0.25), provenance=said)
    data = read_file(path)
    assert (data.scale, data.provenance) == ((0.5, 0.25), said)
    pd.testing.assert_frame_equal(data.table, TABLE)


def test_a_json_suffix_is_recognised_by_what_is_inside(path: Path) -> None:
    export(PLANE, path)
    renamed = path.rename(path.with_suffix(".json"))
    assert np.array_equal(read_labels(renamed), PLANE)


class TestForeign:
    def test_qupaths_own_export(self, path: Path) -> None:
        named = {"name": "Tumor", "color": [200, 0, 0]}
        entry = polygon(
            SQUARE,
            [[3, 2], [4, 2], [4, 3], [3, 3], [3, 2]],
            objectType="annotation",
            classification=named,
            measurements=[{"name": "area", "value": 5}, {"name": "score", "value": 0.25}],
        )
        entry["id"] = "4ca6b5ad-1d1f-4a6a-b0c5-0a3e6f1c1a11"
        path.write_text(json.dumps([entry]))
        data = read_file(path)
        assert data.labels.shape == (5, 6)
        assert np.count_nonzero(data.labels) == 15
        assert data.table.to_dict("list") == {"index": [1], "class": ["Tumor"], "score": [0.25]}

    @pytest.mark.parametrize("shape", [(8, 9), None])
    def test_a_bare_geometry(self, path: Path, shape: tuple[int, ...] | None) -> None:
        parts = [polygon()["geometry"], {"type": "Point", "coordinates": [9, 9]}]
        path.write_text(json.dumps({"type": "GeometryCollection", "geometries": parts}))
        labels = read_labels(path, shape=shape)
        assert labels.shape == (shape or (5, 6))
        assert np.count_nonzero(labels) == 16

    def test_the_smaller_lies_on_top(self, path: Path) -> None:
        small = [[3, 2], [5, 2], [5, 4], [3, 4], [3, 2]]
        assert read_labels(foreign(path, polygon(small), polygon()))[3, 4] == 1
        assert read_labels(foreign(path, polygon(), polygon(small)))[3, 4] == 2

    def test_labels_that_are_no_numbers_of_objects(self, path: Path) -> None:
        far = [[8, 6], [9, 6], [9, 7], [8, 7]]
        labels = read_labels(foreign(path, polygon(label=1), polygon(far, label=1)))
        assert (labels[2, 3], labels[6, 8]) == (1, 2)

    def test_slices_without_a_shape(self, path: Path) -> None:
        entry = polygon()
        entry["geometry"]["plane"] = {"c": -1, "z": 2, "t": 0}
        labels = read_labels(foreign(path, entry, polygon()))
        assert labels.shape == (3, 5, 6)
        assert np.count_nonzero(labels, axis=(1, 2)).tolist() == [16, 0, 16]
        with pytest.raises(ValueError, match=r"slice 2 of frame 0, which are not there"):
            read_labels(path, shape=(5, 6))
        with pytest.raises(ValueError, match=r"plane \(2,\), but the labels have the shape \(2, 5"):
            read_labels(path, shape=(2, 5, 6))

    def test_frames_of_a_series(self, path: Path) -> None:
        entry = polygon()
        entry["geometry"]["plane"] = {"c": -1, "z": 0, "t": 2}
        data = read_file(foreign(path, entry, polygon()), shape=(3, 5, 6))
        assert np.count_nonzero(data.labels, axis=(1, 2)).tolist() == [16, 0, 16]
        assert data.axes == "TYX"
        entry["geometry"]["plane"]["z"] = 1
        with pytest.raises(ValueError, match=r"slice 1 of frame 2, which are not there"):
            read_file(foreign(path, entry, polygon()), shape=(3, 5, 6))

    def test_points_are_left_out(self, path: Path) -> None:
        point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}
        with pytest.warns(FormatWarning, match=r"1 features in x\.geojson are no polygons"):
            assert read_labels(foreign(path, point, polygon())).max() == 1
        with pytest.raises(ValueError, match="it has no polygons"):
            read_labels(foreign(path, point))

    def test_a_hidden_object_has_no_pixels(self, path: Path) -> None:
        data = read_file(foreign(path, polygon(name="a"), polygon(name="b")))
        assert set(np.unique(data.labels)) == {0, 1}

    def test_degrees_are_no_pixels(self, path: Path) -> None:
        huge = [[0, 0], [1e6, 0], [1e6, 1e6]]
        with pytest.raises(ValueError, match=r"1000000 × 1000000 pixels; more than"):
            read_labels(foreign(path, polygon(huge)))

    @pytest.mark.parametrize(
        ("found", "message"),
        [
            (polygon([[0, 0], [1, float("nan")], [1, 1]]), "the coordinate nan"),
            (polygon([[0, 0], [1, float("-inf")], [1, 1]]), "the coordinate -inf"),
            (polygon([[0, 0], [1, 1e300], [1, 1]]), r"the coordinate 1e\+300"),
            (polygon([[0, 0], [1, 1]]), "fewer than three corners"),
            (polygon([[[0, 0]]]), "fewer than three corners"),  # type: ignore[list-item]
            ({"geometry": {"type": "Polygon", "coordinates": 5}}, "no list of rings"),
            ({"geometry": {"type": "MultiPolygon", "coordinates": [5]}}, "no list of rings"),
            ({"geometry": {"type": "Polygon"}}, "it has no polygons"),
            ({"type": "Feature"}, "a feature has no geometry"),
            (5, "a feature has no geometry"),
        ],
    )
    def test_broken_features(self, path: Path, found: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            read_labels(foreign(path, found))

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "",
                "{",
                "5",
                '{"type": "FeatureCollection"}',
                "[" * 100_000,
                '{"features":' * 50_000,
            ),
            '{"type":"GeometryCollection","geometries":[' * 20 + "]}" * 20,
        ],
    )
    def test_broken_json(self, path: Path, text: str) -> None:
        path.write_text(text)
        with pytest.raises(ValueError, match=r"x\.geojson cannot be read as GeoJSON"):
            read_labels(path)

    @pytest.mark.parametrize("own", [5, {"shape": "a"}, {"shape": [9]}, {"shape": [2.5, 4]}])
    def test_own_member_that_is_not_ours(self, path: Path, own: Any) -> None:
        content = {"type": "FeatureCollection", "features": [polygon()], "napari-maskrcnn": own}
        path.write_text(json.dumps(content))
        assert read_labels(path).shape == (5, 6)

    @pytest.mark.parametrize("shape", [[10**9, 10**9], [0, 5], [-3, 5], [1] * 15 + [2**40]])
    def test_absurd_shapes(self, path: Path, shape: list[int]) -> None:
        content = {"type": "FeatureCollection", "napari-maskrcnn": {"shape": shape}}
        path.write_text(json.dumps(content | {"features": []}))
        with pytest.raises(ValueError, match="says that its image has"):
            read_labels(path)

    def test_no_features_are_no_objects(self, path: Path) -> None:
        assert read_labels(foreign(path), shape=(4, 5)).tolist() == [[0] * 5] * 4
