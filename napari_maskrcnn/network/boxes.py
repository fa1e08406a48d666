"""Box arithmetic: coding against a reference, clipping, filtering.

Coding is that of R-CNN (Girshick et al., CVPR 2014): shift of the centre in units of the
reference's size, and the log of the ratio of sizes, each divided by a fixed standard deviation.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

RPN_WEIGHTS = (1.0, 1.0, 1.0, 1.0)
BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
# No step may grow a box more than from 16 px to 1000 px: exp() of a wild output stays finite.
MAX_LOG_RATIO = math.log(1000.0 / 16)


def encode(boxes: Tensor, references: Tensor, weights: tuple[float, ...]) -> Tensor:
    """Code boxes (N, 4) against references (N, 4), both x1 y1 x2 y2, as (N, 4) dx dy dw dh."""
    size = references[:, 2:] - references[:, :2]
    centre = references[:, :2] + 0.5 * size
    box_size = boxes[:, 2:] - boxes[:, :2]
    shift = (boxes[:, :2] + 0.5 * box_size - centre) / size
    return torch.cat([shift, torch.log(box_size / size)], dim=1) * shift.new_tensor(weights)


def decode(codes: Tensor, references: Tensor, weights: tuple[float, ...]) -> Tensor:
    """Boxes (N, 4) of codes (N, 4) against references (N, 4); the inverse of `encode`."""
    size = references[:, 2:] - references[:, :2]
    centre = references[:, :2] + 0.5 * size
    codes = codes / codes.new_tensor(weights)
    new_centre = codes[:, :2] * size + centre
    half = 0.5 * torch.exp(codes[:, 2:].clamp(max=MAX_LOG_RATIO)) * size
    return torch.cat([new_centre - half, new_centre + half], dim=1)


def clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (…, 4) cut to an image of `size` (height, width)."""
    height, width = size
    x = boxes[..., 0::2].clamp(0, width)
    y = boxes[..., 1::2].clamp(0, height)
    return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], dim=-1)


def large_enough(boxes: Tensor, side: float) -> Tensor:
    """Which of boxes (N, 4) are at least `side` pixels in both directions: (N,) bool."""
    return ((boxes[:, 2:] - boxes[:, :2]) >= side).all(dim=1)


def precise(x: Tensor) -> Tensor:
    """At least float32: bfloat16 coordinates step by 2 px at 500."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
