from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import Model
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.train.base import begin, new_rows, with_classes
from napari_maskrcnn.train.dataset import Example, make_example
from napari_maskrcnn.train.guard import Guard
from napari_maskrcnn.train.loop import Trained, train_job
from napari_maskrcnn.train.settings import FROM_SCRATCH, TrainSettings

FAST = TrainSettings(epochs=1, batch=2, crop=64, learning_rate=1e-3, device="cpu")
SCORES = "roi_heads.box_predictor.cls_score.weight"


@pytest.fixture
def learnt(base: Model) -> MaskRCNN:
    """The base after a training: every number has moved, and norms have counted."""
    network = copy.deepcopy(base.network)
    generator = torch.Generator().manual_seed(3)
    for value in network.state_dict().values():
        if value.is_floating_point():
            value += 0.1 * torch.randn(value.shape, generator=generator)
        else:
            value += 7
    return network


def _numbers(network: MaskRCNN) -> dict[str, Tensor]:
    return {k: v for k, v in network.state_dict().items() if v.is_floating_point()}


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(one[k].equal(other[k]) for k in one)


def test_without_reach_it_is_the_base_and_within_reach_what_was_learnt(
    base: Model, learnt: MaskRCNN
) -> None:
    nowhere, far = (Guard(base.network, reach).near(learnt) for reach in (0.0, 1e9))
    assert _same(_numbers(nowhere), _numbers(base.network))
    assert _same(far.state_dict(), learnt.state_dict())


def test_out_of_reach_it_lies_at_the_limit_on_the_way_to_what_was_learnt(
    base: Model, learnt: MaskRCNN
) -> None:
    before = copy.deepcopy(learnt.state_dict())
    old = _numbers(base.network)
    far = Guard(base.network, 1.0).distance(learnt)
    kernels = {name: value for name, value in old.items() if value.ndim > 1}
    moved = sum(float((learnt.state_dict()[k] - v).square().sum()) for k, v in kernels.items())
    length = sum(float(v.square().sum()) for v in kernels.values())
    assert far == pytest.approx((moved / length) ** 0.5, rel=1e-5)
    guard = Guard(base.network, far / 4)
    near = guard.near(learnt)
    assert guard.distance(near) == pytest.approx(far / 4, rel=1e-4)
    for name, value in old.items():
        wanted = 0.75 * value + 0.25 * learnt.state_dict()[name]
        torch.testing.assert_close(near.state_dict()[name], wanted, atol=1e-6, rtol=1e-5)
    assert _same(learnt.state_dict(), before)


def test_the_guard_keeps_the_base_as_it_was(base: Model, learnt: MaskRCNN) -> None:
    network = copy.deepcopy(base.network)
    guard = Guard(network, 0.0)
    network.load_state_dict(learnt.state_dict())
    assert _same(_numbers(guard.near(network)), _numbers(base.network))


def test_whole_numbers_are_those_of_the_training(base: Model, learnt: MaskRCNN) -> None:
    near = Guard(base.network, 0.01).near(learnt).state_dict()
    counts = [v for v in near.values() if not v.is_floating_point()]
    assert len(counts) > 0
    assert all(int(v) == 7 for v in counts)


@settings(max_examples=25)
@given(st.floats(0, 10), st.floats(-1e6, 1e6, width=32))
def test_what_training_left_alone_is_the_base_to_the_last_bit(reach: float, value: float) -> None:
    layer = torch.nn.Linear(2, 1).requires_grad_(False)
    layer.bias.fill_(value)
    guard = Guard(layer, reach)  # type: ignore[arg-type]
    layer.weight += 1
    near = guard.near(layer)  # type: ignore[arg-type]
    assert near.bias.equal(layer.bias)
    assert guard.distance(near) <= reach * (1 + 1e-5) + 1e-6


def test_rows_of_new_classes_are_returned_as_learnt(base: Model, learnt: MaskRCNN) -> None:
    config = replace(base.network.config, class_names=("ghost", "nucleus"))
    start, other = with_classes(base.network, config), with_classes(learnt, config)
    rows = new_rows(config, ("ghost",))
    assert rows[SCORES].tolist() == [False, True, False]
    boxes = rows["roi_heads.box_predictor.bbox_pred.bias"]
    assert boxes.tolist() == [False] * 4 + [True] * 4 + [False] * 4
    guard = Guard(start, 0.0, rows)
    near = guard.near(other).state_dict()[SCORES]
    old, new = start.state_dict()[SCORES], other.state_dict()[SCORES]
    assert near[1].equal(new[1])
    assert near[[0, 2]].equal(old[[0, 2]])
    moved = copy.deepcopy(start)
    moved.state_dict()[SCORES][1] += 5
    assert guard.distance(moved) == 0


def test_a_start_knows_which_classes_are_new(base: Model, example: Example) -> None:
    names = {1: "nucleus", 2: "ghost"}
    named = make_example(example.image, example.labels, "named", names)
    assert begin([named], FAST, base).new_classes == ("ghost",)
    assert begin([example], FAST, base).new_classes == ()


def test_a_base_of_many_classes_of_which_some_go_is_only_a_start(
    base: Model, example: Example
) -> None:
    config = replace(base.network.config, class_names=("cat", "dog"))
    pets = replace(base, network=with_classes(base.network, config))
    values = np.unique(example.labels)[1:].tolist()
    for names, continues in ((("cat", "dog", "cow"), True), (("cat", "cow"), False)):
        classes = {value: names[k % len(names)] for k, value in enumerate(values)}
        named = make_example(example.image, example.labels, "named", classes)
        assert begin([named], FAST, pets).continues is continues
    assert begin([named], FAST, base).continues


def _train(model: Model, example: Example, **changes: object) -> Trained:
    plan = replace(FAST, **changes)  # type: ignore[arg-type]
    return run(train_job(copy.deepcopy(model.network), [example], plan, zoom=2.0))


def test_a_training_returns_what_is_within_reach(base: Model, example: Example) -> None:
    learnt = _train(base, example, reach=None).network
    guarded = _train(base, example, reach=0.001).network
    guard = Guard(base.network, 0.001)
    assert guard.distance(learnt) > 0.002
    assert guard.distance(guarded) == pytest.approx(0.001, rel=1e-3)
    # A training lays its weights out otherwise, and sums round otherwise.
    near = guard.near(learnt).state_dict()
    for name, value in guarded.state_dict().items():
        torch.testing.assert_close(value, near[name], atol=1e-7, rtol=1e-6)
    assert not guarded.training


def test_what_is_validated_is_what_is_returned(base: Model, example: Example) -> None:
    seen: list[dict[str, Tensor]] = []

    def score(network: MaskRCNN) -> dict[str, float]:
        seen.append(copy.deepcopy(network.state_dict()))
        return {"ap50": -len(seen), "ap75": 0.0}

    network = copy.deepcopy(base.network)
    trained = run(train_job(network, [example], replace(FAST, reach=0.001), zoom=2.0, score=score))
    assert trained.scores == {"ap50": -1, "ap75": 0.0}
    assert _same(trained.network.state_dict(), seen[0])


def test_a_checkpoint_is_not_continued_with_another_base(
    base: Model, learnt: MaskRCNN, example: Example, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "x.checkpoint"
    options = {"zoom": 2.0, "checkpoint": checkpoint, "resume": True}
    run(train_job(copy.deepcopy(base.network), [example], FAST, **options))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="another state of the base"):
        run(train_job(learnt, [example], FAST, **options))  # type: ignore[arg-type]
    again = run(train_job(copy.deepcopy(base.network), [example], FAST, **options))  # type: ignore[arg-type]
    assert len(again.history) == 3


def test_from_scratch_the_reach_is_unlimited(base: Model, example: Example) -> None:
    one, other = (_train(base, example, base=FROM_SCRATCH, reach=r).network for r in (None, 1e-9))
    assert _same(one.state_dict(), other.state_dict())


@pytest.mark.parametrize("reach", [-0.1, 0.0, float("nan")])
def test_a_reach_that_is_none_is_refused(reach: float) -> None:
    with pytest.raises(ValueError, match=f"reach is {reach}; give more than 0, or None"):
        TrainSettings(reach=reach).validate()
