"""Candidates kept from a prediction: chosen again by score and size, merged plane by plane."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.models import ModelCard, save_weights
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.predict import plane
from napari_maskrcnn.predict.kept import Choice, Kept
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.regions import centred_in
from napari_maskrcnn.predict.settings import PredictSettings

SIDES = (10, 6, 2)
SCORES = (0.9, 0.6, 0.3)


def squares(sides: tuple[int, ...] = SIDES, scores: tuple[float, ...] = SCORES) -> Instances:
    """Squares side by side in an image of 20 × 40, best first."""
    origins = np.array([[2, 2 + 12 * k] for k in range(len(sides))], np.int32).reshape(-1, 2)
    boxes = [[x, y, x + side, y + side] for (y, x), side in zip(origins, sides, strict=True)]
    return Instances(
        np.asarray(boxes, np.float32).reshape(-1, 4),
        np.asarray(scores, np.float32),
        np.ones(len(sides), np.int64),
        ("nucleus",),
        (20, 40),
        tuple(np.ones((side, side), bool) for side in sides),
        origins,
    )


def kept(**planes: Instances) -> Kept:
    return Kept(planes, PredictSettings(), "nuclei", "hash", 0.5, "CPU")


@pytest.mark.parametrize(
    ("choice", "areas"),
    [
        (Choice(0.5), [100, 36]),
        (Choice(0.05), [100, 36, 4]),
        (Choice(0.95), []),
        (Choice(0.05, smallest=3.0), [100, 36]),
        (Choice(0.05, largest=8.0), [36, 4]),
        # The circle with the area of a 6 × 6 square is 6.77 px across.
        (Choice(0.05, smallest=6.7, largest=6.8), [36]),
    ],
)
def test_score_and_size_choose(choice: Choice, areas: list[int]) -> None:
    chosen = kept(a=squares()).choose(choice)
    assert chosen.table["area"].tolist() == [0, *areas]
    assert len(chosen) == len(areas)
    assert [int((chosen.labels["a"] == i + 1).sum()) for i in range(len(areas))] == areas


def test_ids_run_on_from_plane_to_plane() -> None:
    chosen = kept(a=squares(), b=squares((6,), (0.7,)), c=squares((4,), (0.8,))).choose(Choice(0.5))
    assert chosen.table["index"].tolist() == [0, 1, 2, 3, 4]
    assert [np.unique(labels).tolist() for labels in chosen.labels.values()] == [
        [0, 1, 2],
        [0, 3],
        [0, 4],
    ]
    assert chosen.table["score"].iloc[1:].round(2).tolist() == [0.9, 0.6, 0.7, 0.8]


def test_a_limit_is_said_of_what_is_chosen_only() -> None:
    """Objects up to a score of 0.4 are missing: a choice above it misses none."""
    planes = kept(a=squares(), b=replace(squares(), complete_above=0.4))
    assert [planes.choose(Choice(score)).limited for score in (0.3, 0.4, 0.41)] == [
        True,
        True,
        False,
    ]


def test_what_better_objects_hide_is_not_counted() -> None:
    twice = squares((10, 10), (0.9, 0.8))
    hidden = Instances(
        twice.boxes, twice.scores, twice.classes, ("nucleus",), (20, 40), twice.crops,
        np.array([[2, 2], [2, 2]], np.int32),
    )  # fmt: skip
    assert len(kept(a=hidden).choose(Choice(0.5))) == 1


def test_the_same_choice_is_not_computed_twice() -> None:
    candidates = kept(a=squares())
    assert candidates.choose(Choice(0.5)) is candidates.choose(Choice(0.5))
    assert len(candidates.choose(Choice(0.7))) == 1


def test_sizes_and_class_names() -> None:
    candidates = kept(a=squares(), b=Instances.empty((20, 40), ("nucleus",)))
    assert candidates.largest_diameter == pytest.approx(np.sqrt(400 / np.pi))
    assert candidates.class_names == ("nucleus",)
    assert kept(b=Instances.empty((20, 40))).largest_diameter == 0


@pytest.mark.parametrize(
    ("score", "advice"), [(0.95, (0.4, 2)), (0.4, (0.3, 3)), (0.2, (0.1, 3)), (0.05, None)]
)
def test_a_lower_score_is_advised(score: float, advice: tuple[float, int] | None) -> None:
    assert kept(a=squares()).lower_score(Choice(score)) == advice


def test_no_candidates_no_advice() -> None:
    assert kept(a=Instances.empty((20, 40))).lower_score(Choice(0.5)) is None


def test_another_plane_of_the_same_model_joins() -> None:
    merged = kept(a=squares()).updated(kept(b=squares((4,), (0.8,))))
    assert merged is not None
    assert list(merged.planes) == ["a", "b"]


def test_the_same_planes_are_replaced_even_by_another_model() -> None:
    other = Kept({"a": squares((4,), (0.8,))}, PredictSettings(model="x"), "x", "other", 0.5)
    assert kept(a=squares()).updated(other) is other


def test_a_region_is_replaced_in_its_plane_and_the_rest_stays() -> None:
    """Of squares with sides 10, 6 and 2, all in row 2, the second lies in the region."""
    older = kept(a=squares(), b=squares())
    left, top = (int(v) for v in squares().origins[1][::-1])
    region = (top, left, top + 6, left + 6)
    newer = replace(kept(a=Instances.empty((20, 40), ("nucleus",))), partial={"a": (region,)})
    merged = older.updated(newer)
    assert merged is not None
    assert [len(found) for found in merged.planes.values()] == [2, 3]
    assert merged.partial == {}
    twice = newer.updated(replace(newer, partial={"a": ((0, 0, 3, 3),)}))
    assert twice is not None
    assert twice.partial == {"a": (region, (0, 0, 3, 3))}
    whole = twice.updated(kept(a=squares()))
    assert whole is not None
    assert (len(whole.planes["a"]), whole.partial) == (3, {})
    # Nothing is known of the rest of a plane when another model predicted a region of it.
    assert older.updated(replace(newer, model_hash="other")) is None


def test_planes_of_two_models_do_not_mix() -> None:
    other = Kept({"b": squares()}, PredictSettings(model="x"), "x", "other", 0.5)
    assert kept(a=squares()).updated(other) is None


@pytest.fixture
def model(user_folder: Path) -> str:
    config = NetworkConfig(
        backbone="resnet18", frozen_norm=False, last_stage=4, fpn_channels=8, box_channels=16,
        mask_channels=8, anchor_sizes=(8, 16, 32, 64), scale=1.0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MaskRCNN(config)
    (user_folder / "models").mkdir(parents=True)
    path = user_folder / "models" / "tiny.safetensors"
    save_weights(path, network, ModelCard("tiny", "For tests of stacks.", score=0.4))
    return "tiny"


def noise(key: Any) -> Any:
    return np.random.default_rng(int(key)).integers(0, 255, (32, 32)).astype(np.uint8)


def test_planes_are_predicted_one_after_the_other(model: str) -> None:
    steps: list[Progress] = []
    settings = PredictSettings(model=model)
    found = run(predict_planes_job([0, 1], noise, settings), steps.append)
    assert list(found.planes) == [0, 1]
    assert (found.model_name, found.score, found.device[:3]) == ("tiny", 0.4, "CPU")
    assert len(found.model_hash) == 64
    assert steps[0].message == "Loading tiny"
    assert {step.message for step in steps[1:]} == {"Plane 1 of 2", "Plane 2 of 2"}
    assert steps[-1].done == steps[-1].total


def test_stopping_keeps_the_finished_planes(model: str) -> None:
    stop = threading.Event()

    def read(key: Any) -> Any:
        if key == 1:
            stop.set()
        return noise(key)

    found = run(predict_planes_job([0, 1, 2], read, PredictSettings(model=model), stop))
    assert list(found.planes) == [0]


def test_stopping_keeps_the_finished_tiles(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane, "TILE", 64)
    monkeypatch.setattr(plane, "CONTEXT", -16)
    stop = threading.Event()

    def after_two_tiles(step: Progress) -> None:
        if step.done == 2:
            stop.set()

    image = np.random.default_rng(0).integers(0, 255, (64, 128)).astype(np.uint8)
    settings = PredictSettings(model=model)
    job = predict_planes_job([7], lambda _: image, settings, stop)
    found = run(job, after_two_tiles)
    every = run(predict_planes_job([7], lambda _: image, settings)).planes[7]
    assert found.partial == {7: ((0, 0, 64, 48), (0, 48, 64, 80))}
    assert 0 < len(found.planes[7]) < len(every)
    assert not centred_in(found.planes[7].boxes, [(0, 90, 64, 128)]).any()


def test_regions_of_a_plane_are_predicted(model: str) -> None:
    regions = {0: [(0, 0, 16, 32), (8, 0, 24, 32)]}
    steps: list[Progress] = []
    settings = PredictSettings(model=model)
    found = run(predict_planes_job([0, 1], noise, settings, regions=regions), steps.append)
    assert found.partial == {0: ((0, 0, 16, 32), (8, 0, 24, 32))}
    assert centred_in(found.planes[0].boxes, [(0, 0, 24, 32)]).all()
    assert {step.message for step in steps[1:]} == {f"Plane {k} of 3" for k in (1, 2, 3)}
    told = [step.data["plane"] for step in steps if "found" in step.data]
    assert told == [0, 0, 1]
