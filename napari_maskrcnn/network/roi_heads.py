"""Second stage: RoIAlign cuts out every proposal; one head names and refines it, one draws it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from napari_maskrcnn.network.box_head import BOX_BINS, BoxPredictor, box_head
from napari_maskrcnn.network.boxes import BOX_WEIGHTS, clip, decode, large_enough, precise
from napari_maskrcnn.network.config import NetworkConfig, SamplingConfig
from napari_maskrcnn.network.layers import of_class
from napari_maskrcnn.network.limits import Limits
from napari_maskrcnn.network.losses import box_losses, mask_loss
from napari_maskrcnn.network.mask_head import mask_head, mask_predictor
from napari_maskrcnn.network.roi_align import pool
from napari_maskrcnn.network.targets import Target, draw_targets, sample_rois

SMALLEST_DETECTION = 1e-2


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
    masks : (N, M, M) float32
        Probability of each cell of the box; M is ``config.mask_size``.
    complete_above : float
        No object of a higher score was dropped for a limit: 0 when none was hit, infinity when
        proposals were too few.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    masks: Tensor
    complete_above: float


class RoIHeads(nn.Module):
    """The two heads, what they detect, and the losses of proposals."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.box_head = box_head(config)
        self.box_predictor = BoxPredictor(config)
        self.mask_head = mask_head(config)
        self.mask_predictor = mask_predictor(config)

    def predict_boxes(self, pyramid: list[Tensor], boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Class logits (ΣN, K) and box codes (ΣN, K or 1, 4) of boxes (N, 4) of each image."""
        grids = pool(pyramid, boxes, BOX_BINS, self.config)
        logits, codes = self.box_predictor(self.box_head(grids))
        return logits, codes

    def predict_masks(self, pyramid: list[Tensor], boxes: list[Tensor]) -> Tensor:
        """Mask logits (ΣN, K or 1, M, M) of boxes (N, 4) of each image, at least float32."""
        grids = pool(pyramid, boxes, self.config.mask_bins, self.config)
        return precise(self.mask_predictor(self.mask_head(grids)))

    @torch.no_grad()
    def detect(
        self,
        pyramid: list[Tensor],
        proposals: list[Tensor],
        size: tuple[int, int],
        limits: list[Limits],
    ) -> list[Detections]:
        """Objects of each image of `size` (height, width) among its proposals (N, 4)."""
        logits, codes = self.predict_boxes(pyramid, proposals)
        counts = [len(p) for p in proposals]
        scores = logits.softmax(-1).split(counts)
        parts = zip(proposals, scores, codes.split(counts), limits, strict=True)
        found = [choose(*part, size, self.config) for part in parts]
        masks = self.predict_masks(pyramid, [one.boxes for one in found])
        classes = torch.cat([one.classes for one in found])
        own = of_class(masks, torch.arange(len(masks), device=masks.device), classes).sigmoid()
        drawn = own.split([len(one.boxes) for one in found])
        return [
            Detections(one.boxes, one.scores, one.classes, m, one.complete_above)
            for one, m in zip(found, drawn, strict=True)
        ]

    def losses(
        self,
        pyramid: list[Tensor],
        proposals: list[Tensor],
        targets: list[Target],
        sampling: SamplingConfig,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Class, box and mask loss of a sample of the proposals and the true boxes."""
        pairs = zip(proposals, targets, strict=True)
        samples = [sample_rois(p, t, sampling, generator) for p, t in pairs]
        classes = torch.cat([s.classes for s in samples])
        true_codes = torch.cat([s.codes for s in samples])
        logits, codes = self.predict_boxes(pyramid, [s.boxes for s in samples])
        masks = self.predict_masks(pyramid, [s.positive for s in samples])
        class_loss, box_loss = box_losses(logits, codes, classes, true_codes)
        true_masks = draw_targets(targets, samples, self.config)
        return class_loss, box_loss, mask_loss(masks, classes[classes > 0], true_masks)


@dataclass(frozen=True)
class Chosen:
    """Boxes of one image that are detections; as in `Detections`, without their masks."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    complete_above: float


def choose(
    proposals: Tensor,
    scores: Tensor,
    codes: Tensor,
    limits: Limits,
    size: tuple[int, int],
    config: NetworkConfig,
) -> Chosen:
    """Detections of one image; only pairs of box and class above the floor are ever decoded.

    Parameters
    ----------
    proposals : (N, 4)
        Network pixels.
    scores : (N, K)
        Probability of each class, background first.
    codes : (N, K or 1, 4)
        Box codes of each class, or of all at once.
    limits : Limits
    size : (int, int)
        Height and width of the image.
    config : NetworkConfig
        Uses ``score_floor`` and ``box_nms``.
    """
    roi, k = (scores[:, 1:] > config.score_floor).nonzero(as_tuple=True)
    classes = k + 1
    boxes = clip(decode(of_class(codes, roi, classes), proposals[roi], BOX_WEIGHTS), size)
    fine = large_enough(boxes, SMALLEST_DETECTION).nonzero()[:, 0]
    boxes, values, classes = boxes[fine], scores[roi, classes][fine], classes[fine]
    keep = batched_nms(boxes, values, classes, config.box_nms)
    top = keep[: limits.detections]
    complete_above = float("inf") if limits.short else 0.0
    if len(keep) > len(top):
        complete_above = max(complete_above, float(values[top[-1]]))
    return Chosen(boxes[top], values[top], classes[top], complete_above)
