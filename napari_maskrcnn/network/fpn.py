"""Feature pyramid: C2…C5 to P2…P6, semantics of the deep maps on the grid of the fine ones.

Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops.misc import Conv2dNormActivation

from napari_maskrcnn.network.backbone import ResNetTrunk
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.layers import norm_layer


class FeaturePyramid(nn.Module):
    """Top-down pathway with lateral connections."""

    def __init__(self, in_channels: list[int], config: NetworkConfig) -> None:
        super().__init__()
        width = config.fpn_channels
        self.inner_blocks = nn.ModuleList(_conv(c, width, 1, config) for c in in_channels)
        self.layer_blocks = nn.ModuleList(_conv(width, width, 3, config) for _ in in_channels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps C2… to P2… and one more, pooled from the last by 2; all of one width."""
        laterals = [block(c) for block, c in zip(self.inner_blocks, maps, strict=True)]
        for k in range(len(laterals) - 1, 0, -1):
            size = laterals[k - 1].shape[-2:]
            laterals[k - 1] = laterals[k - 1] + F.interpolate(laterals[k], size=size)
        pyramid = [block(m) for block, m in zip(self.layer_blocks, laterals, strict=True)]
        return [*pyramid, F.max_pool2d(pyramid[-1], kernel_size=1, stride=2)]


class Backbone(nn.Module):
    """Trunk and pyramid: an image to its pyramid."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.body = ResNetTrunk(config)
        self.fpn = FeaturePyramid(self.body.channels, config)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (B, 3, H, W) to maps (B, C, H/4, W/4), (B, C, H/8, W/8) and so on."""
        pyramid: list[Tensor] = self.fpn(self.body(images))
        return pyramid


def _conv(inputs: int, outputs: int, kernel: int, config: NetworkConfig) -> nn.Module:
    """Convolution without rectifier, as a block (``.0``, ``.1``) as torchvision names its parts."""
    layer = Conv2dNormActivation(
        inputs,
        outputs,
        kernel,
        padding=kernel // 2,
        norm_layer=norm_layer(config) if config.fpn_norm else None,
        activation_layer=None,
    )
    nn.init.kaiming_uniform_(layer[0].weight, a=1)
    if layer[0].bias is not None:
        nn.init.zeros_(layer[0].bias)
    return layer
