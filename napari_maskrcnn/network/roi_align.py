"""RoIAlign: a fixed grid of features for every box, from the level that fits its size.

He et al., Mask R-CNN, ICCV 2017, section 3; the level rule is equation 1 of the FPN paper.

Averaged bilinear sampling on a grid is separable: pooling one map over one box is
``Wy · map · Wxᵀ`` with small matrices of hat functions. Mask targets are made that way, from the
label image alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import roi_align

from napari_maskrcnn.network.config import NetworkConfig

# P4 is the level of a box of canonical size; P2 is the finest.
CANONICAL_LEVEL = 4
FINEST_LEVEL = 2
FINEST_STRIDE = 4


def level_of(boxes: Tensor, config: NetworkConfig) -> Tensor:
    """Pyramid level of each box (N, 4): (N,) int64, 0 for P2."""
    sides = boxes[:, 2:] - boxes[:, :2]
    size = torch.sqrt(sides[:, 0] * sides[:, 1])
    level = torch.floor(CANONICAL_LEVEL + torch.log2(size / config.canonical_size) + 1e-6)
    # log2 of an empty box is -inf, and so P2.
    return level.clamp(FINEST_LEVEL, config.last_stage).to(torch.int64) - FINEST_LEVEL


def pool(pyramid: list[Tensor], boxes: list[Tensor], bins: int, config: NetworkConfig) -> Tensor:
    """Features (ΣN, C, bins, bins) of the boxes (N, 4) of each image, in their order, ≥ float32.

    Parameters
    ----------
    pyramid : list of (B, C, h, w)
        Levels, finest first; the pooled last one (P6) is only for the RPN and not read.
    boxes : list of (N, 4)
        One tensor an image, network pixels.
    bins : int
        Side of the grid.
    config : NetworkConfig
        Uses ``last_stage``, ``canonical_size``, ``aligned`` and ``sampling_ratio``.
    """
    image = torch.cat([b.new_full((len(b), 1), i) for i, b in enumerate(boxes)])
    rois = torch.cat([image, torch.cat(boxes)], dim=1)
    levels = level_of(rois[:, 1:], config)
    # Coordinates need float32 everywhere, and so do the operators on the CPU.
    dtype = torch.promote_types(pyramid[0].dtype, rois.dtype)
    maps = [feature.to(dtype) for feature in pyramid[:-1]]
    rois = rois.to(dtype)
    if rois.device.type == "cpu" and maps[0].requires_grad and config.sampling_ratio > 0:
        return _pool_rows(maps, rois, levels, bins, config)
    return _pool_levels(maps, rois, levels, bins, config)


def _pool_levels(
    maps: list[Tensor], rois: Tensor, levels: Tensor, bins: int, config: NetworkConfig
) -> Tensor:
    """Pool RoIs (N, 5) level by level with torchvision's operator."""
    chosen = [(levels == k).nonzero()[:, 0] for k in range(len(maps))]
    ratio, aligned = config.sampling_ratio, config.aligned
    grids = [
        roi_align(feature, rois[here], bins, 1 / (FINEST_STRIDE * 2**k), ratio, aligned)
        for k, (feature, here) in enumerate(zip(maps, chosen, strict=True))
    ]
    return torch.cat(grids)[torch.cat(chosen).argsort()]


def _pool_rows(
    maps: list[Tensor], rois: Tensor, levels: Tensor, bins: int, config: NetworkConfig
) -> Tensor:
    """Pool all RoIs (N, 5) of all levels at once, as weighted sums of channels-last rows.

    The same numbers as `_pool_levels` to rounding. torchvision's backward adds one value at a time
    on one thread; on the CPU this takes 0.4 of its time.
    """
    sizes = [(int(m.shape[-2]), int(m.shape[-1])) for m in maps]
    cells = torch.tensor([len(m) * h * w for m, (h, w) in zip(maps, sizes, strict=True)])
    heights, widths = torch.tensor(sizes).T
    table = torch.cat([m.permute(0, 2, 3, 1).flatten(0, 2) for m in maps])
    scale = 1 / (FINEST_STRIDE * 2 ** levels.to(rois.dtype))[:, None]
    height, width = heights[levels], widths[levels]
    y, wy = _samples(rois[:, 2, None] * scale, rois[:, 4, None] * scale, bins, height, config)
    x, wx = _samples(rois[:, 1, None] * scale, rois[:, 3, None] * scale, bins, width, config)
    first = (cells.cumsum(0) - cells)[levels] + rois[:, 0].long() * height * width
    rows = first[:, None, None] + y * width[:, None, None]
    index = rows[:, :, None, :, None] + x[:, None, :, None, :]
    weight = wy[:, :, None, :, None] * wx[:, None, :, None, :]
    points = (2 * config.sampling_ratio) ** 2
    grids = functional.embedding_bag(
        index.reshape(-1, points),
        table,
        per_sample_weights=weight.reshape(-1, points),
        mode="sum",
    )
    return grids.reshape(len(rois), bins, bins, table.shape[1]).permute(0, 3, 1, 2)


def _samples(
    start: Tensor, stop: Tensor, bins: int, length: Tensor, config: NetworkConfig
) -> tuple[Tensor, Tensor]:
    """Cells that each bin reads along one axis, and their weights, both (N, bins, 2 · samples).

    `start` and `stop` are (N, 1) in cells of the RoI's level, which has `length` (N,) of them.
    """
    samples = config.sampling_ratio
    if config.aligned:
        start, extent = start - 0.5, stop - start
    else:
        extent = (stop - start).clamp(min=1)
    steps = torch.arange(bins * samples, dtype=start.dtype)
    points = start + (steps + 0.5) * (extent / (bins * samples))
    end = length[:, None]
    inside = (points >= -1) & (points <= end)
    points = torch.minimum(points.clamp(min=0), end - 1)
    low = points.long()
    high = torch.minimum(low + 1, end - 1)
    part = points - low
    cells = torch.stack([low, high], dim=-1)
    weights = torch.stack([1 - part, part], dim=-1) * (inside / samples)[..., None]
    shape = (len(cells), bins, 2 * samples)
    return cells.reshape(shape), weights.reshape(shape)


def mask_targets(labels: Tensor, ids: Tensor, boxes: Tensor, bins: int, aligned: bool) -> Tensor:
    """Share of every cell of a grid over each box that its object covers.

    The numbers of RoIAlign (adaptive sampling) on the one-hot mask ``labels == id``, without ever
    making it: only the box's pixels are compared.

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
    # Matrix products here are shares of pixels; autocast would round them.
    with torch.autocast(boxes.device.type, enabled=False):
        _fill_targets(targets, labels, ids, boxes, bins, aligned)
    return targets


def _fill_targets(
    targets: Tensor, labels: Tensor, ids: Tensor, boxes: Tensor, bins: int, aligned: bool
) -> None:
    for k, (i, box) in enumerate(zip(ids.tolist(), boxes.tolist(), strict=True)):
        x0, wx = _bin_weights(box[0], box[2], bins, labels.shape[1], aligned, targets)
        y0, wy = _bin_weights(box[1], box[3], bins, labels.shape[0], aligned, targets)
        crop = labels[y0 : y0 + wy.shape[1], x0 : x0 + wx.shape[1]] == i
        targets[k] = wy @ crop.to(targets.dtype) @ wx.T


def _bin_weights(
    start: float, stop: float, bins: int, length: int, aligned: bool, like: Tensor
) -> tuple[int, Tensor]:
    """First pixel that a box touches along one axis, and the weight (bins, n) of n pixels from it.

    Sample points outside −1…length weigh nothing and those at the rim are moved onto it, as in the
    operator.
    """
    if aligned:
        start, extent = start - 0.5, stop - start
    else:
        extent = max(stop - start, 1.0)
    grid = max(1, math.ceil(extent / bins))
    steps = torch.arange(bins * grid, dtype=like.dtype, device=like.device)
    points = start + (steps + 0.5) * (extent / (bins * grid))
    inside = (points >= -1) & (points <= length)
    points = points.clamp(0, length - 1)
    first, last = int(points[0]), min(length - 1, int(points[-1]) + 1)
    pixels = torch.arange(first, last + 1, dtype=like.dtype, device=like.device)
    weights = (1 - (points[:, None] - pixels).abs()).clamp(min=0) * inside[:, None]
    return first, weights.reshape(bins, grid, -1).mean(dim=1)
