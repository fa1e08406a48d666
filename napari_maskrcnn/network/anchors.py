"""Anchors: the reference boxes at every cell of every pyramid level."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from napari_maskrcnn.network.config import NetworkConfig


def cell_anchors(size: int, ratios: tuple[float, ...], rounded: bool) -> Tensor:
    """Anchors (A, 4) of one cell around (0, 0), x1 y1 x2 y2, area ``size²``, h/w each of `ratios`.

    `rounded` keeps whole pixels, as torchvision makes them.
    """
    h_over_w = torch.tensor(ratios, dtype=torch.float32).sqrt()
    w, h = size / h_over_w, size * h_over_w
    boxes = torch.stack([-w, -h, w, h], dim=1) / 2
    return boxes.round() if rounded else boxes


@lru_cache(maxsize=32)
def pyramid_anchors(
    config: NetworkConfig,
    image_size: tuple[int, int],
    grids: tuple[tuple[int, int], ...],
    device: torch.device,
) -> tuple[Tensor, ...]:
    """Anchors of each level, (h·w·A, 4) float32 in network pixels, rows before columns.

    Parameters
    ----------
    config : NetworkConfig
        Uses ``anchor_sizes``, ``anchor_ratios`` and ``round_anchors``.
    image_size : (int, int)
        Height and width of the padded input.
    grids : tuple of (int, int)
        Height and width of each level's map.
    device : torch.device
        Where they are needed. Kept, since tiles of one size follow each other.
    """
    levels = []
    for size, (rows, columns) in zip(config.anchor_sizes, grids, strict=True):
        base = cell_anchors(size, config.anchor_ratios, config.round_anchors)
        y = torch.arange(rows, dtype=torch.float32) * (image_size[0] // rows)
        x = torch.arange(columns, dtype=torch.float32) * (image_size[1] // columns)
        yy, xx = torch.meshgrid(y, x, indexing="ij")
        shifts = torch.stack([xx, yy, xx, yy], dim=-1).reshape(-1, 1, 4)
        levels.append((shifts + base).reshape(-1, 4).to(device))
    return tuple(levels)
