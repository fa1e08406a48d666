"""RoIAlign: a fixed grid of features for every box, from the level that fits its size.

He et al., Mask R-CNN, ICCV 2017, section 3; the level rule is equation 1 of the FPN paper.
"""

from __future__ import annotations

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


def rois_of(boxes: list[Tensor]) -> Tensor:
    """RoIs (ΣN, 5) of boxes (N, 4) of each image: the image's number in the batch, then the box."""
    image = torch.cat([b.new_full((len(b), 1), i) for i, b in enumerate(boxes)])
    return torch.cat([image, torch.cat(boxes)], dim=1)


class Features:
    """A pyramid as RoIAlign reads it, made once for all boxes.

    Parameters
    ----------
    pyramid : list of (B, C, h, w)
        Levels, finest first; the pooled last one (P6) is only for the RPN and not read.
    config : NetworkConfig
        Uses ``last_stage``, ``canonical_size``, ``aligned`` and ``sampling_ratio``.
    """

    def __init__(self, pyramid: list[Tensor], config: NetworkConfig) -> None:
        self.config = config
        self.dtype = pyramid[0].dtype
        self.by_rows = pyramid[0].device.type == "cpu"
        if pyramid[0].requires_grad:
            # Gradients add up over many boxes.
            self.dtype = torch.promote_types(self.dtype, torch.float32)
        # torchvision's operator knows no bfloat16.
        least = self.dtype if self.by_rows else torch.promote_types(self.dtype, torch.float32)
        maps = [level.to(least) for level in pyramid[:-1]]
        self.sizes = torch.tensor([[len(m), m.shape[-2], m.shape[-1]] for m in maps])
        self.maps = maps
        if self.by_rows:
            self.table = torch.cat([m.permute(0, 2, 3, 1).flatten(0, 2) for m in maps])

    def pool(self, rois: Tensor, bins: int) -> Tensor:
        """Features (N, C, bins, bins) of RoIs (N, 5), network pixels, in their order."""
        levels = level_of(rois[:, 1:], self.config)
        if not self.by_rows:
            return self._pool_levels(rois.to(self.maps[0].dtype), levels, bins).to(self.dtype)
        if ratio := self.config.sampling_ratio:
            rows = self._pool_rows(rois, levels, bins, (ratio, ratio))
        else:
            rows = self._pool_adaptive(rois, levels, bins)
        return rows.unflatten(1, (bins, bins, self.table.shape[1])).permute(0, 3, 1, 2)

    def _pool_levels(self, rois: Tensor, levels: Tensor, bins: int) -> Tensor:
        """Pool level by level with torchvision's operator."""
        chosen = [(levels == k).nonzero()[:, 0] for k in range(len(self.maps))]
        ratio, aligned = self.config.sampling_ratio, self.config.aligned
        grids = [
            roi_align(feature, rois[here], bins, 1 / (FINEST_STRIDE * 2**k), ratio, aligned)
            for k, (feature, here) in enumerate(zip(self.maps, chosen, strict=True))
        ]
        return torch.cat(grids)[torch.cat(chosen).argsort()]

    def _pool_rows(
        self, rois: Tensor, levels: Tensor, bins: int, samples: tuple[int, int]
    ) -> Tensor:
        """Pool all levels at once, as weighted sums of channels-last rows: (N, bins · bins · C).

        `samples` are the points of a bin along y and x. The numbers are those of torchvision's
        operator to rounding; that one and its backward run on one thread, and there six times as
        long.
        """
        batch, heights, widths = self.sizes.T
        cells = batch * heights * widths
        height, width = heights[levels], widths[levels]
        x1, y1, x2, y2 = _in_cells(rois, levels)
        y, wy = _samples(y1, y2, bins, height, samples[0], self.config.aligned)
        x, wx = _samples(x1, x2, bins, width, samples[1], self.config.aligned)
        first = (cells.cumsum(0) - cells)[levels] + rois[:, 0].long() * height * width
        rows = first.int()[:, None, None] + y * width.int()[:, None, None]
        index = rows[:, :, None, :, None] + x[:, None, :, None, :]
        weight = wy[:, :, None, :, None] * wx[:, None, :, None, :]
        points = 4 * samples[0] * samples[1]
        grids = functional.embedding_bag(
            index.reshape(-1, points),
            self.table,
            per_sample_weights=weight.reshape(-1, points).to(self.table.dtype),
            mode="sum",
        )
        return grids.reshape(len(rois), bins * bins * self.table.shape[1])

    def _pool_adaptive(self, rois: Tensor, levels: Tensor, bins: int) -> Tensor:
        """Pool with as many points as a bin has cells; RoIs of equal numbers go together."""
        x1, y1, x2, y2 = _in_cells(rois, levels)
        counts = (torch.cat([y2 - y1, x2 - x1], 1) / bins).ceil().clamp(min=1).long()
        kinds, kind = torch.unique(counts, dim=0, return_inverse=True)
        pooled = self.table.new_zeros(len(rois), bins * bins * self.table.shape[1])
        for k, (down, across) in enumerate(kinds.tolist()):
            here = (kind == k).nonzero()[:, 0]
            rows = self._pool_rows(rois[here], levels[here], bins, (down, across))
            pooled = pooled.index_copy(0, here, rows)
        return pooled


def _in_cells(rois: Tensor, levels: Tensor) -> tuple[Tensor, ...]:
    """Edges x1 y1 x2 y2, each (N, 1), of RoIs (N, 5) in cells of their levels (N,)."""
    scale = 1 / (FINEST_STRIDE * 2 ** levels.to(rois.dtype))
    return (rois[:, 1:] * scale[:, None]).split(1, dim=1)


def _samples(
    start: Tensor, stop: Tensor, bins: int, length: Tensor, samples: int, aligned: bool
) -> tuple[Tensor, Tensor]:
    """Cells that each bin reads along one axis (int32), and their weights, (N, bins, 2 · samples).

    `start` and `stop` are (N, 1) in cells of the RoI's level, which has `length` (N,) of them.
    """
    if aligned:
        start, extent = start - 0.5, stop - start
    else:
        extent = (stop - start).clamp(min=1)
    steps = torch.arange(bins * samples, dtype=start.dtype)
    points = start + (steps + 0.5) * (extent / (bins * samples))
    end = length[:, None]
    inside = (points >= -1) & (points <= end)
    points = torch.minimum(points.clamp(min=0), end - 1)
    low = points.int()
    high = torch.minimum(low + 1, end.int() - 1)
    part = points - low
    cells = torch.stack([low, high], dim=-1)
    share = inside.to(part.dtype) / samples
    weights = torch.stack([1 - part, part], dim=-1) * share[..., None]
    shape = (len(cells), bins, 2 * samples)
    return cells.reshape(shape), weights.reshape(shape)
