"""Label images are cut into tiles as a faultless network would see them, and put together again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_maskrcnn as nm
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.overlaps import overlaps
from napari_maskrcnn.predict import plane
from napari_maskrcnn.predict.seams import stitch
from napari_maskrcnn.predict.tiles import Grid, Tile
from napari_maskrcnn.synthetic import synthetic_nuclei


def seen(labels: np.ndarray, tile: Tile, scores: np.ndarray) -> Instances:
    """What a tile owns of the objects that lie in it, cut at its border."""
    alone = np.zeros_like(labels)
    alone[tile.slices] = labels[tile.slices]
    found = Instances.from_labels(alone)
    ids = np.array([alone[y : y + 1 + h, x : x + 1 + w][:h, :w][crop][0]
                    for (y, x), crop in zip(found.origins, found.crops, strict=True)
                    for h, w in [crop.shape]], int)  # fmt: skip
    found = replace(found, scores=scores[ids].astype(np.float32))
    return found[tile.owns(found.boxes)]


def put_together(labels: np.ndarray, grid: Grid, scores: np.ndarray | None = None) -> Instances:
    scores = np.linspace(1, 0.6, labels.max() + 1) if scores is None else scores
    tiles = grid.tiles((0, 0, *labels.shape))
    return stitch(tiles, [seen(labels, tile, scores) for tile in tiles])


def assert_same_objects(expected: np.ndarray, found: Instances) -> None:
    shared = overlaps(expected, found.to_labels())
    assert len(found) == len(shared.first_ids) == len(shared.second_ids)
    assert shared.iou.tolist() == [1.0] * len(found)


@settings(max_examples=40)
@given(seed=st.integers(0, 50), side=st.integers(60, 110), overlap=st.integers(16, 30))
def test_objects_of_any_size_come_once_and_whole(seed: int, side: int, overlap: int) -> None:
    """Half of them are larger than the overlap, some larger than a tile."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((120, 160), np.int32)
    for k in range(1, 9):
        y, x = rng.integers(0, (110, 150))
        height, width = rng.integers(6, (100, 150))
        part = labels[y : y + height, x : x + width]
        if not part.any():
            part[:] = k
    found = put_together(labels, Grid(side, overlap))
    assert_same_objects(labels, found)
    assert (np.diff(found.scores) <= 0).all()
    for box, crop, origin in zip(found.boxes, found.crops, found.origins, strict=True):
        assert (box[3] - box[1], box[2] - box[0]) == crop.shape
        assert box[[1, 0]].tolist() == origin.tolist()


def test_touching_nuclei_stay_apart() -> None:
    _, labels = synthetic_nuclei((300, 300), 150, (12, 30), seed=3)
    assert_same_objects(labels, put_together(labels, Grid(120, 40)))


def two_tiles() -> list[Tile]:
    return Grid(100, 40).tiles((0, 0, 60, 160))


def one(box: tuple[int, int, int, int], score: float, kind: int = 1) -> Instances:
    x1, y1, x2, y2 = box
    return Instances(
        np.array([box], np.float32), np.array([score], np.float32), np.array([kind]), ("a", "b"),
        (60, 160), (np.ones((y2 - y1, x2 - x1), bool),), np.array([[y1, x1]], np.int32),
    )  # fmt: skip


def test_of_two_views_of_one_object_the_better_stays() -> None:
    found = stitch(two_tiles(), [one((70, 10, 90, 30), 0.7), one((71, 10, 91, 30), 0.8)])
    assert found.boxes.tolist() == [[71, 10, 91, 30]]
    assert found.scores.tolist() == pytest.approx([0.8])


def test_two_classes_are_two_objects() -> None:
    parts = [one((70, 10, 90, 30), 0.7), one((71, 10, 91, 30), 0.8, kind=2)]
    assert len(stitch(two_tiles(), parts)) == 2


def test_pieces_are_joined_with_the_better_score() -> None:
    """The tiles see columns 0 to 100 and 60 to 160; the object lies in 30 to 140."""
    found = stitch(two_tiles(), [one((30, 10, 100, 30), 0.9), one((60, 12, 140, 30), 0.8)])
    assert found.boxes.tolist() == [[30, 10, 140, 30]]
    assert found.scores.tolist() == pytest.approx([0.9])
    assert found.crops[0].shape == (20, 110)
    assert not found.crops[0][:2, 70:].any()
    assert found.crops[0].sum() == 70 * 20 + 40 * 18


def test_an_unsure_piece_spoils_no_sure_object() -> None:
    small = stitch(two_tiles(), [one((62, 10, 98, 30), 0.9), one((60, 10, 140, 30), 0.1)])
    assert small.boxes.tolist() == [[62, 10, 98, 30]]
    sure = stitch(two_tiles(), [one((30, 10, 100, 30), 0.9), one((60, 10, 140, 30), 0.1)])
    assert sure.boxes.tolist() == [[30, 10, 100, 30]]


def test_neighbours_at_a_border_that_do_not_agree_are_two_objects() -> None:
    found = stitch(two_tiles(), [one((30, 10, 100, 20), 0.9), one((60, 18, 140, 40), 0.8)])
    assert len(found) == 2


def test_a_limit_of_any_tile_is_passed_on() -> None:
    limited = replace(one((70, 10, 90, 30), 0.7), complete_above=0.3)
    assert stitch(two_tiles(), [limited, Instances.empty((60, 160), ("a", "b"))]).limited


@pytest.mark.slow
def test_twenty_dense_images_in_tiles_have_the_objects_of_the_whole() -> None:
    """Of the embedded model; four tiles an image, which look half as far around as the real ones.

    99 of 100 objects must match at an IoU of 0.9, and none may come twice or in pieces.
    """
    model = nm.load_model("nuclei", "cpu")
    styles = ("fluorescence", "brightfield", "histology")
    matched = objects = 0
    for seed in range(20):
        image, _ = synthetic_nuclei((150, 180), 45, (12, 26), seed, styles[seed % 3])
        whole = nm.predict(image, model, precision="float32").to_labels()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plane, "TILE", 288)
            patch.setattr(plane, "CONTEXT", 8)
            steps: list[Progress] = []
            tiled = nm.predict(image, model, precision="float32", progress=steps.append)
        assert steps[-1].total == 4
        shared = overlaps(whole, tiled.to_labels())
        matched += int((shared.iou >= 0.9).sum())
        objects += max(len(shared.first_ids), len(shared.second_ids))
        mostly_inside = shared.pixels > 0.5 * shared.second_areas[shared.columns]
        assert np.bincount(shared.rows[mostly_inside]).max() == 1
    assert objects > 600
    assert matched >= 0.99 * objects
