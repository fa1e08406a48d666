from __future__ import annotations

import copy
import threading
from dataclasses import replace

import numpy as np
import pytest

import napari_maskrcnn as nm
from napari_maskrcnn.instances import joined
from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.models import Model
from napari_maskrcnn.overlaps import overlaps
from napari_maskrcnn.predict import intensity, plane
from napari_maskrcnn.predict.finder import Finder
from napari_maskrcnn.predict.pairs import overlapping
from napari_maskrcnn.predict.regions import centred_in, grown, only_in
from napari_maskrcnn.predict.settings import SCORE_FLOOR, PredictSettings
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.metrics import average_precision


@pytest.fixture(scope="module")
def model() -> Model:
    return nm.load_model("nuclei", "cpu")


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    return synthetic_nuclei((160, 200), 20, (12, 22), seed=4)


def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four tiles of the pair: of 320 × 400 network pixels, two along each axis."""
    monkeypatch.setattr(plane, "TILE", 272)
    monkeypatch.setattr(plane, "CONTEXT", -16)


def test_the_embedded_model_finds_drawn_nuclei(
    model: Model, pair: tuple[np.ndarray, np.ndarray]
) -> None:
    image, truth = pair
    found = nm.predict(image, model)
    labels = found.to_labels()
    assert average_precision(truth, labels, (0.5,))["0.50"] >= 0.7
    assert found.class_names == ("nucleus",)
    assert found.shape == (160, 200)
    assert found.boxes.dtype == np.float32
    assert (np.diff(found.scores) <= 0).all()
    assert found.scores.min() >= model.score
    assert np.unique(labels).tolist() == list(range(len(found) + 1))
    for k in range(len(found)):
        x1, y1, x2, y2 = found.boxes[k]
        height, width = found.masks(k).shape
        assert abs(height - (y2 - y1)) <= 1
        assert abs(width - (x2 - x1)) <= 1


def test_brightness_type_and_colour_do_not_change_the_result(
    model: Model, pair: tuple[np.ndarray, np.ndarray]
) -> None:
    image = pair[0]
    expected = nm.predict(image, model).to_labels()
    wide = image.astype(np.uint16) * 200 + 1000
    rgba = np.stack([image, image, image, np.full_like(image, 255)], -1)
    for same in (wide, wide.astype(np.float64) / 7, rgba):
        found = nm.predict(same, model).to_labels()
        assert (found > 0).sum() == pytest.approx((expected > 0).sum(), rel=0.01)
        assert found.max() == pytest.approx(expected.max(), abs=1)


def test_tiles_give_what_the_whole_image_gives(
    model: Model, pair: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = pair[0]
    whole = nm.predict(image, model).to_labels()
    small_tiles(monkeypatch)
    steps: list[Progress] = []
    tiled = nm.predict(image, model, progress=steps.append).to_labels()
    assert [s.message for s in steps] == [
        *(f"Tile {k} of 4" for k in range(1, 5)),
        "Putting the tiles together",
        steps[-1].message,
    ]
    shared = overlaps(whole, tiled)
    matched = (shared.iou >= 0.7).sum()
    assert matched >= 0.9 * max(whole.max(), tiled.max())


def test_tiles_together_give_what_they_give_alone(
    model: Model, pair: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_tiles(monkeypatch)
    alone = nm.predict(pair[0], model, precision="float32")
    monkeypatch.setattr(Finder, "at_a_time", lambda *_: 3)
    steps: list[Progress] = []
    together = nm.predict(pair[0], model, precision="float32", progress=steps.append)
    assert [(s.done, s.message) for s in steps[:2]] == [(0, "Tile 1 of 4"), (3, "Tile 4 of 4")]
    assert len(together) == len(alone)
    np.testing.assert_allclose(together.boxes, alone.boxes, atol=0.01)
    assert (together.to_labels() != alone.to_labels()).mean() < 1e-3


def test_the_precision_is_the_one_asked_for(
    model: Model, pair: tuple[np.ndarray, np.ndarray]
) -> None:
    exact = nm.predict(pair[0], model, precision="float32")
    rounded = nm.predict(pair[0], model, precision="bfloat16")
    assert exact.scores.dtype == rounded.scores.dtype == np.float32
    assert exact.scores.tolist() != rounded.scores.tolist()
    shared = overlaps(exact.to_labels(), rounded.to_labels())
    assert (shared.iou >= 0.9).sum() >= 0.9 * len(exact)
    with pytest.raises(ValueError, match="precision is 'double'"):
        nm.predict(pair[0], model, precision="double")


def test_a_diameter_rescales(model: Model, pair: tuple[np.ndarray, np.ndarray]) -> None:
    image, truth = pair
    large = np.kron(image, np.ones((3, 3), image.dtype))
    large_truth = np.kron(truth, np.ones((3, 3), truth.dtype))
    found = nm.predict(large, model, diameter=51).to_labels()
    assert found.shape == large.shape
    assert average_precision(large_truth, found, (0.5,))["0.50"] >= 0.7


def test_all_candidates_are_kept_for_sliders(
    model: Model, pair: tuple[np.ndarray, np.ndarray]
) -> None:
    kept = run(plane.predict_job(pair[0], PredictSettings(), model))
    assert kept.scores.min() >= SCORE_FLOOR
    assert len(kept) > len(kept.above(model.score))


def test_stopping_returns_what_is_finished(
    model: Model, pair: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_tiles(monkeypatch)
    stop = threading.Event()

    def after_the_first(step: Progress) -> None:
        if step.done == 1:
            stop.set()

    part = nm.predict(pair[0], model, progress=after_the_first, stop=stop)
    assert 0 < len(part) < len(nm.predict(pair[0], model))


def test_a_limit_that_is_hit_is_said(
    model: Model,
    pair: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    full = nm.predict(pair[0], model, score=0.05)
    assert not full.limited
    assert not caplog.text
    network = copy.copy(model.network)
    network.config = replace(network.config, max_detections=3)
    capped = Model(network, model.card, None, model.device)
    few = nm.predict(pair[0], capped, score=0.05)
    assert len(few) <= 3
    assert few.limited
    assert "There may be more objects than one prediction returns" in caplog.text
    caplog.clear()
    # What was dropped scored less than the third best, so above it nothing is missing.
    best = nm.predict(pair[0], capped, score=float(full.scores[1]))
    assert 0 < len(best) < 3
    assert not best.limited
    assert not caplog.text
    small_tiles(monkeypatch)
    assert nm.predict(pair[0], capped, score=0.05).limited


def test_finished_tiles_are_told_while_the_rest_runs(
    model: Model, pair: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_tiles(monkeypatch)
    steps: list[Progress] = []
    found = run(plane.predict_job(pair[0], PredictSettings(), model), steps.append)
    assert [step.done for step in steps] == [0, 1, 2, 3, 4, 4]
    assert ["found" in step.data for step in steps] == [False, True, True, True, True, False]
    covered = np.zeros((160, 200), int)
    for step in steps[1:-1]:
        (region,) = step.data["finished"]
        top, left, bottom, right = region
        covered[top:bottom, left:right] += 1
        wider = grown(region, 12, covered.shape)
        assert centred_in(step.data["found"].boxes, [wider]).all()
    assert (covered == 1).all()
    told = joined([step.data["found"] for step in steps[1:-1]])
    assert len(found) <= len(told)
    assert {tuple(box) for box in found.boxes.tolist()} <= {tuple(b) for b in told.boxes.tolist()}


def test_a_region_gives_what_the_whole_image_gives_there(
    model: Model, pair: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = nm.predict(pair[0], model, precision="float32")
    region = (40, 60, 110, 150)
    steps: list[Progress] = []
    settings = PredictSettings(precision="float32")
    job = plane.predict_job(pair[0], settings, model, region=region)
    part = run(job, steps.append).above(model.score)
    assert [step.data.get("finished") for step in steps] == [None, (region,), None]
    assert centred_in(part.boxes, [region]).all()
    assert part.shape == (160, 200)
    expected = only_in(whole, [region])
    _, _, iou = overlapping(expected.boxes, part.boxes)
    assert len(part) == len(expected) > 3
    assert (iou > 0.9).sum() == len(expected)


class Lazy:
    """An image that notes which parts of it are read."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype
        self.read: list[tuple[int, ...]] = []

    def __getitem__(self, slices: tuple[slice, slice]) -> np.ndarray:
        part = self.pixels[slices]
        self.read.append(part.shape)
        return part


def test_of_a_lazy_image_only_tiles_and_a_small_sample_are_read(
    model: Model, pair: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_tiles(monkeypatch)
    monkeypatch.setattr(intensity, "WHOLE", 1000)
    monkeypatch.setattr(intensity, "BLOCK", 16)
    lazy = Lazy(pair[0])
    found = nm.predict(lazy, model).to_labels()
    assert lazy.read[:64] == [(16, 16)] * 64
    assert len(lazy.read) == 64 + 4
    assert max(h * w for h, w in lazy.read) < 140 * 150
    expected = nm.predict(pair[0], model).to_labels()
    shared = overlaps(expected, found)
    assert (shared.iou >= 0.9).sum() >= 0.9 * expected.max()


@pytest.mark.parametrize("value", [0, 200])
def test_a_constant_image_has_no_object(model: Model, value: int) -> None:
    found = nm.predict(np.full((40, 50), value, np.uint8), model)
    assert len(found) == 0
    assert found.to_labels().shape == (40, 50)


def test_a_hole_of_nan_is_background(model: Model, pair: tuple[np.ndarray, np.ndarray]) -> None:
    image = pair[0].astype(np.float32)
    image[:60] = np.nan
    found = nm.predict(image, model)
    assert len(found) > 0
    assert not found.to_labels()[:50].any()


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((1, 1)), {}, "1 × 1 px"),
        (np.full((9, 9), np.nan), {}, "no finite pixel"),
        (np.zeros((9, 9, 3)), {"channels": (5,)}, "from 0 to 2"),
        (np.eye(9), {"score": 1.5}, r"score is 1\.5"),
        (np.eye(9), {"diameter": 0}, "diameter is 0"),
        (np.eye(9), {"device": "abacus"}, "abacus"),
    ],
)
def test_bad_input_ends_in_one_clear_message(
    model: Model, image: np.ndarray, options: dict, message: str
) -> None:
    image = image.copy()
    if np.isfinite(image).all():
        image[0, 0] = 1
    with pytest.raises(ValueError, match=message):
        nm.predict(image, model, **options)


def test_a_model_without_a_size_takes_no_diameter(model: Model) -> None:
    sizeless = Model(model.network, replace(model.card, diameter=None), None, model.device)
    with pytest.raises(ValueError, match="leave the diameter out"):
        nm.predict(np.eye(20), sizeless, diameter=12)


def test_a_tile_is_read_in_bounded_pieces_however_much_it_is_shrunk(model: Model) -> None:
    """Of objects of 300 pixels 15 × 15 are enough for the network, but all have to be read."""
    settings = [(None, 768), (36.0, 1357), (100.0, 3770), (300.0, 4096), (1000.0, 12565)]
    for diameter, side in settings:
        zoom = plane.zoom_of(diameter, model)
        grid, tiles = plane._tiles((0, 0, 40_000, 40_000), (40_000, 40_000), zoom, model)
        assert grid.side == pytest.approx(side, abs=2)
        assert max(max(tile.shape) for tile in tiles) < grid.side + grid.align + 1
