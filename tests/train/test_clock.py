"""When a training is validated, which of equal validations counts, and when it ends early."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import Model
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.train.clock import Clock
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.loop import Trained, train_job
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.state import TrainState

FAST = TrainSettings(epochs=3, batch=2, crop=64, learning_rate=1e-3, device="cpu")


def trained(base: Model, example: Example, value: float, epochs: int) -> Trained:
    """Train with validations that all come to one value."""
    seen: list[MaskRCNN] = []

    def score(network: MaskRCNN) -> dict[str, float]:
        seen.append(network)
        return {"ap50": value, "ap75": value}

    settings = replace(FAST, epochs=epochs)
    network = copy.deepcopy(base.network)
    return run(train_job(network, [example], settings, zoom=2.0, score=score))


def same(one: MaskRCNN, other: MaskRCNN) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(a.equal(b) for a, b in pairs)


@pytest.mark.parametrize("steps", [10, 20, 30, 50, 360])
def test_a_training_is_validated_ten_times(base: Model, steps: int) -> None:
    state = TrainState.start(copy.deepcopy(base.network), 1e-3)
    clock = Clock(replace(FAST, epochs=steps), 1, state)
    due = []
    for step in range(1, steps + 1):
        state.step = step
        if clock.validation_due():
            due.append(step)
            clock.validated({"ap50": step, "ap75": step})
    assert due == [steps * part // 10 for part in range(1, 11)]


def test_a_network_that_finds_nothing_yet_goes_on_and_its_last_weights_count(
    base: Model, example: Example
) -> None:
    nothing = trained(base, example, 0.0, epochs=3)
    assert len(nothing.history) == 9
    assert same(nothing.network, trained(base, example, 0.0, epochs=3).network)
    # Nine steps in one go end with the same weights, so it was the last that were kept.
    network = copy.deepcopy(base.network)
    whole = run(train_job(network, [example], FAST, zoom=2.0))
    assert same(nothing.network, whole.network)


def test_of_equal_validations_the_last_counts_though_it_ends_early(base: Model) -> None:
    state = TrainState.start(copy.deepcopy(base.network), 1e-3)
    clock = Clock(replace(FAST, epochs=10), 1, state)
    for step in range(1, 7):
        assert not clock.over()
        state.step = step
        with torch.no_grad():
            state.average.rpn.head.cls_logits.bias.fill_(step)
        state.keep_if_best(state.current(), 1.0, {"ap50": 1.0, "ap75": 1.0})
        clock.validated({"ap50": 1.0, "ap75": 1.0})
    assert clock.over()
    assert (state.result().rpn.head.cls_logits.bias == 6).all()
