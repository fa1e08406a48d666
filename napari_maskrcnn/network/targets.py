"""What is true of an image, and the proposals that the second stage learns from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_maskrcnn.network.boxes import BOX_WEIGHTS, encode, large_enough
from napari_maskrcnn.network.config import NetworkConfig, SamplingConfig
from napari_maskrcnn.network.ignoring import known_cells, leave_out
from napari_maskrcnn.network.mask_targets import mask_targets
from napari_maskrcnn.network.matching import match, sample

SMALLEST_SIDE = 1e-3


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
    ignored : (H, W) bool, optional
        True where nothing is known, so that nothing is learnt there; None: all is known.
    """

    boxes: Tensor
    classes: Tensor
    ids: Tensor
    labels: Tensor
    ignored: Tensor | None = None


@dataclass(frozen=True)
class RoISample:
    """Sampled proposals of one image, those on an object first.

    Parameters
    ----------
    boxes : (S, 4) float
    classes : (S,) int64
        True class; 0 for background.
    codes : (S, 4) float
        True box codes; 0 for background.
    ids : (P,) int64
        Label value of the objects of the first P boxes, which are the positive ones.
    """

    boxes: Tensor
    classes: Tensor
    codes: Tensor
    ids: Tensor

    @property
    def positive(self) -> Tensor:
        """Boxes (P, 4) that lie on an object."""
        return self.boxes[: len(self.ids)]


@torch.no_grad()
def sample_rois(
    proposals: Tensor,
    target: Target,
    sampling: SamplingConfig,
    generator: torch.Generator | None,
) -> RoISample:
    """Choose what to learn from among proposals (N, 4) of one image; the true boxes join them.

    True boxes without area teach nothing: neither their overlap nor their codes are numbers.
    """
    real = target.boxes[large_enough(target.boxes, SMALLEST_SIDE)]
    boxes = torch.cat([proposals.to(target.boxes.dtype), real])
    matched = match(target.boxes, boxes, sampling.roi_iou, sampling.roi_iou, keep_best=False)
    matched = leave_out(matched, boxes, target.ignored)
    positive, negative = sample(matched, sampling.roi_samples, sampling.roi_positive, generator)
    chosen, objects = boxes[torch.cat([positive, negative])], matched[positive]
    classes = target.classes.new_zeros(len(chosen))
    classes[: len(objects)] = target.classes[objects]
    codes = torch.zeros_like(chosen)
    codes[: len(objects)] = encode(target.boxes[objects], chosen[: len(objects)], BOX_WEIGHTS)
    return RoISample(chosen, classes, codes, target.ids[objects])


def draw_targets(targets: list[Target], samples: list[RoISample], config: NetworkConfig) -> Tensor:
    """Share (ΣP, M, M) of each cell of the sampled positive boxes that their object covers."""
    return torch.cat(
        [
            mask_targets(t.labels, s.ids, s.positive, config.mask_size, config.aligned)
            for t, s in zip(targets, samples, strict=True)
        ]
    )


def draw_weights(
    targets: list[Target], samples: list[RoISample], config: NetworkConfig
) -> Tensor | None:
    """Share (ΣP, M, M) of each cell of these boxes that is known; None when all of them are."""
    if all(target.ignored is None for target in targets):
        return None
    return torch.cat(
        [
            known_cells(t.ignored, s.positive, config.mask_size, config.aligned)
            for t, s in zip(targets, samples, strict=True)
        ]
    )
