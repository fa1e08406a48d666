"""ResNet or ResNeXt: an image to the feature maps C2…C5 (strides 4, 8, 16, 32).

The blocks are torchvision's, so that names and numbers of its weights fit; the trunk above C4 can
be left out where objects are small.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.layers import norm_layer


@dataclass(frozen=True)
class Trunk:
    """Make-up of a trunk: the kind of block, how many in each stage, and its grouped convolutions.

    A ResNeXt is a ResNet whose 3×3 convolutions are parted into `groups`, each `group_width` wide
    in the first stage (Xie et al., CVPR 2017).
    """

    block: type[BasicBlock | Bottleneck]
    counts: tuple[int, ...]
    groups: int = 1
    group_width: int = 64


TRUNKS: dict[str, Trunk] = {
    "resnet18": Trunk(BasicBlock, (2, 2, 2, 2)),
    "resnet34": Trunk(BasicBlock, (3, 4, 6, 3)),
    "resnet50": Trunk(Bottleneck, (3, 4, 6, 3)),
    "resnet101": Trunk(Bottleneck, (3, 4, 23, 3)),
    "resnext50_32x4d": Trunk(Bottleneck, (3, 4, 6, 3), 32, 4),
    "resnext101_32x8d": Trunk(Bottleneck, (3, 4, 23, 3), 32, 8),
}


class ResNetTrunk(nn.Module):
    """Convolutional trunk without the classifier.

    Parameters
    ----------
    config : NetworkConfig
        Uses ``backbone``, ``frozen_norm``, ``norm_eps`` and ``last_stage``.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        trunk = TRUNKS[config.backbone]
        resnet = ResNet(
            trunk.block,
            list(trunk.counts),
            groups=trunk.groups,
            width_per_group=trunk.group_width,
            norm_layer=norm_layer(config),
        )
        self.conv1, self.bn1, self.relu, self.maxpool = (
            resnet.conv1,
            resnet.bn1,
            resnet.relu,
            resnet.maxpool,
        )
        self.stages = [f"layer{k}" for k in range(1, config.last_stage)]
        for name in self.stages:
            self.add_module(name, getattr(resnet, name))
        self.channels = [64 * 2**k * trunk.block.expansion for k in range(config.last_stage - 1)]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps C2, C3, … of images (B, 3, H, W)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        maps = []
        for name in self.stages:
            x = getattr(self, name)(x)
            maps.append(x)
        return maps
