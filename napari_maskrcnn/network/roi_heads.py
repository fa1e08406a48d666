"""Second stage: RoIAlign cuts out every proposal; one head names and refines it, one draws it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from napari_maskrcnn.network.box_head import BOX_BINS, BoxPredictor, box_head
from napari_maskrcnn.network.boxes import BOX_WEIGHTS, clip, decode, large_enough
from napari_maskrcnn.network.config import NetworkConfig, SamplingConfig
from napari_maskrcnn.network.layers import of_class
from napari_maskrcnn.network.limits import Limits
from napari_maskrcnn.network.losses import box_losses, mask_loss
from napari_maskrcnn.network.mask_head import MaskPredictor, mask_head
from napari_maskrcnn.network.roi_align import Features, rois_of
from napari_maskrcnn.network.targets import Target, draw_targets, draw_weights, sample_rois

SMALLEST_DETECTION = 1e-2
# A map of the heads at most; on a CPU such that it stays in the cache and memory is reused, which
# glibc does up to 32 MB: fresh pages cost as much as the arithmetic.
PART_BYTES = {"cpu": 24 * 2**20, "cuda": 2**30, "mps": 2**28}


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
        self.mask_predictor = MaskPredictor(config)

    def predict_boxes(self, features: Features, rois: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (N, K) and box codes (N, K or 1, 4) of RoIs (N, 5)."""
        logits, codes = self.box_predictor(self.box_head(features.pool(rois, BOX_BINS)))
        return logits, codes

    def predict_masks(self, features: Features, rois: Tensor, classes: Tensor) -> Tensor:
        """Mask logits (N, M, M), at least float32, of RoIs (N, 5) as objects of classes (N,)."""
        grids = self.mask_head(features.pool(rois, self.config.mask_bins))
        masks: Tensor = self.mask_predictor(grids, classes)
        return masks

    @torch.no_grad()
    def detect(
        self,
        pyramid: list[Tensor],
        proposals: list[Tensor],
        size: tuple[int, int],
        limits: list[Limits],
    ) -> list[Detections]:
        """Objects of each image of `size` (height, width) among its proposals (N, 4)."""
        features = Features(pyramid, self.config)
        found = self.find(features, proposals, size, limits, self.config)
        rois = rois_of([one.boxes for one in found])
        masks = self.draw(features, rois, torch.cat([one.classes for one in found]))
        drawn = masks.split([len(one.boxes) for one in found])
        return [
            Detections(one.boxes, one.scores, one.classes, m, one.complete_above)
            for one, m in zip(found, drawn, strict=True)
        ]

    def find(
        self,
        features: Features,
        proposals: list[Tensor],
        size: tuple[int, int],
        limits: list[Limits],
        config: NetworkConfig,
    ) -> list[Chosen]:
        """Boxes of each image that `config` has count as detections, without their masks."""
        logits, codes = self._score(features, rois_of(proposals))
        counts = [len(p) for p in proposals]
        scores = logits.softmax(-1).split(counts)
        parts = zip(proposals, scores, codes.split(counts), limits, strict=True)
        return [choose(*part, size, config) for part in parts]

    def _score(self, features: Features, rois: Tensor) -> tuple[Tensor, Tensor]:
        """As `predict_boxes`, a bounded number of RoIs at a time."""
        few = _at_a_time(features, BOX_BINS**2)
        parts = [self.predict_boxes(features, some) for some in rois.split(few)]
        logits, codes = zip(*parts, strict=True)
        return torch.cat(logits), torch.cat(codes)

    def draw(self, features: Features, rois: Tensor, classes: Tensor) -> Tensor:
        """Masks (N, M, M), probabilities, of RoIs (N, 5), a bounded number at a time."""
        few = _at_a_time(features, self.config.mask_size**2)
        parts = zip(rois.split(few), classes.split(few), strict=True)
        return torch.cat([self.predict_masks(features, *some).sigmoid() for some in parts])

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
        features = Features(pyramid, self.config)
        logits, codes = self.predict_boxes(features, rois_of([s.boxes for s in samples]))
        positive = rois_of([s.positive for s in samples])
        masks = self.predict_masks(features, positive, classes[classes > 0])
        class_loss, box_loss = box_losses(logits, codes, classes, true_codes)
        true_masks = draw_targets(targets, samples, self.config)
        known = draw_weights(targets, samples, self.config)
        return class_loss, box_loss, mask_loss(masks, true_masks, known)


def _at_a_time(features: Features, cells: int) -> int:
    """RoIs whose maps of so many cells take `PART_BYTES`."""
    channels = features.maps[0].shape[1]
    return max(
        1, PART_BYTES[features.maps[0].device.type] // (cells * channels * features.dtype.itemsize)
    )


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
