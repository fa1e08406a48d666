"""A network small enough to run in a blink."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.presets import compact_config


@pytest.fixture(scope="session")
def tiny_config() -> NetworkConfig:
    return replace(
        compact_config(("cell", "debris")),
        backbone="resnet18",
        fpn_channels=16,
        box_channels=32,
        mask_channels=8,
        score_floor=0.0,
        max_detections=50,
    )


@pytest.fixture
def tiny(tiny_config: NetworkConfig) -> MaskRCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MaskRCNN(tiny_config).eval()
