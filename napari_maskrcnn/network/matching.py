"""Who learns what: anchors and proposals are matched to objects, and a balanced few are sampled."""

from __future__ import annotations

import torch
from torch import Tensor

BELOW = -1
BETWEEN = -2
# Pairs (object × box) held at once: a thousand objects against 100,000 anchors in bounded memory.
PAIRS = 1_000_000


def match(objects: Tensor, boxes: Tensor, low: float, high: float, *, keep_best: bool) -> Tensor:
    """Index of the object of each box.

    Parameters
    ----------
    objects : (G, 4)
        True boxes.
    boxes : (N, 4)
        Anchors or proposals.
    low, high : float
        IoU below which a box is background, and from which it is the object's.
    keep_best : bool
        Also use the boxes that overlap an object most, however little (the RPN's rule). Each goes
        to the object that it overlaps most itself.

    Returns
    -------
    (N,) int64
        Object index, `BELOW` (background) or `BETWEEN` (neither: left out of training).
    """
    if len(objects) == 0:
        return torch.full((len(boxes),), BELOW, device=boxes.device)
    value = boxes.new_full((len(boxes),), -1.0)
    index = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
    best: list[Tensor] = []
    step = max(1, PAIRS // max(1, len(boxes)))
    for start in range(0, len(objects), step):
        iou = pairwise_iou(objects[start : start + step], boxes)
        # The first of equals, as torch's maximum takes it and the comparison keeps it.
        largest, which = iou.max(dim=0)
        better = largest > value
        value = torch.where(better, largest, value)
        index = torch.where(better, which + start, index)
        if keep_best:
            # An object that no box overlaps, as one without area, has no best one.
            most = iou.amax(dim=1, keepdim=True).clamp_(min=torch.finfo(iou.dtype).tiny)
            best.append((iou == most).nonzero()[:, 1])
    matched = index.clone()
    matched[value < low] = BELOW
    matched[(value >= low) & (value < high)] = BETWEEN
    for chosen in best:
        matched[chosen] = index[chosen]
    return matched


def pairwise_iou(objects: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union of each of boxes (G, 4) with each of boxes (N, 4): (G, N).

    torchvision's `box_iou` to the last bit, from whole rows of one coordinate and in place.
    """
    left, top, right, bottom = objects[:, :, None].unbind(1)
    x1, y1, x2, y2 = boxes.T.contiguous()
    width = torch.minimum(right, x2).sub_(torch.maximum(left, x1)).clamp_(min=0)
    height = torch.minimum(bottom, y2).sub_(torch.maximum(top, y1)).clamp_(min=0)
    shared = width.mul_(height)
    area = (right - left) * (bottom - top)
    return shared / ((x2 - x1) * (y2 - y1) + area).sub_(shared)


def sample(
    matched: Tensor, count: int, positive_fraction: float, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Indices of a random `count` of boxes, at most `positive_fraction` of them with an object.

    `generator` (on the CPU) draws; None takes the first ones in order, which parity tests need.
    """
    positive = (matched >= 0).nonzero()[:, 0]
    negative = (matched == BELOW).nonzero()[:, 0]
    n_positive = min(len(positive), int(count * positive_fraction))
    n_negative = min(len(negative), count - n_positive)
    return _some(positive, n_positive, generator), _some(negative, n_negative, generator)


def _some(indices: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    if generator is None or len(indices) <= count:
        return indices[:count]
    order = torch.randperm(len(indices), generator=generator)[:count]
    return indices[order.to(indices.device)]
