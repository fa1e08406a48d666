"""Where nothing is known of an image, nothing is learnt: neither object nor background.

A person who corrects a part of an image says nothing of the rest. Anchors and proposals that lie in
unknown area for half of their own area or more are left out of both samplers, and the mask loss
counts a cell by the share of it that is known.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_maskrcnn.network.mask_targets import mask_targets
from napari_maskrcnn.network.matching import BETWEEN

MOST_UNKNOWN = 0.5
# Apple's GPUs have no float64, which sums over a whole image need.
WITHOUT_FLOAT64 = ("mps",)


def leave_out(matched: Tensor, boxes: Tensor, ignored: Tensor | None) -> Tensor:
    """Leave boxes in unknown area out of training.

    Parameters
    ----------
    matched : (N,) int64
        What `match` says of each box.
    boxes : (N, 4) float
        Anchors or proposals, network pixels.
    ignored : (H, W) bool, optional
        True where nothing is known; None: all is known.

    Returns
    -------
    (N,) int64
        `matched`, with `BETWEEN` for boxes that lie half or more in unknown area.
    """
    if ignored is None:
        return matched
    unknown = ignored_share(boxes, ignored) >= MOST_UNKNOWN
    return matched.masked_fill(unknown, BETWEEN)


def ignored_share(boxes: Tensor, ignored: Tensor) -> Tensor:
    """Share of the area of boxes (N, 4) that lies in the unknown area (H, W) bool: (N,) float.

    What lies outside the image is not unknown: there is nothing to find. Exact for boxes between
    pixels too, since the sum over a pixel image up to a point is bilinear between its pixels.
    """
    if boxes.device.type in WITHOUT_FLOAT64:
        share = _share(boxes.cpu(), ignored.cpu())
        return share.to(boxes.dtype).to(boxes.device)
    return _share(boxes, ignored)


def known_cells(ignored: Tensor | None, boxes: Tensor, bins: int, aligned: bool) -> Tensor:
    """Share (P, bins, bins) of each cell of a grid over boxes (P, 4) that is known."""
    if ignored is None:
        return boxes.new_ones((len(boxes), bins, bins))
    one = torch.ones(len(boxes), dtype=torch.uint8, device=boxes.device)
    return 1 - mask_targets(ignored.to(torch.uint8), one, boxes, bins, aligned)


def _share(boxes: Tensor, ignored: Tensor) -> Tensor:
    sums = F.pad(ignored.to(torch.float64).cumsum(0).cumsum(1), (1, 0, 1, 0))
    height, width = ignored.shape
    x = boxes[:, 0::2].to(torch.float64).clamp(0, width)
    y = boxes[:, 1::2].to(torch.float64).clamp(0, height)
    # (N, 2, 2): the sums up to every corner, rows by y.
    corners = _between(sums, y[:, :, None], x[:, None, :])
    inside = corners[:, 1, 1] - corners[:, 0, 1] - corners[:, 1, 0] + corners[:, 0, 0]
    area = (boxes[:, 2:] - boxes[:, :2]).to(torch.float64).prod(dim=1)
    return inside / area.clamp(min=torch.finfo(torch.float64).tiny)


def _between(sums: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Values of `sums` at points between its own, broadcast over `y` and `x`."""
    top = y.floor().clamp(max=sums.shape[0] - 2).long()
    left = x.floor().clamp(max=sums.shape[1] - 2).long()
    down, right = y - top, x - left
    upper = torch.lerp(sums[top, left], sums[top, left + 1], right)
    lower = torch.lerp(sums[top + 1, left], sums[top + 1, left + 1], right)
    return torch.lerp(upper, lower, down)
