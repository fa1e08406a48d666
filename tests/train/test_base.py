"""What a training begins with: the classes of a base where the labels name none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from napari_maskrcnn.models import Model
from napari_maskrcnn.train.base import begin, with_classes
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.settings import TrainSettings


def test_labels_without_classes_are_of_the_only_class_or_of_a_new_one(
    base: Model, example: Example
) -> None:
    one = begin([example], TrainSettings(epochs=1), base)
    assert (one.network.config.class_names, one.new_classes) == (("nucleus",), ())
    config = replace(base.network.config, class_names=("dead", "live"))
    several = replace(base, network=with_classes(base.network, config))
    two = begin([example], TrainSettings(epochs=1, class_name="cell"), several)
    assert (two.network.config.class_names, two.new_classes) == (("cell",), ("cell",))
    assert not two.continues


def test_a_training_from_scratch_leaves_the_random_state_of_every_device_alone(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seeded(_: int) -> None:
        raise AssertionError("all GPUs were seeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded)
    before = torch.random.get_rng_state()
    settings = TrainSettings(base="none", epochs=1, seed=3)
    one, other = (begin([example], settings, None).network.state_dict() for _ in range(2))
    assert torch.random.get_rng_state().equal(before)
    assert all(value.equal(other[name]) for name, value in one.items())


def test_two_trainings_that_begin_at_once_are_as_they_are_alone(
    base: Model, example: Example
) -> None:
    settings = TrainSettings(base="none", epochs=1, seed=3)
    alone = begin([example], settings, None).network.state_dict()
    before = torch.random.get_rng_state()
    with ThreadPoolExecutor(3) as pool:
        copies = [pool.submit(with_classes, base.network, base.network.config) for _ in range(20)]
        begun = [pool.submit(begin, [example], settings, None) for _ in range(4)]
        for one in begun:
            state = one.result().network.state_dict()
            assert all(value.equal(state[name]) for name, value in alone.items())
        for copied in copies:
            state = copied.result().state_dict()
            assert all(v.equal(state[name]) for name, v in base.network.state_dict().items())
    assert torch.random.get_rng_state().equal(before)
