"""Who learns what: anchors and proposals are matched to objects, and a balanced few are sampled."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import box_iou

BELOW = -1
BETWEEN = -2
# Pairs (object × box) held at once: a thousand objects against 100,000 anchors in bounded memory.
PAIRS = 4_000_000


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
    value, index = _best_object(objects, boxes)
    matched = index.clone()
    matched[value < low] = BELOW
    matched[(value >= low) & (value < high)] = BETWEEN
    if keep_best:
        for chunk in boxes_of_best(objects, boxes):
            matched[chunk] = index[chunk]
    return matched


def _best_object(objects: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Highest IoU of each box over all objects, and which object that is (the first of equals)."""
    step = max(1, PAIRS // max(1, len(boxes)))
    value = boxes.new_full((len(boxes),), -1.0)
    index = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
    for start in range(0, len(objects), step):
        v, i = box_iou(objects[start : start + step], boxes).max(dim=0)
        better = v > value
        value = torch.where(better, v, value)
        index = torch.where(better, i + start, index)
    return value, index


def boxes_of_best(objects: Tensor, boxes: Tensor) -> list[Tensor]:
    """Boxes (indices) whose IoU with an object equals the most that any box has with it."""
    step = max(1, PAIRS // max(1, len(boxes)))
    found = []
    for start in range(0, len(objects), step):
        iou = box_iou(objects[start : start + step], boxes)
        found.append((iou == iou.amax(dim=1, keepdim=True)).nonzero()[:, 1])
    return found


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
