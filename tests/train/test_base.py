"""What a training begins with: the classes of a base where the labels name none."""

from __future__ import annotations

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
