"""The copy for prediction finds what the network finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from napari_maskrcnn.network import fused_layers, roi_heads
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.fuse import fuse
from napari_maskrcnn.network.fused_layers import Convolution, Linear, fold
from napari_maskrcnn.network.maskrcnn import MaskRCNN


def _lively(config: NetworkConfig) -> MaskRCNN:
    """Random network whose norms do something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = MaskRCNN(config).eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d | FrozenBatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.data.uniform_(0.5, 1.2)
                module.bias.data.normal_(0, 0.1)
    return network


def _images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 64, 96, generator=torch.Generator().manual_seed(4))


def _assert_same(one: MaskRCNN, other: MaskRCNN, images: Tensor, atol: float) -> None:
    for a, b in zip(one.detect(images, (60, 90)), other.detect(images, (60, 90)), strict=True):
        assert len(a.scores) == 50
        torch.testing.assert_close(b.boxes, a.boxes, atol=atol * 100, rtol=0)
        torch.testing.assert_close(b.scores, a.scores, atol=atol, rtol=0)
        torch.testing.assert_close(b.masks, a.masks, atol=atol * 10, rtol=0)
        assert b.classes.equal(a.classes)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"frozen_norm": True, "norm_eps": 0.0},
        {"fpn_norm": True, "head_norm": True, "box_convs": 2, "rpn_convs": 2},
        {"backbone": "resnext50_32x4d", "last_stage": 5, "anchor_sizes": (8, 16, 32, 64, 128)},
        {"class_agnostic_boxes": True, "class_agnostic_masks": True, "mask_bins": 28},
        {"sampling_ratio": 0, "aligned": False},
    ],
    ids=lambda change: ", ".join(change) or "compact",
)
def test_the_copy_finds_the_same(tiny_config: NetworkConfig, change: dict[str, Any]) -> None:
    network = _lively(replace(tiny_config, **change)).double()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    _assert_same(network, fuse(network, torch.float64), _images().double(), 1e-9)
    for name, value in network.state_dict().items():
        assert value.equal(before[name])


def test_in_float32_it_is_the_same_to_rounding(tiny_config: NetworkConfig) -> None:
    network = _lively(tiny_config)
    fused = fuse(network, torch.float32)
    _assert_same(network, fused, _images(), 1e-5)
    # Other sizes, then the first again: the weights' order follows.
    for height in (32, 64):
        images = _images()[:, :, :height]
        _assert_same(network, fused, images, 1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_later_changes_do_not_reach_the_copy(tiny_config: NetworkConfig, dtype: Any) -> None:
    network = _lively(tiny_config).to(dtype)
    fused = fuse(network, dtype)
    before = fused.detect(_images().to(dtype))[0]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    after = fused.detect(_images().to(dtype))[0]
    assert after.boxes.equal(before.boxes)
    assert after.masks.equal(before.masks)


def test_without_fused_operators_it_is_the_same(
    tiny_config: NetworkConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = _lively(tiny_config)
    monkeypatch.setattr(fused_layers, "has_fused_operators", lambda *_: False)
    fused = fuse(network, torch.float32)
    assert not any(m.fused for m in fused.modules() if isinstance(m, Convolution | Linear))
    _assert_same(network, fused, _images(), 1e-5)


def test_few_boxes_at_a_time_are_the_same(tiny: MaskRCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(roi_heads.PART_BYTES, "cpu", 7 * 16 * 28**2 * 4)
    heads, seen = tiny.roi_heads, []
    heads.mask_head.register_forward_hook(lambda _, __, grids: seen.append(len(grids)))
    parted = tiny.detect(_images())
    assert seen == [7] * 14 + [2]
    monkeypatch.undo()
    for one, other in zip(tiny.detect(_images()), parted, strict=True):
        torch.testing.assert_close(other.boxes, one.boxes, atol=1e-4, rtol=0)
        torch.testing.assert_close(other.masks, one.masks, atol=1e-5, rtol=0)


def test_half_the_bits_keep_scores_and_boxes_in_float32(tiny_config: NetworkConfig) -> None:
    network = _lively(tiny_config)
    fused = fuse(network, torch.bfloat16)
    pyramid = fused.backbone(_images())
    assert {level.dtype for level in pyramid} == {torch.bfloat16}
    exact = network.backbone(_images())
    for level, true in zip(pyramid, exact, strict=True):
        assert level.is_contiguous(memory_format=torch.channels_last)
        assert (level - true).abs().max() < 0.05 * true.abs().max()
    found = fused.detect(_images())[0]
    assert found.boxes.dtype == found.scores.dtype == found.masks.dtype == torch.float32
    # Scores of bfloat16 layers would have at most 256 values an octave.
    assert len(found.scores.unique()) == 50


def test_a_norm_without_spread_folds_to_its_constant() -> None:
    conv, norm = nn.Conv2d(2, 3, 1, bias=False), nn.BatchNorm2d(3, eps=0.0).eval()
    norm.running_var.fill_(4.0)
    norm.running_mean.fill_(6.0)
    norm.bias.data.fill_(1.0)
    weight, bias = fold(conv, norm)
    torch.testing.assert_close(weight, conv.weight.detach().double() / 2)
    assert bias.tolist() == [-2.0] * 3


def test_the_copy_makes_no_random_number(tiny: MaskRCNN) -> None:
    state = torch.random.get_rng_state()
    fuse(tiny)
    assert torch.random.get_rng_state().equal(state)
