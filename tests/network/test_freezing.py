from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_maskrcnn.network.config import LAYERS, Layers, NetworkConfig
from napari_maskrcnn.network.freezing import freeze
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.targets import Target

HEADS = {"backbone.fpn", "rpn.head", "roi_heads.box_head", "roi_heads.box_predictor"} | {
    "roi_heads.mask_head",
    "roi_heads.mask_predictor",
}
STAGES = [f"backbone.body.layer{k}" for k in range(1, 5)]
LEARNING = {
    "rpn": {"rpn.head"},
    "heads": HEADS,
    "5+": HEADS | set(STAGES[3:]),
    "4+": HEADS | set(STAGES[2:]),
    "3+": HEADS | set(STAGES[1:]),
    "all": HEADS | set(STAGES) | {"backbone.body.conv1", "backbone.body.bn1"},
}


def _part(name: str) -> str:
    """Part of the network that a parameter belongs to."""
    deep = 3 if name.startswith("backbone.body") else 2
    return ".".join(name.split(".")[:deep])


@pytest.fixture(scope="module")
def network() -> MaskRCNN:
    with torch.device("meta"):
        return MaskRCNN(
            NetworkConfig(backbone="resnet18", frozen_norm=False, fpn_norm=True, head_norm=True)
        )


@pytest.mark.parametrize("layers", LAYERS)
def test_the_names_mean_what_people_know(network: MaskRCNN, layers: Layers) -> None:
    freeze(network, layers)
    learning = {_part(name) for name, p in network.named_parameters() if p.requires_grad}
    assert learning == LEARNING[layers]
    frozen = {_part(name) for name, p in network.named_parameters() if not p.requires_grad}
    assert not learning & frozen
    modes = {
        _part(name): module.training
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d)
    }
    assert all(training == (part in learning) for part, training in modes.items())
    assert "backbone.fpn" in modes


def test_norms_can_stay_while_the_rest_learns(network: MaskRCNN) -> None:
    freeze(network, "all", norms=True)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert not module.training
            assert not module.weight.requires_grad
    assert network.backbone.body.conv1.weight.requires_grad


def test_without_c5_there_is_no_more_than_the_heads(tiny_config: NetworkConfig) -> None:
    with torch.device("meta"):
        small = MaskRCNN(tiny_config)
    freeze(small, "5+")
    assert {_part(n) for n, p in small.named_parameters() if p.requires_grad} == HEADS


def test_the_rpn_learns_alone(tiny: MaskRCNN) -> None:
    freeze(tiny, "rpn")
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(64, 64, dtype=torch.int64)
    labels[10:30, 20:50] = 1
    one = torch.ones(1, dtype=torch.int64)
    target = Target(torch.tensor([[20.0, 10.0, 50.0, 30.0]]), one, one, labels)
    losses = tiny.losses(images, [target])
    losses.total.backward()
    moved = {n for n, p in tiny.named_parameters() if p.grad is not None and p.grad.any()}
    assert {_part(name) for name in moved} == {"rpn.head"}
    assert len(moved) == 6
