"""The heads on places that a person points at, over one image's pyramid that is kept in memory."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from napari_maskrcnn.network.boxes import BOX_WEIGHTS, clip, decode
from napari_maskrcnn.network.layers import of_class
from napari_maskrcnn.network.limits import Limits, image_limits
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.roi_align import Features, rois_of
from napari_maskrcnn.network.roi_heads import Chosen, Detections

# What is kept of the detections: far below any threshold, and neighbours that overlap more than a
# prediction would allow, for the person says which one is meant.
HIDDEN_SCORE = 0.001
HIDDEN_IOU = 0.7
# How fast the belief in a box falls with the way from its centre to the click, in box sides.
# Chosen on training images.
CENTRE = 4.0
# Masks drawn for a click: more are seldom asked for, and each costs time.
DRAWN = 8


class Prompts:
    """What the network knows of one image.

    Parameters
    ----------
    network : MaskRCNN
    images : (1, 3, H, W) float
        One image, as `MaskRCNN.detect` takes it.
    size : (int, int)
        Height and width without the padding at the bottom and the right.
    """

    def __init__(self, network: MaskRCNN, images: Tensor, size: tuple[int, int]) -> None:
        self.heads, self.config, self.size = network.roi_heads, network.config, size
        with torch.no_grad():
            pyramid = network.backbone(images)
            anchors = network.rpn(pyramid, images)
            limits = image_limits(self.config, anchors.logits, size)
            proposals = network.rpn.proposals(anchors, size, limits)
            self.features = Features(pyramid, self.config)
            loose = replace(self.config, score_floor=HIDDEN_SCORE, box_nms=HIDDEN_IOU)
            every = [Limits(limit.pre_nms, limit.post_nms) for limit in limits]
            # All detections, also those that a prediction hides; without their masks.
            (self.hidden,) = self.heads.find(self.features, proposals, size, every, loose)

    @torch.no_grad()
    def box(self, box: Tensor) -> Detections:
        """What fills a box (4,), network pixels: its likeliest class and its mask, one object."""
        boxes = box[None]
        scores, classes, _ = self._look(boxes)
        return self._drawn(boxes, scores, classes)

    @torch.no_grad()
    def click(self, x: float, y: float) -> Detections:
        """What may lie at a point, network pixels, likeliest first.

        Hidden detections, and what the box head makes of squares around the point.
        """
        looked = self._looked_for(x, y)
        boxes = torch.cat([self.hidden.boxes, looked.boxes])
        scores = torch.cat([self.hidden.scores, looked.scores])
        classes = torch.cat([self.hidden.classes, looked.classes])
        sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-6)
        way = (boxes.new_tensor([x, y]) - boxes[:, :2]) / sides - 0.5
        near = torch.where((way.abs() <= 0.5).all(1), torch.exp(-CENTRE * way.square().sum(1)), 0.0)
        belief = scores * near
        top = belief.argsort(descending=True)[:DRAWN]
        top = top[belief[top] > 0]
        return self._drawn(boxes[top], belief[top], classes[top])

    def _looked_for(self, x: float, y: float) -> Chosen:
        """Squares of the anchors' sizes around a point, as the box head names and moves them."""
        sides = self.hidden.boxes.new_tensor(self.config.anchor_sizes)[:, None] / 2
        squares = torch.cat([-sides, -sides, sides, sides], 1) + sides.new_tensor([x, y, x, y])
        scores, classes, boxes = self._look(squares)
        return Chosen(boxes, scores, classes, 0.0)

    def _look(self, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Score, likeliest class and finer box of boxes (N, 4)."""
        logits, codes = self.heads.predict_boxes(self.features, rois_of([boxes]))
        scores, classes = logits.softmax(-1)[:, 1:].max(1)
        classes = classes + 1
        rows = torch.arange(len(boxes), device=boxes.device)
        moved = decode(of_class(codes, rows, classes), boxes, BOX_WEIGHTS)
        return scores, classes, clip(moved, self.size)

    def _drawn(self, boxes: Tensor, scores: Tensor, classes: Tensor) -> Detections:
        masks = self.heads.draw(self.features, rois_of([boxes]), classes)
        return Detections(boxes, scores, classes, masks, 0.0)
