"""Box head: what is in a proposal, how sure, and a finer box."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from napari_maskrcnn.network.boxes import precise
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.layers import head_conv

BOX_BINS = 7


def box_head(config: NetworkConfig) -> nn.Module:
    """Grids (N, C, 7, 7) to features (N, channels): wide layers, or convolutions and one of them.

    The convolutional head is a plain sequence, as torchvision's second version numbers it.
    """
    if config.box_convs == 0:
        return TwoLayers(config.fpn_channels, config.box_channels)
    width = config.fpn_channels
    convs = [head_conv(width, width, config) for _ in range(config.box_convs)]
    wide = nn.Linear(width * BOX_BINS**2, config.box_channels)
    return nn.Sequential(*convs, nn.Flatten(), wide, nn.ReLU(inplace=True))


class TwoLayers(nn.Module):
    """Two wide layers on the 7×7 grid."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(in_channels * BOX_BINS**2, channels)
        self.fc7 = nn.Linear(channels, channels)

    def forward(self, grids: Tensor) -> Tensor:
        """Grids (N, C, 7, 7) to features (N, channels)."""
        features: Tensor = self.fc7(self._first(grids).relu()).relu()
        return features

    def _first(self, grids: Tensor) -> Tensor:
        """First layer, read in the order in which the grids lie in memory.

        Where that is channels-last, the weight is turned round: it is smaller than the grids, whose
        gradient would be turned too.
        """
        if grids.is_contiguous():
            wide: Tensor = self.fc6(grids.flatten(1))
            return wide
        weight = self.fc6.weight.unflatten(1, (-1, BOX_BINS**2)).transpose(1, 2).flatten(1)
        return F.linear(grids.permute(0, 2, 3, 1).flatten(1), weight, self.fc6.bias)


class BoxPredictor(nn.Module):
    """Class logits, background first, and box codes of every class or of all at once."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        boxes = 1 if config.class_agnostic_boxes else config.num_classes
        self.cls_score = nn.Linear(config.box_channels, config.num_classes)
        self.bbox_pred = nn.Linear(config.box_channels, boxes * 4)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, channels) to logits (N, K) and codes (N, K or 1, 4), at least float32."""
        codes = precise(self.bbox_pred(features))
        # Not -1: there may be no box at all.
        codes = codes.reshape(len(codes), self.bbox_pred.out_features // 4, 4)
        return precise(self.cls_score(features)), codes
