"""Mask head: which cells of a box belong to the object."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.layers import head_conv


def mask_head(config: NetworkConfig) -> nn.Sequential:
    """Four 3×3 convolutions on the grid (N, C, bins, bins)."""
    width = config.mask_channels
    widths = [config.fpn_channels, width, width, width, width]
    return nn.Sequential(*(head_conv(a, b, config) for a, b in pairwise(widths)))


def mask_predictor(config: NetworkConfig) -> nn.Sequential:
    """Deconvolution to twice the bins, and logits of one mask a class or of one for all."""
    width = config.mask_channels
    masks = 1 if config.class_agnostic_masks else config.num_classes
    layers = nn.Sequential(
        OrderedDict(
            conv5_mask=nn.ConvTranspose2d(width, width, 2, 2),
            relu=nn.ReLU(inplace=True),
            mask_fcn_logits=nn.Conv2d(width, masks, 1),
        )
    )
    for name, parameter in layers.named_parameters():
        if "weight" in name:
            nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")
    return layers
