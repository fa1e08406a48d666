"""Region proposal network: the boxes in which there may be an object.

Ren et al., Faster R-CNN, NeurIPS 2015, on every level of the pyramid with shared weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms
from torchvision.ops.misc import Conv2dNormActivation

from napari_maskrcnn.network.anchors import pyramid_anchors
from napari_maskrcnn.network.boxes import RPN_WEIGHTS, clip, decode, encode, large_enough, precise
from napari_maskrcnn.network.config import NetworkConfig, SamplingConfig
from napari_maskrcnn.network.ignoring import leave_out
from napari_maskrcnn.network.limits import Limits
from napari_maskrcnn.network.losses import rpn_losses
from napari_maskrcnn.network.matching import match, sample
from napari_maskrcnn.network.targets import Target

SMALLEST_PROPOSAL = 1e-3


@dataclass(frozen=True)
class RPNOutput:
    """What the head says of every anchor, level by level.

    Parameters
    ----------
    logits : list of (B, n) float32
        Objectness of the n anchors of each level.
    codes : list of (B, n, 4) float32
        Box codes against the anchors.
    anchors : tuple of (n, 4) float32
        The anchors, network pixels.
    """

    logits: list[Tensor]
    codes: list[Tensor]
    anchors: tuple[Tensor, ...]


class RPNHead(nn.Module):
    """3×3 convolutions and two 1×1 siblings, shared by all levels."""

    def __init__(self, channels: int, anchors: int, convs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(
                Conv2dNormActivation(channels, channels, kernel_size=3, norm_layer=None)
                for _ in range(convs)
            )
        )
        self.cls_logits = nn.Conv2d(channels, anchors, 1)
        self.bbox_pred = nn.Conv2d(channels, anchors * 4, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C, h, w) to logits (B, h·w·A) and codes (B, h·w·A, 4), float32."""
        x = self.conv(feature)
        logits = precise(self.cls_logits(x)).permute(0, 2, 3, 1).flatten(1)
        codes = precise(self.bbox_pred(x)).permute(0, 2, 3, 1)
        return logits, codes.reshape(len(feature), -1, 4)


class RPN(nn.Module):
    """Head, proposals and losses of the first stage."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.head = RPNHead(config.fpn_channels, len(config.anchor_ratios), config.rpn_convs)

    def forward(self, pyramid: list[Tensor], images: Tensor) -> RPNOutput:
        """Score and code every anchor over the images (B, 3, H, W)."""
        logits, codes = zip(*(self.head(level) for level in pyramid), strict=True)
        grids = tuple((int(p.shape[-2]), int(p.shape[-1])) for p in pyramid)
        padded = (int(images.shape[-2]), int(images.shape[-1]))
        anchors = pyramid_anchors(self.config, padded, grids, images.device)
        return RPNOutput(list(logits), list(codes), anchors)

    @torch.no_grad()
    def proposals(
        self, output: RPNOutput, size: tuple[int, int], limits: list[Limits]
    ) -> list[Tensor]:
        """Best boxes (n, 4) of each image of `size` (height, width), within its limits, best first.

        The top of each level is taken by logit before anything is decoded; levels do not suppress
        each other.
        """
        most = max(limit.pre_nms for limit in limits)
        boxes, scores, places = [], [], []
        for k, (logits, codes) in enumerate(zip(output.logits, output.codes, strict=True)):
            top, index = logits.topk(min(most, logits.shape[1]), dim=1)
            picked = torch.gather(codes, 1, index[..., None].expand(-1, -1, 4))
            flat = decode(picked.flatten(0, 1), output.anchors[k][index.flatten()], RPN_WEIGHTS)
            boxes.append(flat.reshape(picked.shape))
            scores.append(top)
            rank = torch.arange(index.shape[1], device=index.device)
            places.append(torch.stack([torch.full_like(rank, k), rank]))
        place = torch.cat(places, 1)
        chances = torch.cat(scores, 1).sigmoid()
        return self._suppress(clip(torch.cat(boxes, 1), size), chances, place, limits)

    def _suppress(
        self, boxes: Tensor, scores: Tensor, place: Tensor, limits: list[Limits]
    ) -> list[Tensor]:
        """Thin out candidates (B, n, 4) of all images at once; `place` (2, n) is level and rank."""
        level, rank = place
        most = rank.new_tensor([limit.pre_nms for limit in limits])
        large = large_enough(boxes.flatten(0, 1), SMALLEST_PROPOSAL).reshape(scores.shape)
        image, at = (large & (rank < most[:, None])).nonzero(as_tuple=True)
        # Boxes of another image or level never suppress each other.
        group = image * self.config.levels + level[at]
        keep = batched_nms(boxes[image, at], scores[image, at], group, self.config.rpn_nms)
        image, kept = image[keep], boxes[image[keep], at[keep]]
        return [kept[image == i][: limit.post_nms] for i, limit in enumerate(limits)]

    def losses(
        self,
        output: RPNOutput,
        truth: list[Target],
        sampling: SamplingConfig,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Objectness and box loss against what is true of each image."""
        logits, codes = torch.cat(output.logits, 1), torch.cat(output.codes, 1)
        anchors = torch.cat(output.anchors).to(codes.dtype)
        on, off, predicted, targets = [], [], [], []
        for i, target in enumerate(truth):
            boxes = target.boxes
            matched = match(boxes, anchors, sampling.rpn_low, sampling.rpn_high, keep_best=True)
            matched = leave_out(matched, anchors, target.ignored)
            pos, neg = sample(matched, sampling.rpn_samples, sampling.rpn_positive, generator)
            on.append(logits[i, pos])
            off.append(logits[i, neg])
            predicted.append(codes[i, pos])
            targets.append(encode(boxes[matched[pos]], anchors[pos], RPN_WEIGHTS))
        positive = sum(len(x) for x in on)
        return rpn_losses(torch.cat(on + off), torch.cat(predicted), torch.cat(targets), positive)
