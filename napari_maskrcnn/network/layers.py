"""Pieces that several parts of the network are made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.misc import Conv2dNormActivation

from napari_maskrcnn.network.config import NetworkConfig


class FrozenNorm(FrozenBatchNorm2d):
    """Batch norm as a fixed affine map: torchvision's, in one pass and in the type of its input.

    torchvision multiplies and adds in two, and its float32 buffers make float32 maps of bfloat16
    ones.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to another of its type."""
        fixed = (self.running_mean, self.running_var, self.weight, self.bias)
        return functional.batch_norm(x, *fixed, training=False, eps=self.eps)


def norm_layer(config: NetworkConfig) -> Callable[[int], nn.Module]:
    """Batch norm of a number of channels, fixed or trained as the configuration says."""
    kind: Callable[..., nn.Module] = FrozenNorm if config.frozen_norm else nn.BatchNorm2d
    return partial(kind, eps=config.norm_eps)


def head_conv(inputs: int, outputs: int, config: NetworkConfig) -> nn.Module:
    """3×3 convolution of the box or the mask head with its rectifier, and its norm where asked.

    A block of torchvision's, for the names of its weights: ``.0`` convolution, ``.1`` norm.
    """
    norm = norm_layer(config) if config.head_norm else None
    block = Conv2dNormActivation(inputs, outputs, kernel_size=3, norm_layer=norm)
    nn.init.kaiming_normal_(block[0].weight, mode="fan_out", nonlinearity="relu")
    if block[0].bias is not None:
        nn.init.zeros_(block[0].bias)
    return block


def of_class(values: Tensor, rows: Tensor, classes: Tensor) -> Tensor:
    """Entries of `values` (N, K, …) for pairs of row and class; K is 1 when classes share one."""
    return values[rows, classes if values.shape[1] > 1 else torch.zeros_like(classes)]
