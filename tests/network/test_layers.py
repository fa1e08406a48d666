from __future__ import annotations

import torch
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from napari_maskrcnn.network.layers import FrozenNorm


def _random(norm: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    for name, buffer in norm.named_buffers():
        buffer.uniform_(0.5 if name == "running_var" else -1, 2, generator=generator)
    return norm


def test_a_frozen_norm_is_torchvisions_with_its_gradient() -> None:
    values = torch.randn(
        2, 5, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    found = []
    for kind in (FrozenNorm, FrozenBatchNorm2d):
        leaf = values.clone().requires_grad_()
        out = _random(kind(5, eps=0.0)).double()(leaf)
        (gradient,) = torch.autograd.grad(out.square().sum(), leaf)
        found.append((out.detach(), gradient))
    for ours, theirs in zip(*found, strict=True):
        assert theirs.abs().max() > 1
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-12)


def test_a_frozen_norm_keeps_bfloat16_and_the_layout() -> None:
    values = torch.randn(2, 8, 6, 6).bfloat16().to(memory_format=torch.channels_last)
    out = _random(FrozenNorm(8))(values)
    assert out.dtype == torch.bfloat16
    assert out.is_contiguous(memory_format=torch.channels_last)
