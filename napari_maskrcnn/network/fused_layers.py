"""Layers for prediction only: norm, sum and rectifier are part of the convolution's own pass.

On a CPU, oneDNN computes them while the convolution's result is still in a register, with weights
in its own order. torch has operators for that, which its compiler uses; where they are missing or
do not work, plain ones compute the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Convolution(nn.Module):
    """Convolution with its norm folded in, then optionally a sum, then optionally a rectifier.

    Parameters
    ----------
    conv : nn.Conv2d
        Is not changed.
    norm : nn.Module, optional
        Batch norm, frozen or not, that follows; its statistics are taken as they are.
    rectify : bool
        Whether a rectifier ends it.
    dtype : torch.dtype
        Type of the weights and of the maps.
    """

    def __init__(
        self, conv: nn.Conv2d, norm: nn.Module | None, rectify: bool, dtype: torch.dtype
    ) -> None:
        super().__init__()
        weight, bias = fold(conv, norm)
        device = conv.weight.device
        padding = conv.padding if not isinstance(conv.padding, str) else (0, 0)
        self.geometry = (list(padding), list(conv.stride), list(conv.dilation), conv.groups)
        self.rectify = rectify
        # First the type: Apple's GPUs take no float64.
        self.bias = bias.detach().to(dtype, copy=True).to(device)
        self.weight = weight.detach().to(dtype, copy=True).to(device)
        self.fused = has_fused_operators(device.type, dtype)
        self._packed: tuple[torch.Size, Tensor] | None = None

    def forward(self, x: Tensor, onto: Tensor | None = None) -> Tensor:
        """Convolve a map (B, C, H, W); where `onto` is given, it becomes the sum with that."""
        if self.fused:
            return _fused(x, onto, self._weight_for(x), self.bias, self.geometry, self.rectify)
        padding, stride, dilation, groups = self.geometry
        y = F.conv2d(x, self.weight, self.bias, stride, padding, dilation, groups)
        y = y if onto is None else onto.add_(y)
        return y.relu_() if self.rectify else y

    def _weight_for(self, x: Tensor) -> Tensor:
        """Weight in the order oneDNN wants for maps like `x`.

        For 1×1 kernels that depends on the size of the map, and any other order is slower by up to
        ten times; then it is made again, which costs what a call without it does.
        """
        packed = self._packed
        if packed is None or (packed[0] != x.shape and self.weight.shape[-1] == 1):
            packed = self._packed = (x.shape, _pack(self.weight, x.shape, self.geometry))
        return packed[1]


class Linear(nn.Module):
    """Linear layer, then optionally a rectifier.

    Parameters
    ----------
    weight : (D, C)
    bias : (D,)
    rectify : bool
        Whether a rectifier ends it.
    dtype : torch.dtype
        Type of the weights and of the rows.
    """

    def __init__(self, weight: Tensor, bias: Tensor, rectify: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = weight.detach().to(dtype, copy=True).contiguous()
        self.bias = bias.detach().to(dtype, copy=True)
        self.rectify = rectify
        self.fused = has_fused_operators(weight.device.type, dtype)

    def forward(self, rows: Tensor) -> Tensor:
        """Rows (N, C) to rows (N, D)."""
        if self.fused:
            after = "relu" if self.rectify else "none"
            y: Tensor = torch.ops.mkldnn._linear_pointwise(
                rows, self.weight, self.bias, after, [], ""
            )
            return y
        y = F.linear(rows, self.weight, self.bias)
        return y.relu_() if self.rectify else y


@torch.no_grad()
def fold(conv: nn.Conv2d, norm: nn.Module | None) -> tuple[Tensor, Tensor]:
    """Weight and bias of the one convolution that a convolution and its norm make.

    Both are float64 and in the processor's memory, for not every accelerator has float64.
    """
    weight = conv.weight.cpu().double()
    bias = weight.new_zeros(len(weight)) if conv.bias is None else conv.bias.cpu().double()
    if norm is None:
        return weight, bias
    state = {name: value.cpu().double() for name, value in norm.state_dict().items()}
    eps: Any = norm.eps  # in both kinds of batch norm a number, which nn.Module does not promise
    scale = state["weight"] / (state["running_var"] + eps).sqrt()
    shift = state["bias"] - state["running_mean"] * scale
    return weight * scale[:, None, None, None], bias * scale + shift


Geometry = tuple[list[int], list[int], list[int], int]


def _pack(weight: Tensor, size: torch.Size, geometry: Geometry) -> Tensor:
    """Weight in oneDNN's own order for maps of a size; without it, every call would reorder it."""
    reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
    packed: Tensor = reorder(weight.to_mkldnn(), *geometry, size)
    return packed


def _fused(
    x: Tensor, onto: Tensor | None, weight: Tensor, bias: Tensor, geometry: Geometry, rectify: bool
) -> Tensor:
    fixed = (weight, bias, *geometry)
    if onto is None:
        after = "relu" if rectify else "none"
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(x, *fixed, after, [], "")
        return y
    last = "relu" if rectify else None
    y = torch.ops.mkldnn._convolution_pointwise_.binary(onto, x, *fixed, "add", 1.0, last, [], "")
    return y


@lru_cache(maxsize=8)
def has_fused_operators(device: str, dtype: torch.dtype) -> bool:
    """Whether torch has oneDNN's fused operators for this device and type, and they are right.

    They are not part of torch's public interface, so one small call of each is compared with the
    public operators before any is relied upon.
    """
    if device != "cpu" or dtype not in (torch.float32, torch.bfloat16):
        return False
    geometry: Geometry = ([1, 1], [1, 1], [1, 1], 1)
    x = torch.linspace(-1, 1, 128, dtype=dtype).reshape(1, 8, 4, 4)
    x = x.contiguous(memory_format=torch.channels_last)
    weight = torch.linspace(-1, 1, 576, dtype=dtype).reshape(8, 8, 3, 3)
    bias = torch.linspace(-1, 1, 8, dtype=dtype)
    rows = x.permute(0, 2, 3, 1).reshape(-1, 8)
    try:
        packed = _pack(weight, x.shape, geometry)
        once = _fused(x, None, packed, bias, geometry, rectify=True)
        twice = _fused(x, once.clone(), packed, bias, geometry, rectify=False)
        linear = torch.ops.mkldnn._linear_pointwise(rows, weight[..., 0, 0], bias, "none", [], "")
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return False
    plain = F.conv2d(x, weight, bias, padding=1)
    return (
        torch.allclose(once, plain.relu(), atol=0.2)
        and torch.allclose(twice, plain + plain.relu(), atol=0.2)
        and torch.allclose(linear, F.linear(rows, weight[..., 0, 0], bias), atol=0.2)
    )
