"""Mask head: which cells of a box belong to the object."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

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

        The last layer is 1×1, so one of its rows is enough for each box.
        """
        cells = self.conv5_mask(features).relu_()
        weight, bias = rows_of(self.mask_fcn_logits, classes)
        logits = torch.bmm(weight[:, None], cells.flatten(2)).reshape(len(cells), *cells.shape[2:])
        return precise(logits) + bias[:, None, None]


def rows_of(logits: nn.Conv2d, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (N, C) and bias (N,) of the outputs of classes (N,); one output serves all."""
    rows = classes if logits.out_channels > 1 else torch.zeros_like(classes)
    assert logits.bias is not None
    return logits.weight.flatten(1)[rows], logits.bias[rows]
