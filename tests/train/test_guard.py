from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

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


def test_all_kept_is_the_base_and_nothing_kept_is_what_was_learnt(
    base: Model, learnt: MaskRCNN
) -> None:
    whole, nothing = (Guard(base.network, keep).between(learnt) for keep in (1.0, 0.0))
    assert _same(_numbers(whole), _numbers(base.network))
    assert _same(nothing.state_dict(), learnt.state_dict())


def test_what_is_between_is_that_share_of_the_way(base: Model, learnt: MaskRCNN) -> None:
    before = copy.deepcopy(learnt.state_dict())
    mixed = Guard(base.network, 0.25).between(learnt).state_dict()
    for name, old in base.network.state_dict().items():
        new = learnt.state_dict()[name]
        wanted = 0.25 * old + 0.75 * new if new.is_floating_point() else new
        torch.testing.assert_close(mixed[name], wanted, atol=1e-6, rtol=1e-6)
    assert _same(learnt.state_dict(), before)


def test_the_guard_keeps_the_base_as_it_was(base: Model, learnt: MaskRCNN) -> None:
    network = copy.deepcopy(base.network)
    guard = Guard(network, 1.0)
    network.load_state_dict(learnt.state_dict())
    assert _same(_numbers(guard.between(network)), _numbers(base.network))


def test_whole_numbers_are_those_of_the_training(base: Model, learnt: MaskRCNN) -> None:
    mixed = Guard(base.network, 0.9).between(learnt).state_dict()
    counts = [v for v in mixed.values() if not v.is_floating_point()]
    assert len(counts) > 0
    assert all(int(v) == 7 for v in counts)


@settings(max_examples=25)
@given(st.floats(0, 1), st.floats(-1e6, 1e6, width=32))
def test_what_training_left_alone_is_the_base_to_the_last_bit(keep: float, value: float) -> None:
    layer = torch.nn.Linear(1, 1).requires_grad_(False)
    layer.weight.fill_(value)
    mixed = Guard(layer, keep).between(layer)  # type: ignore[arg-type]
    assert mixed.weight.equal(layer.weight)


def test_rows_of_new_classes_are_returned_as_learnt(base: Model, learnt: MaskRCNN) -> None:
    config = replace(base.network.config, class_names=("ghost", "nucleus"))
    start, other = with_classes(base.network, config), with_classes(learnt, config)
    rows = new_rows(config, ("ghost",))
    assert rows[SCORES].tolist() == [False, True, False]
    boxes = rows["roi_heads.box_predictor.bbox_pred.bias"]
    assert boxes.tolist() == [False] * 4 + [True] * 4 + [False] * 4
    mixed = Guard(start, 0.5, rows).between(other).state_dict()[SCORES]
    old, new = start.state_dict()[SCORES], other.state_dict()[SCORES]
    assert mixed[1].equal(new[1])
    torch.testing.assert_close(mixed[[0, 2]], (old + new)[[0, 2]] / 2)


def test_a_start_knows_which_classes_are_new(base: Model, example: Example) -> None:
    names = {1: "nucleus", 2: "ghost"}
    named = make_example(example.image, example.labels, "named", names)
    assert begin([named], FAST, base).new_classes == ("ghost",)
    assert begin([example], FAST, base).new_classes == ()


def _train(model: Model, example: Example, **changes: object) -> Trained:
    plan = replace(FAST, **changes)  # type: ignore[arg-type]
    return run(train_job(copy.deepcopy(model.network), [example], plan, zoom=2.0))


def test_a_training_returns_what_lies_between(base: Model, example: Example) -> None:
    learnt = _train(base, example, keep=0.0).network
    assert not _same(_numbers(learnt), _numbers(base.network))
    guarded = _train(base, example, keep=0.4).network
    between = Guard(base.network, 0.4).between(learnt)
    assert _same(guarded.state_dict(), between.state_dict())
    assert not guarded.training


def test_what_is_validated_is_what_is_returned(base: Model, example: Example) -> None:
    seen: list[dict[str, Tensor]] = []

    def score(network: MaskRCNN) -> dict[str, float]:
        seen.append(copy.deepcopy(network.state_dict()))
        return {"ap50": -len(seen), "ap75": 0.0}

    network = copy.deepcopy(base.network)
    trained = run(train_job(network, [example], replace(FAST, keep=0.4), zoom=2.0, score=score))
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


def test_from_scratch_nothing_is_kept(base: Model, example: Example) -> None:
    one, other = (_train(base, example, base=FROM_SCRATCH, keep=k).network for k in (0.0, 0.9))
    assert _same(one.state_dict(), other.state_dict())


@pytest.mark.parametrize("keep", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(keep: float) -> None:
    with pytest.raises(ValueError, match=f"keep is {keep}; give 0 to less than 1"):
        TrainSettings(keep=keep).validate()
