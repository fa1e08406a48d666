"""A network small enough to be built, saved and read in a blink."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_maskrcnn.models import ModelCard, save_weights
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN

TINY = NetworkConfig(
    backbone="resnet18",
    frozen_norm=False,
    last_stage=4,
    fpn_channels=8,
    box_channels=16,
    mask_channels=8,
    anchor_sizes=(8, 16, 32, 64),
    class_names=("cell", "debris"),
)


@pytest.fixture(scope="session")
def network() -> MaskRCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MaskRCNN(TINY).eval()


@pytest.fixture
def weights(network: MaskRCNN, tmp_path: Path) -> Path:
    card = ModelCard("tiny", "For tests.", base="nuclei", score=0.4, diameter=17.5)
    return save_weights(tmp_path / "tiny.safetensors", network, card)
