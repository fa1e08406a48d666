"""The two heads on RoIAlign's features: what is in the box, and which of its pixels."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms
from torchvision.ops.misc import Conv2dNormActivation

from napari_maskrcnn.network.boxes import BOX_WEIGHTS, clip, decode, encode, large_enough, precise
from napari_maskrcnn.network.config import NetworkConfig, SamplingConfig
from napari_maskrcnn.network.losses import box_losses, mask_loss
from napari_maskrcnn.network.matching import match, sample
from napari_maskrcnn.network.roi_align import mask_targets, pool

BOX_BINS = 7
MASK_BINS = 14
MASK_SIZE = 2 * MASK_BINS
SMALLEST_DETECTION = 1e-2


@dataclass(frozen=True)
class Target:
    """What is true of one image, in network pixels.

    Parameters
    ----------
    boxes : (G, 4) float
        x1 y1 x2 y2, half-open.
    classes : (G,) int64
        From 1.
    ids : (G,) int64
        Value of each object in `labels`.
    labels : (H, W) integer
        Label image.
    """

    boxes: Tensor
    classes: Tensor
    ids: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Detections:
    """Objects found in one network input, best score first.

    Parameters
    ----------
    boxes : (N, 4) float32
        Network pixels.
    scores : (N,) float32
    classes : (N,) int64
        From 1.
    masks : (N, 28, 28) float32
        Probability of each cell of the box.
    limited : bool
        Whether more objects passed the threshold than the network may return.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    masks: Tensor
    limited: bool


class BoxHead(nn.Module):
    """Two wide layers on the 7×7 grid."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(in_channels * BOX_BINS**2, channels)
        self.fc7 = nn.Linear(channels, channels)

    def forward(self, grids: Tensor) -> Tensor:
        """Grids (N, C, 7, 7) to features (N, channels)."""
        features: Tensor = self.fc7(self.fc6(grids.flatten(1)).relu()).relu()
        return features


class BoxPredictor(nn.Module):
    """Class logits, background first, and box codes of every class."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(channels, num_classes)
        self.bbox_pred = nn.Linear(channels, num_classes * 4)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, channels) to logits (N, K) and codes (N, 4K), float32."""
        return precise(self.cls_score(features)), precise(self.bbox_pred(features))


class RoIHeads(nn.Module):
    """Second stage: detections, and the losses of proposals."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.box_head = BoxHead(config.fpn_channels, config.box_channels)
        self.box_predictor = BoxPredictor(config.box_channels, config.num_classes)
        self.mask_head = _mask_head(config.fpn_channels, config.mask_channels)
        self.mask_predictor = _mask_predictor(config.mask_channels, config.num_classes)

    def predict_boxes(self, pyramid: list[Tensor], boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Class logits (ΣN, K) and box codes (ΣN, 4K) of boxes (N, 4) of each image."""
        grids = pool(pyramid, boxes, BOX_BINS, self.config)
        logits, codes = self.box_predictor(self.box_head(grids))
        return logits, codes

    def predict_masks(self, pyramid: list[Tensor], boxes: list[Tensor]) -> Tensor:
        """Mask logits (ΣN, K, 28, 28) of boxes (N, 4) of each image, float32."""
        grids = pool(pyramid, boxes, MASK_BINS, self.config)
        return precise(self.mask_predictor(self.mask_head(grids)))

    @torch.no_grad()
    def detect(
        self, pyramid: list[Tensor], proposals: list[Tensor], size: tuple[int, int]
    ) -> list[Detections]:
        """Objects of each image among its proposals (N, 4)."""
        logits, codes = self.predict_boxes(pyramid, proposals)
        counts = [len(p) for p in proposals]
        found = [
            self._classify(*parts, size)
            for parts in zip(
                proposals, logits.softmax(-1).split(counts), codes.split(counts), strict=True
            )
        ]
        masks = self.predict_masks(pyramid, [boxes for boxes, *_ in found])
        classes = torch.cat([c for _, _, c, _ in found])
        own = masks[torch.arange(len(masks), device=masks.device), classes].sigmoid()
        split = own.split([len(boxes) for boxes, *_ in found])
        return [
            Detections(b, s, c, m, limited)
            for (b, s, c, limited), m in zip(found, split, strict=True)
        ]

    def _classify(
        self, proposals: Tensor, scores: Tensor, codes: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor, bool]:
        """Boxes, scores and classes of one image; only pairs above the floor are ever decoded."""
        roi, k = (scores[:, 1:] > self.config.score_floor).nonzero(as_tuple=True)
        classes = k + 1
        own = codes.reshape(len(codes), -1, 4)[roi, classes]
        boxes = clip(decode(own, proposals[roi], BOX_WEIGHTS), size)
        fine = large_enough(boxes, SMALLEST_DETECTION).nonzero()[:, 0]
        boxes, values, classes = boxes[fine], scores[roi, classes][fine], classes[fine]
        keep = batched_nms(boxes, values, classes, self.config.box_nms)
        top = keep[: self.config.max_detections]
        return boxes[top], values[top], classes[top], len(keep) > len(top)

    def losses(
        self,
        pyramid: list[Tensor],
        proposals: list[Tensor],
        targets: list[Target],
        sampling: SamplingConfig,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Class, box and mask loss of a sample of the proposals and the true boxes."""
        samples = [
            self._sample(p, t, sampling, generator) for p, t in zip(proposals, targets, strict=True)
        ]
        logits, codes = self.predict_boxes(pyramid, [s.boxes for s in samples])
        class_loss, box_loss = box_losses(
            logits,
            codes,
            torch.cat([s.classes for s in samples]),
            torch.cat([s.codes for s in samples]),
        )
        positive = [s.boxes[: len(s.ids)] for s in samples]
        truth = [
            mask_targets(t.labels, s.ids, b, MASK_SIZE, self.config.aligned)
            for t, s, b in zip(targets, samples, positive, strict=True)
        ]
        classes = torch.cat([s.classes[: len(s.ids)] for s in samples])
        masks = self.predict_masks(pyramid, positive)
        return class_loss, box_loss, mask_loss(masks, classes, torch.cat(truth))

    @torch.no_grad()
    def _sample(
        self,
        proposals: Tensor,
        target: Target,
        sampling: SamplingConfig,
        generator: torch.Generator | None,
    ) -> _Sample:
        """Choose what to learn from in one image; the true boxes join the proposals."""
        boxes = torch.cat([proposals.to(target.boxes.dtype), target.boxes])
        matched = match(target.boxes, boxes, sampling.roi_iou, sampling.roi_iou, keep_best=False)
        pos, neg = sample(matched, sampling.roi_samples, sampling.roi_positive, generator)
        chosen, objects = boxes[torch.cat([pos, neg])], matched[pos]
        classes = target.classes.new_zeros(len(chosen))
        classes[: len(pos)] = target.classes[objects]
        codes = torch.zeros_like(chosen)
        codes[: len(pos)] = encode(target.boxes[objects], chosen[: len(pos)], BOX_WEIGHTS)
        return _Sample(chosen, classes, codes, target.ids[objects])


@dataclass(frozen=True)
class _Sample:
    """Sampled proposals of one image, those on an object first; `ids` only of these."""

    boxes: Tensor
    classes: Tensor
    codes: Tensor
    ids: Tensor


def _mask_head(in_channels: int, channels: int) -> nn.Sequential:
    """Four 3×3 convolutions on the 14×14 grid."""
    widths = [in_channels, channels, channels, channels, channels]
    layers = [
        Conv2dNormActivation(a, b, kernel_size=3, norm_layer=None) for a, b in pairwise(widths)
    ]
    for layer in layers:
        nn.init.kaiming_normal_(layer[0].weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(layer[0].bias)
    return nn.Sequential(*layers)


def _mask_predictor(channels: int, num_classes: int) -> nn.Sequential:
    """Deconvolution to 28×28 and one mask a class."""
    layers = nn.Sequential(
        OrderedDict(
            conv5_mask=nn.ConvTranspose2d(channels, channels, 2, 2),
            relu=nn.ReLU(inplace=True),
            mask_fcn_logits=nn.Conv2d(channels, num_classes, 1),
        )
    )
    for name, parameter in layers.named_parameters():
        if "weight" in name:
            nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")
    return layers
