"""Mask targets: what share of every cell of a box's grid its object covers.

The numbers of RoIAlign (adaptive sampling) on the one-hot mask ``labels == id``, without ever
making it: averaged bilinear sampling on a grid is separable, so a target is ``Wy · crop · Wxᵀ``
with small matrices of hat functions, and only the box's own pixels are compared. Boxes of about one
size are drawn together.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

# Boxes are drawn together with others of their size, in pixels up to this and then its doubles.
SMALLEST = 32


def mask_targets(labels: Tensor, ids: Tensor, boxes: Tensor, bins: int, aligned: bool) -> Tensor:
    """Share of every cell of a grid over each box that its object covers.

    Parameters
    ----------
    labels : (H, W) integer
        Label image at network scale.
    ids : (P,)
        Label value of each box's object.
    boxes : (P, 4) float
        Boxes, network pixels.
    bins : int
        Side of the grid.
    aligned : bool
        Pixel centres at half-integers.

    Returns
    -------
    (P, bins, bins) float
    """
    targets = boxes.new_zeros((len(boxes), bins, bins))
    sides = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1)
    doubled = (sides / SMALLEST).clamp(min=1).log2().ceil()
    # Matrix products here are shares of pixels; autocast would round them.
    with _no_autocast(boxes.device.type):
        for size in doubled.unique():
            here = (doubled == size).nonzero()[:, 0]
            targets[here] = _shares(labels, ids[here], boxes[here], bins, aligned)
    return targets


def _no_autocast(kind: str) -> AbstractContextManager[object]:
    """Context without autocast; older versions of torch refuse to switch it off on Apple's GPUs."""
    there = torch.amp.is_autocast_available(kind)
    return torch.autocast(kind, enabled=False) if there else nullcontext()


def _shares(labels: Tensor, ids: Tensor, boxes: Tensor, bins: int, aligned: bool) -> Tensor:
    """As `mask_targets`, for boxes of about one size."""
    height, width = labels.shape
    y, down = _axis(boxes[:, 1], boxes[:, 3], bins, height, aligned)
    x, across = _axis(boxes[:, 0], boxes[:, 2], bins, width, aligned)
    crops = labels[y[:, :, None], x[:, None, :]] == ids[:, None, None]
    return down @ crops.to(down.dtype) @ across.mT


def _axis(
    start: Tensor, stop: Tensor, bins: int, length: int, aligned: bool
) -> tuple[Tensor, Tensor]:
    """Pixels (P, n) that boxes touch along one axis, and the weights (P, bins, n) of each bin.

    Sample points outside −1…length weigh nothing and those at the rim are moved onto it, as in the
    operator.
    """
    if aligned:
        start, extent = start - 0.5, stop - start
    else:
        extent = (stop - start).clamp(min=1)
    grid = (extent / bins).ceil().clamp(min=1)
    step = (extent / (bins * grid))[:, None]
    first = start.floor().clamp(0, length - 1).long()
    pixels = first[:, None] + torch.arange(int(extent.max()) + 3, device=start.device)
    weights = start.new_zeros(len(start), bins, pixels.shape[1])
    cells = torch.arange(bins, device=start.device, dtype=start.dtype)
    for k in range(int(grid.max())):
        point = start[:, None] + (cells * grid[:, None] + k + 0.5) * step
        counts = (point >= -1) & (point <= length) & (k < grid[:, None])
        point = point.clamp(0, length - 1)
        hats = (1 - (point[:, :, None] - pixels[:, None]).abs()).clamp_(min=0)
        weights += hats.mul_(counts[:, :, None])
    return pixels.clamp(max=length - 1), weights / grid[:, None, None]
