"""The five losses of Mask R-CNN (He et al., ICCV 2017, section 3), as one value."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_maskrcnn.network.layers import of_class

# Where the smooth L1 loss turns from square to straight (torchvision, and Fast R-CNN's sigma = 3).
BETA = 1 / 9


@dataclass(frozen=True)
class Losses:
    """Losses of one batch, scalars with gradient."""

    rpn_class: Tensor
    rpn_box: Tensor
    class_: Tensor
    box: Tensor
    mask: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum, which training minimises."""
        return self.rpn_class + self.rpn_box + self.class_ + self.box + self.mask

    def to_dict(self) -> dict[str, float]:
        """Plain numbers for curves and logs, ``class_`` under the name ``class``."""
        names = [field.name for field in fields(self)]
        values = torch.stack([getattr(self, name).detach() for name in names]).tolist()
        return {name.rstrip("_"): value for name, value in zip(names, values, strict=True)}


def rpn_losses(
    logits: Tensor, codes: Tensor, target_codes: Tensor, positive: int
) -> tuple[Tensor, Tensor]:
    """Objectness and box loss of sampled anchors, the `positive` ones first.

    Parameters
    ----------
    logits : (S,)
        Objectness of every sampled anchor.
    codes, target_codes : (P, 4)
        Predicted and true box codes of the positive ones.
    positive : int
        How many are positive.

    Returns
    -------
    (Tensor, Tensor)
        Two scalars; the box loss is divided by all S anchors.
    """
    if len(logits) == 0:
        # All of the image is unknown: the mean of no anchors would not be a number.
        return logits.sum() * 0, codes.sum() * 0
    target = torch.zeros_like(logits)
    target[:positive] = 1
    objectness = F.binary_cross_entropy_with_logits(logits, target)
    box = F.smooth_l1_loss(codes, target_codes, beta=BETA, reduction="sum")
    return objectness, box / len(logits)


def box_losses(
    logits: Tensor, codes: Tensor, classes: Tensor, target_codes: Tensor
) -> tuple[Tensor, Tensor]:
    """Class and box loss of sampled proposals.

    Parameters
    ----------
    logits : (S, K)
        Class logits, background first.
    codes : (S, K or 1, 4)
        Box codes of every class, or of all at once.
    classes : (S,) int64
        True class, 0 for background.
    target_codes : (S, 4)
        True codes; only rows with a class count.
    """
    if len(logits) == 0:
        return logits.sum() * 0, codes.sum() * 0
    classification = F.cross_entropy(logits, classes)
    positive = (classes > 0).nonzero()[:, 0]
    own = of_class(codes, positive, classes[positive])
    box = F.smooth_l1_loss(own, target_codes[positive], beta=BETA, reduction="sum")
    return classification, box / len(classes)


def mask_loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of each positive proposal's mask.

    Parameters
    ----------
    logits : (P, M, M)
        Mask logits of the true class.
    targets : (P, M, M) float
        Share of each cell that the object covers.
    weights : (P, M, M) float, optional
        How much each cell counts in the mean, 0…1; None: all the same.
    """
    if len(logits) == 0:
        return logits.sum() * 0
    if weights is None:
        return F.binary_cross_entropy_with_logits(logits, targets)
    total = F.binary_cross_entropy_with_logits(logits, targets, weights, reduction="sum")
    return total / weights.sum().clamp(min=1)
