"""ResNet: an image to the feature maps C2…C5 (strides 4, 8, 16, 32).

The blocks are torchvision's, so that names and numbers of its weights fit; the trunk above C4 can
be left out where objects are small.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.ops import FrozenBatchNorm2d

from napari_maskrcnn.network.config import NetworkConfig

BLOCKS: dict[str, tuple[type[BasicBlock | Bottleneck], list[int]]] = {
    "resnet18": (BasicBlock, [2, 2, 2, 2]),
    "resnet34": (BasicBlock, [3, 4, 6, 3]),
    "resnet50": (Bottleneck, [3, 4, 6, 3]),
    "resnet101": (Bottleneck, [3, 4, 23, 3]),
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
        block, counts = BLOCKS[config.backbone]
        norm: Callable[..., nn.Module] = partial(
            FrozenBatchNorm2d if config.frozen_norm else nn.BatchNorm2d, eps=config.norm_eps
        )
        resnet = ResNet(block, counts, norm_layer=norm)
        self.conv1, self.bn1, self.relu, self.maxpool = (
            resnet.conv1,
            resnet.bn1,
            resnet.relu,
            resnet.maxpool,
        )
        self.stages = [f"layer{k}" for k in range(1, config.last_stage)]
        for name in self.stages:
            self.add_module(name, getattr(resnet, name))
        self.channels = [64 * 2**k * block.expansion for k in range(config.last_stage - 1)]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps C2, C3, … of images (B, 3, H, W)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        maps = []
        for name in self.stages:
            x = getattr(self, name)(x)
            maps.append(x)
        return maps
