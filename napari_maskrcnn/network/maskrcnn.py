"""Mask R-CNN: backbone, proposals, heads. Learning and finding are two methods.

He, Gkioxari, Dollár, Girshick: Mask R-CNN, ICCV 2017. What a call returns never depends on
``train()`` or ``eval()``; these only decide how trainable batch norms behave.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_maskrcnn.network.config import NetworkConfig, SamplingConfig
from napari_maskrcnn.network.fpn import Backbone
from napari_maskrcnn.network.limits import Limits, image_limits
from napari_maskrcnn.network.losses import Losses
from napari_maskrcnn.network.roi_heads import Detections, RoIHeads
from napari_maskrcnn.network.rpn import RPN
from napari_maskrcnn.network.targets import Target


class MaskRCNN(nn.Module):
    """The detector.

    Its state dict has the names of torchvision's ``maskrcnn_resnet50_fpn``, so that weights move
    both ways.

    Parameters
    ----------
    config : NetworkConfig
        Architecture and limits.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.rpn = RPN(config)
        self.roi_heads = RoIHeads(config)

    def detect(self, images: Tensor, size: tuple[int, int] | None = None) -> list[Detections]:
        """Find the objects of each image.

        Parameters
        ----------
        images : (B, 3, H, W) float
            Normalised, at network scale, sides divisible by 32.
        size : (int, int), optional
            Height and width without the padding at the bottom and the right; boxes end there.

        Returns
        -------
        list of Detections
            One an image, network pixels.
        """
        size = size or (int(images.shape[-2]), int(images.shape[-1]))
        with torch.no_grad():
            pyramid = self.backbone(images)
            anchors = self.rpn(pyramid, images)
            limits = image_limits(self.config, anchors.logits, size)
            proposals = self.rpn.proposals(anchors, size, limits)
            return self.roi_heads.detect(pyramid, proposals, size, limits)

    def losses(
        self,
        images: Tensor,
        targets: list[Target],
        sampling: SamplingConfig | None = None,
        generator: torch.Generator | None = None,
        size: tuple[int, int] | None = None,
    ) -> Losses:
        """Compare with the truth.

        Parameters
        ----------
        images : (B, 3, H, W) float
            As for `detect`.
        targets : list of Target
            One an image.
        sampling : SamplingConfig, optional
            How many anchors and proposals count.
        generator : torch.Generator, optional
            Draws them; None takes the first ones in order.
        size : (int, int), optional
            As for `detect`.

        Returns
        -------
        Losses
            The five losses, means over the batch.
        """
        sampling = sampling or SamplingConfig()
        size = size or (int(images.shape[-2]), int(images.shape[-1]))
        pyramid = self.backbone(images)
        anchors = self.rpn(pyramid, images)
        rpn_class, rpn_box = self.rpn.losses(anchors, targets, sampling, generator)
        limits = [Limits(sampling.pre_nms, sampling.post_nms)] * len(targets)
        proposals = self.rpn.proposals(anchors, size, limits)
        heads = self.roi_heads.losses(pyramid, proposals, targets, sampling, generator)
        return Losses(rpn_class, rpn_box, *heads)
