"""A tiny base model and one drawn example, so that a training takes seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_maskrcnn.models import Model, ModelCard
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.presets import compact_config
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.dataset import Example, make_example


@pytest.fixture
def base() -> Model:
    config = replace(
        compact_config(("nucleus",)),
        backbone="resnet18",
        fpn_channels=8,
        box_channels=16,
        mask_channels=8,
        pre_nms=100,
        post_nms=50,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MaskRCNN(config).eval()
    return Model(network, ModelCard("tiny", diameter=12.0), None, torch.device("cpu"))


@pytest.fixture(scope="session")
def example() -> Example:
    image, labels = synthetic_nuclei((64, 80), 8, (9, 14), seed=2)
    return make_example(image, labels, "drawn")
