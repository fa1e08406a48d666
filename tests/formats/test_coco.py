"""Tests of COCO: as pycocotools reads it, and from other programs."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pycocotools.coco import COCO

from napari_maskrcnn.formats import export, read_file, read_labels
from napari_maskrcnn.formats.coco_reader import read_coco
from napari_maskrcnn.formats.drawn import FormatWarning
from tests.formats.label_images import label_images, many_objects

PLANE = np.zeros((9, 12), np.int32)
PLANE[1:6, 2:9], PLANE[3, 4:6] = 7, 0
PLANE[7, 10:], PLANE[0, 0] = 70_000, 3
TABLE = pd.DataFrame(
    {"index": [3, 7, 70_000], "class": ["cell", "", "nucleus"], "score": [0.5, np.nan, 1.0]}
)
BOX = [2, 1, 6, 1, 6, 5, 2, 5]


def opened(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints how long it took
        return COCO(str(path))


def foreign(path: Path, *annotations: dict[str, Any], **parts: Any) -> Path:
    content: dict[str, Any] = {"images": [{"id": 1, "width": 10, "height": 8}]}
    path.write_text(json.dumps(content | {"annotations": list(annotations)} | parts))
    return path


def outline(polygon: list[float], **more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 1, "segmentation": [polygon]} | more


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.json"


@pytest.mark.parametrize("format", ["coco", "coco-polygons"])
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
@pytest.mark.filterwarnings("ignore::napari_maskrcnn.formats.drawn.FormatWarning")
def test_pycocotools_measures_the_same(path: Path, format: str) -> None:
    for labels in label_images(15):
        export(labels, path, format=format, overwrite=True)
        coco = opened(path)
        planes = labels.reshape(-1, *labels.shape[-2:])
        assert len(coco.imgs) == len(planes)
        expected = {(k, i) for k, plane in enumerate(planes, 1) for i in np.unique(plane) if i}
        assert {(a["image_id"], a["label"]) for a in coco.anns.values()} == expected
        for annotation in coco.anns.values():
            own = planes[annotation["image_id"] - 1] == annotation["label"]
            mask = coco.annToMask(annotation).astype(bool)
            y, x = np.nonzero(own)
            box = [x.min(), y.min(), x.max() + 1 - x.min(), y.max() + 1 - y.min()]
            assert annotation["bbox"] == box
            if format == "coco":
                assert np.array_equal(mask, own)
                assert annotation["area"] == own.sum()
            else:
                assert not (own & ~mask).any()  # holes are filled
                assert annotation["area"] >= own.sum()


def test_what_is_in_the_file(path: Path) -> None:
    said = {"model": "nuclei"}
    export(PLANE, path, table=TABLE, name="a.tif", scale=(0.5, 0.25), provenance=said)
    content = json.loads(path.read_text())
    assert content["images"] == [{"id": 1, "width": 12, "height": 9, "file_name": "a.tif"}]
    names = {entry["id"]: entry["name"] for entry in content["categories"]}
    found = {entry["id"]: entry for entry in content["annotations"]}
    assert sorted(found) == [3, 7, 70_000]
    assert [names[found[id]["category_id"]] for id in found] == ["cell", "object", "nucleus"]
    assert [found[id].get("score") for id in found] == [0.5, None, 1.0]
    assert content["info"]["provenance"] == said
    data = read_file(path)
    assert (data.name, data.scale, data.provenance) == ("a.tif", (0.5, 0.25), said)
    assert data.table["class"].tolist() == ["cell", "object", "nucleus"]


def test_polygons_come_back_and_holes_are_named(path: Path) -> None:
    with pytest.warns(FormatWarning, match=r"filled in the outlines of 1 object \(label 7\)"):
        export(PLANE, path, format="coco-polygons")
    expected = PLANE.copy()
    expected[3, 4:6] = 7
    assert np.array_equal(read_labels(path), expected)


def test_pieces_are_polygons_of_one_object(path: Path) -> None:
    pieces = np.where(PLANE == 7, 0, np.minimum(PLANE, 3))
    export(pieces, path, format="coco-polygons")
    (annotation,) = json.loads(path.read_text())["annotations"]
    assert len(annotation["segmentation"]) == 2
    assert np.array_equal(read_labels(path), pieces)


def test_many_objects_as_polygons(path: Path) -> None:
    labels = many_objects(5000)
    with pytest.warns(FormatWarning, match=r"of 3,333 objects \(label 1, 3, 4"):
        export(labels, path, format="coco-polygons")
    back = read_labels(path)
    assert np.array_equal(back[labels > 0], labels[labels > 0])


def test_an_object_goes_on_from_plane_to_plane(path: Path) -> None:
    stack = np.stack([PLANE, PLANE * 0, np.where(PLANE == 7, 7, 0)])
    data = read_file(export(stack, path, table=TABLE))
    assert np.array_equal(data.labels, stack)
    assert data.table["index"].tolist() == [3, 7, 70_000]


class TestForeign:
    def test_polygons_and_category_names(self, path: Path) -> None:
        categories = [{"id": 5, "name": "cat"}]
        data = read_file(foreign(path, outline(BOX, category_id=5, id=33), categories=categories))
        assert data.labels.shape == (8, 10)
        assert data.labels[1:5, 2:6].tolist() == [[33] * 4] * 4
        assert np.count_nonzero(data.labels) == 16
        assert data.table.to_dict("list")["class"] == ["cat"]

    def test_the_better_score_is_on_top(self, path: Path) -> None:
        small, large = [3, 2, 5, 2, 5, 4, 3, 4], BOX
        for scores, top in (((0.2, 0.9), 2), ((0.9, 0.2), 1), ((None, None), 1)):
            entries = [outline(small, id=1), outline(large, id=2)]
            for entry, score in zip(entries, scores, strict=True):
                entry |= {} if score is None else {"score": score}
            assert read_labels(foreign(path, *entries))[3, 4] == top

    def test_a_crowd_with_plain_counts_lies_below(self, path: Path) -> None:
        crowd = {"size": [8, 10], "counts": [0, 80]}
        entry = {"id": 900100, "image_id": 1, "segmentation": crowd, "iscrowd": 1}
        labels = read_labels(foreign(path, entry, outline(BOX, id=4)))
        assert labels[3, 4] == 4
        assert np.count_nonzero(labels == 900100) == 64

    def test_results_without_images(self, path: Path) -> None:
        entry = {"image_id": 9, "category_id": 2, "score": 0.75}
        mask = {"size": [3, 4], "counts": [4, 5]}
        path.write_text(json.dumps([entry | {"segmentation": mask}]))
        data = read_file(path)
        assert data.labels.tolist() == [[0, 0, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0]]
        assert data.table.to_dict("list") == {"index": [1], "class": ["2"], "score": [0.75]}
        path.write_text(json.dumps([entry | {"segmentation": [BOX]}]))
        assert read_labels(path).shape == (5, 6)
        assert read_labels(path, shape=(7, 9)).shape == (7, 9)

    def test_ids_that_are_there_twice_are_not_used(self, path: Path) -> None:
        far = [8, 6, 9, 6, 9, 7, 8, 7]
        labels = read_labels(foreign(path, outline(BOX, id=5), outline(far, id=5)))
        assert (labels[2, 3], labels[6, 8]) == (1, 2)

    def test_several_images_need_a_choice(self, path: Path) -> None:
        sides = {"width": 10, "height": 8}
        images = [{"id": k, "file_name": f"{k}.jpg", **sides} for k in (1, 2)]
        entries = (outline(BOX, id=1), outline(BOX, id=2, image_id=2))
        foreign(path, *entries, images=images)
        with pytest.raises(ValueError, match=r"describes 2 images \(1\.jpg, 2\.jpg\).*choose one"):
            read_labels(path)
        assert set(np.unique(read_coco(path, image="2.jpg").labels)) == {0, 2}
        assert set(np.unique(read_coco(path, image=1).labels)) == {0, 1}
        with pytest.raises(ValueError, match=r"no image '3\.jpg', but 1\.jpg, 2\.jpg"):
            read_coco(path, image="3.jpg")

    def test_objects_of_images_that_are_not_there(self, path: Path) -> None:
        lost = outline(BOX, id=2, image_id="q")
        with pytest.raises(ValueError, match="images that it does not describe: see 'image_id'"):
            read_labels(foreign(path, lost))
        with pytest.warns(FormatWarning, match=r"1 objects in x\.json belong to images"):
            assert set(np.unique(read_labels(foreign(path, lost, outline(BOX))))) == {0, 1}

    def test_boxes_without_masks(self, path: Path) -> None:
        box = {"id": 2, "image_id": 1, "bbox": [1, 1, 2, 2]}
        with pytest.raises(ValueError, match="boxes, but no masks"):
            read_labels(foreign(path, box))
        with pytest.warns(FormatWarning, match=r"1 objects in x\.json have no mask"):
            read_labels(foreign(path, box, outline(BOX)))

    @pytest.mark.parametrize(
        ("segmentation", "message"),
        [
            ([[1, 2, 3]], "fewer than three corners"),
            ([[0, 0, 1, 0, 1, float("nan")]], "the coordinate nan"),
            ([[0, 0, 1, 0, 1, float("inf")]], "the coordinate inf"),
            ("text", "neither polygons nor run lengths"),
            ({"size": [8, 11], "counts": "1"}, r"the size \[8, 11\], but its image \[8, 10\]"),
            ({"size": [8, 10], "counts": [90, 5]}, "does not have"),
            ({"size": [8, 10], "counts": [10**30]}, "larger than any image"),
            ({"size": [8, 10], "counts": [1.5]}, "no list of whole numbers"),
            ({"size": [8, 10], "counts": "~~~"}, "no compressed run-length"),
            ({"size": [8, 10]}, "no list of whole numbers"),
        ],
    )
    def test_broken_masks(self, path: Path, segmentation: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            read_labels(foreign(path, {"image_id": 1, "segmentation": segmentation}))

    @pytest.mark.parametrize(
        ("parts", "message"),
        [
            ({"images": [{"id": 1, "width": 10**9, "height": 10**9}]}, "pixels; more than"),
            ({"images": [{"id": 1, "width": -4, "height": 8}]}, "has the shape 8 × -4"),
            ({"images": 5}, "not what they are in COCO"),
            ({"images": [5]}, "not what they are in COCO"),
            ({"annotations": {}}, "no list of annotations"),
            (
                {
                    "images": [{"id": 1, "width": 4, "height": 4, "plane": [9]}],
                    "info": {"shape": [2, 4, 4]},
                },
                r"plane \[9\] of a stack \(2, 4, 4\)",
            ),
        ],
    )
    def test_broken_files(self, path: Path, parts: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            read_labels(foreign(path, outline(BOX), **parts))

    @pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"annotations": ' * 50_000, "\x00"])
    def test_broken_json(self, path: Path, text: str) -> None:
        path.write_text(text)
        with pytest.raises(ValueError, match=r"x\.json cannot be read"):
            read_labels(path, format="coco")

    def test_too_many_values_are_counted_before_they_are_read(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("napari_maskrcnn.formats.json_file.MOST_VALUES", 999)
        with pytest.raises(ValueError, match=r"it has more than 999 values"):
            read_labels(foreign(path, outline([0] * 1000)))
