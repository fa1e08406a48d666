"""Weight gradients that are led around slow shapes are the same numbers."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch.nn import functional as F

from napari_maskrcnn.train import gradients
from napari_maskrcnn.train.gradients import Routed, routed


@pytest.mark.parametrize(
    ("side", "kernel", "outputs", "groups"),
    [(48, 3, 8, 1), (10, 3, 8, 1), (10, 1, 4, 1), (48, 1, 40, 1), (48, 3, 8, 2)],
    ids=["by image", "small", "product", "wide point", "groups"],
)
def test_routed_gradients_are_the_same(
    side: int, kernel: int, outputs: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: list[str] = []
    for name in ("_as_product", "_by_image"):
        way = getattr(gradients, name)
        monkeypatch.setattr(
            gradients, name, lambda *a, name=name, way=way: [ways.append(name), way(*a)][1]
        )
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 8, side, side, generator=generator).bfloat16().requires_grad_()
    weight = torch.randn(outputs, 8 // groups, kernel, kernel, generator=generator).bfloat16()
    weight.requires_grad_()
    bias = torch.zeros(outputs, dtype=torch.bfloat16, requires_grad=True)
    found = []
    for context in (nullcontext(), Routed()):
        out = F.conv2d(values, weight, bias, padding=kernel // 2, groups=groups)
        with context:
            found.append(torch.autograd.grad(out.float().square().sum(), (values, weight, bias)))
    expected = {(48, 3, 1): ["_by_image"], (10, 1, 1): ["_as_product"], (48, 1, 1): ["_by_image"]}
    assert ways == expected.get((side, kernel, groups), [])
    for plain, other in zip(*found, strict=True):
        scale = float(plain.float().abs().max())
        torch.testing.assert_close(other.float(), plain.float(), atol=0.01 * scale, rtol=0)


def test_only_a_matrix_unit_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert isinstance(routed(torch.device("cpu")), Routed)
    assert not isinstance(routed(torch.device("meta")), Routed)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert not isinstance(routed(torch.device("cpu")), Routed)
