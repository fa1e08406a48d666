"""Mask head: which cells of a box belong to the object."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_maskrcnn.network.boxes import precise
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.layers import head_conv


def mask_head(config: NetworkConfig) -> nn.Sequential:
    """Four 3×3 convolutions on the grid (N, C, bins, bins)."""
    width = config.mask_channels
    widths = [config.fpn_channels, width, width, width, width]
    return nn.Sequential(*(head_conv(a, b, config) for a, b in pairwise(widths)))


class MaskPredictor(nn.Module):
    """Deconvolution to twice the bins, and logits of one mask a class or of one for all."""

    def __init__(self, config: NetworkConfig) -> None:
        width = config.mask_channels
        masks = 1 if config.class_agnostic_masks else config.num_classes
        super().__init__()
        self.conv5_mask = nn.ConvTranspose2d(width, width, 2, 2)
        self.mask_fcn_logits = nn.Conv2d(width, masks, 1)
        for name, parameter in self.named_parameters():
            if "weight" in name:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        """Features (N, C, bins, bins) to logits (N, M, M) of own classes (N,), at least float32.

        A deconvolution of stride 2 on a 2×2 kernel makes four cells of one, each by a matrix of its
        own, so it is one product. The last layer is 1×1: one of its rows is enough for each box.
        """
        weight = self.conv5_mask.weight.permute(2, 3, 1, 0).flatten(0, 2)
        assert self.conv5_mask.bias is not None
        rows = features.permute(0, 2, 3, 1).flatten(0, 2)
        four = functional.linear(rows, weight, self.conv5_mask.bias.repeat(4)).relu_()
        return draw(four, features.shape[-1], *rows_of(self.mask_fcn_logits, classes))


def draw(four: Tensor, bins: int, weight: Tensor, bias: Tensor) -> Tensor:
    """Logits (N, M, M), at least float32, of rows (N · bins², 4C) that hold four cells each.

    `weight` (N, C) and `bias` (N,) are those of each box's class. The cells stay where they were
    made; only the logits are put in order.
    """
    count, channels = weight.shape
    cells = four.reshape(count, 4 * bins**2, channels)
    logits = precise(torch.bmm(cells, weight[:, :, None])) + precise(bias)[:, None, None]
    fine = logits.reshape(count, bins, bins, 2, 2).transpose(2, 3)
    return fine.reshape(count, 2 * bins, 2 * bins)


def rows_of(logits: nn.Conv2d, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (N, C) and bias (N,) of the outputs of classes (N,); one output serves all."""
    rows = classes if logits.out_channels > 1 else torch.zeros_like(classes)
    assert logits.bias is not None
    return logits.weight.flatten(1)[rows], logits.bias[rows]
