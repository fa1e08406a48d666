"""A copy of a network for prediction alone: the same detections from far fewer passes over memory.

Norms disappear into the convolutions before them, sums and rectifiers into the pass that makes what
they change, weights are stored in the type they are computed in and in the order the processor's
library wants. Every part takes the place of one of the network's and has its methods; what is
decided between the parts is the network's own code.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck

from napari_maskrcnn.network.backbone import ResNetTrunk
from napari_maskrcnn.network.box_head import BOX_BINS, BoxPredictor
from napari_maskrcnn.network.boxes import precise
from napari_maskrcnn.network.fpn import FeaturePyramid
from napari_maskrcnn.network.fused_layers import Convolution, Linear
from napari_maskrcnn.network.mask_head import MaskPredictor, draw, rows_of
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.rpn import RPNHead


@torch.no_grad()
def fuse(
    network: MaskRCNN,
    dtype: torch.dtype = torch.float32,
    layout: torch.memory_format = torch.channels_last,
) -> MaskRCNN:
    """Copy a network for prediction; it has no weights that could be saved or trained.

    Parameters
    ----------
    network : MaskRCNN
        Is not changed, and later changes of it do not reach the copy.
    dtype : torch.dtype
        Type of the convolutions. The last layers of the box head, which make scores and
        coordinates, are computed in float32 at least.
    layout : torch.memory_format
        Order of the numbers of images, and so of the maps made of them.
    """
    with torch.device("meta"):
        fused = MaskRCNN(network.config)
    body, fpn = network.backbone.body, network.backbone.fpn
    fused.backbone.body = cast("ResNetTrunk", FusedTrunk(body, dtype, layout))
    fused.backbone.fpn = cast("FeaturePyramid", FusedPyramid(fpn, dtype))
    fused.rpn.head = cast("RPNHead", FusedRPNHead(network.rpn.head, dtype))
    heads, drawn = network.roi_heads, fused.roi_heads
    drawn.box_head = _box_head(heads.box_head, dtype)
    drawn.box_predictor = cast("BoxPredictor", FusedBoxPredictor(heads.box_predictor, dtype))
    drawn.mask_head = nn.Sequential(*(_block(layer, dtype) for layer in heads.mask_head))
    drawn.mask_predictor = cast("MaskPredictor", FusedMaskPredictor(heads.mask_predictor, dtype))
    for module in fused.modules():
        if isinstance(module, Convolution):
            module.weight = module.weight.contiguous(memory_format=layout)
    return fused.eval()


class FusedTrunk(nn.Module):
    """Trunk of a ResNet."""

    def __init__(self, trunk: ResNetTrunk, dtype: torch.dtype, layout: torch.memory_format) -> None:
        super().__init__()
        self.dtype, self.layout = dtype, layout
        self.stem = Convolution(trunk.conv1, trunk.bn1, rectify=True, dtype=dtype)
        self.maxpool = trunk.maxpool
        stages = [trunk.get_submodule(name) for name in trunk.stages]
        self.stages = nn.ModuleList(
            nn.Sequential(*(FusedBlock(block, dtype) for block in stage.children()))
            for stage in stages
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps C2, C3, … of images (B, 3, H, W), in the network's type."""
        x = images.to(self.dtype, memory_format=self.layout)
        x = self.maxpool(self.stem(x))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class FusedBlock(nn.Module):
    """Residual block; the sum is made in place, in the map that goes around the convolutions.

    That map is the block's own, or nobody else's: no stage's last map goes around a block, for the
    first block of the next stage has a convolution there.
    """

    def __init__(self, block: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        assert isinstance(block, BasicBlock | Bottleneck)
        count = 3 if isinstance(block, Bottleneck) else 2
        self.steps = nn.Sequential(
            *(
                Convolution(getattr(block, f"conv{k}"), getattr(block, f"bn{k}"), True, dtype)
                for k in range(1, count)
            )
        )
        last, norm = getattr(block, f"conv{count}"), getattr(block, f"bn{count}")
        self.last = Convolution(last, norm, True, dtype)
        self.around = None if block.downsample is None else _block(block.downsample, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, D, H, W) or half the height and width."""
        around = x if self.around is None else self.around(x)
        summed: Tensor = self.last(self.steps(x), onto=around)
        return summed


class FusedPyramid(nn.Module):
    """Feature pyramid; each finer lateral map is added onto the enlarged coarser one."""

    def __init__(self, fpn: FeaturePyramid, dtype: torch.dtype) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList(_block(layer, dtype) for layer in fpn.inner_blocks)
        self.layer_blocks = nn.ModuleList(_block(layer, dtype) for layer in fpn.layer_blocks)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps C2… to P2… and one more, pooled from the last by 2; all of one width."""
        merged = [self.inner_blocks[-1](maps[-1])]
        for k in range(len(maps) - 2, -1, -1):
            enlarged = F.interpolate(merged[0], size=maps[k].shape[-2:])
            merged.insert(0, self.inner_blocks[k](maps[k], onto=enlarged))
        pyramid = [block(m) for block, m in zip(self.layer_blocks, merged, strict=True)]
        return [*pyramid, F.max_pool2d(pyramid[-1], kernel_size=1, stride=2)]


class FusedRPNHead(nn.Module):
    """RPN head whose two 1×1 siblings are one layer."""

    def __init__(self, head: RPNHead, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv = nn.Sequential(*(_block(layer, dtype) for layer in head.conv))
        self.anchors = head.cls_logits.out_channels
        self.siblings = _one_layer([head.cls_logits, head.bbox_pred], dtype)

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C, h, w) to logits (B, h·w·A) and codes (B, h·w·A, 4), at least float32."""
        cells = self.conv(feature).permute(0, 2, 3, 1)
        both = self.siblings(cells.flatten(0, 2)).reshape(len(cells), -1, 5 * self.anchors)
        logits, codes = precise(both).split([self.anchors, 4 * self.anchors], dim=-1)
        return logits.flatten(1), codes.reshape(len(cells), -1, 4)


class FusedBoxPredictor(nn.Module):
    """Class logits and box codes as one layer, in float32: bfloat16 makes equals of many scores."""

    def __init__(self, predictor: BoxPredictor, dtype: torch.dtype) -> None:
        super().__init__()
        self.classes = predictor.cls_score.out_features
        layers = [predictor.cls_score, predictor.bbox_pred]
        self.siblings = _one_layer(layers, torch.promote_types(dtype, torch.float32))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, channels) to logits (N, K) and codes (N, K or 1, 4), at least float32."""
        both = self.siblings(precise(features))
        logits, codes = both[:, : self.classes], both[:, self.classes :]
        return logits, codes.unflatten(1, (-1, 4))


class FusedMaskPredictor(nn.Module):
    """Mask predictor whose weights for the four fine cells of a cell are made ready."""

    def __init__(self, predictor: MaskPredictor, dtype: torch.dtype) -> None:
        super().__init__()
        weight = predictor.conv5_mask.weight.permute(2, 3, 1, 0).flatten(0, 2)
        bias = cast("Tensor", predictor.conv5_mask.bias).repeat(4)
        self.four = Linear(weight, bias, rectify=True, dtype=dtype)
        self.logits = copy.deepcopy(predictor.mask_fcn_logits).to(dtype)

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        """Features (N, C, bins, bins) to logits (N, M, M) of own classes (N,), at least float32."""
        rows = features.permute(0, 2, 3, 1).flatten(0, 2)
        return draw(self.four(rows), features.shape[-1], *rows_of(self.logits, classes))


class Rows(nn.Module):
    """Grids (N, C, h, w) to rows (N, h·w·C), as channels-last maps lie in memory."""

    def forward(self, grids: Tensor) -> Tensor:
        """Flatten cell by cell."""
        return grids.permute(0, 2, 3, 1).flatten(1)


def _block(block: nn.Module, dtype: torch.dtype) -> Convolution:
    """One layer for a sequence of a convolution and, maybe, a norm and a rectifier."""
    conv, *rest = block.children()
    assert isinstance(conv, nn.Conv2d)
    norm = next((layer for layer in rest if not isinstance(layer, nn.ReLU)), None)
    rectify = any(isinstance(layer, nn.ReLU) for layer in rest)
    return Convolution(conv, norm, rectify, dtype)


def _box_head(head: nn.Module, dtype: torch.dtype) -> nn.Sequential:
    """Convolutions, and wide layers that read the last grid as it lies in memory."""
    children = list(head.children())
    convs = [_block(layer, dtype) for layer in children if isinstance(layer, nn.Sequential)]
    first, *others = (layer for layer in children if isinstance(layer, nn.Linear))
    by_channel = first.weight.unflatten(1, (-1, BOX_BINS**2))
    wide = [Linear(by_channel.transpose(1, 2).flatten(1), first.bias, rectify=True, dtype=dtype)]
    wide += [Linear(layer.weight, layer.bias, rectify=True, dtype=dtype) for layer in others]
    return nn.Sequential(*convs, Rows(), *wide)


def _one_layer(layers: Sequence[nn.Conv2d | nn.Linear], dtype: torch.dtype) -> Linear:
    """Layers on the same rows (1×1 convolutions are) as one, outputs side by side."""
    weight = torch.cat([layer.weight.flatten(1) for layer in layers])
    bias = torch.cat([cast("Tensor", layer.bias) for layer in layers])
    return Linear(weight, bias, rectify=False, dtype=dtype)
