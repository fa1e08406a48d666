from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import roi_align

from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.mask_targets import mask_targets
from napari_maskrcnn.network.roi_align import Features, level_of, rois_of


def _boxes(count: int, height: float, width: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    size = torch.rand(count, 2, generator=generator, dtype=torch.float64) ** 3
    stop = (corner + size + 0.01).clamp(max=1)
    return torch.cat([corner, stop], 1) * torch.tensor([width, height, width, height])


def test_levels_follow_the_pyramid_paper() -> None:
    sides = torch.tensor([0.0, 20.0, 111.0, 112.0, 224.0, 448.0, 4000.0])
    boxes = torch.stack([sides * 0, sides * 0, sides, sides], 1)
    assert level_of(boxes, NetworkConfig()).tolist() == [0, 0, 0, 1, 2, 3, 3]


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [2, 3, 0])
def test_pooling_is_torchvisions_operator(ratio: int, aligned: bool) -> None:
    config = replace(NetworkConfig(), aligned=aligned, canonical_size=40, sampling_ratio=ratio)
    generator = torch.Generator().manual_seed(0)
    pyramid = [
        torch.randn(2, 6, 64 // 2**k, 96 // 2**k, generator=generator, dtype=torch.float64)
        for k in range(5)
    ]
    rois = rois_of([_boxes(30, 256, 384, 1), _boxes(7, 256, 384, 2)])
    learning = [p.clone().requires_grad_() for p in pyramid]
    found = Features(learning, config).pool(rois, 7)
    assert Features(pyramid, config).pool(rois, 7).equal(found)

    weight = torch.randn(found.shape, generator=generator, dtype=torch.float64)
    (found * weight).sum().backward()
    levels = level_of(rois[:, 1:], config)
    assert set(levels.tolist()) == {0, 1, 2, 3}
    for k in range(4):
        leaf = pyramid[k].clone().requires_grad_()
        here = levels == k
        expected = roi_align(leaf, rois[here], 7, 1 / (4 * 2**k), ratio, aligned)
        torch.testing.assert_close(found[here], expected, atol=1e-9, rtol=0)
        (expected * weight[here]).sum().backward()
        torch.testing.assert_close(learning[k].grad, leaf.grad, atol=1e-9, rtol=0)
    assert learning[4].grad is None


def test_pooling_in_bfloat16_rounds_and_no_more() -> None:
    config = replace(NetworkConfig(), canonical_size=40)
    generator = torch.Generator().manual_seed(0)
    pyramid = [torch.randn(1, 8, 64 // 2**k, 96 // 2**k, generator=generator) for k in range(5)]
    rois = rois_of([_boxes(30, 256, 384, 1).float()])
    exact = Features(pyramid, config).pool(rois, 14)
    half = Features([level.bfloat16() for level in pyramid], config).pool(rois, 14)
    assert half.dtype == torch.bfloat16
    assert (half - exact).abs().max() < 0.02 * exact.abs().max()


@pytest.mark.parametrize("ratio", [2, 0])
def test_pooling_no_box_is_empty(ratio: int) -> None:
    pyramid = [torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 4, 4)] * 3
    features = Features(pyramid[:5], replace(NetworkConfig(), sampling_ratio=ratio))
    assert features.pool(rois_of([torch.zeros(0, 4)]), 7).shape == (0, 3, 7, 7)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), aligned=st.booleans())
def test_mask_targets_are_roi_align_of_the_one_hot_mask(seed: int, aligned: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (23, 31), generator=generator)
    boxes = _boxes(6, 23, 31, seed)
    ids = torch.randint(1, 4, (6,), generator=generator)
    found = mask_targets(labels, ids, boxes, 28, aligned)
    masks = torch.stack([labels == i for i in ids]).double()[:, None]
    rois = torch.cat([torch.arange(6)[:, None].double(), boxes], 1)
    expected = roi_align(masks, rois, 28, 1.0, -1, aligned)[:, 0]
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
