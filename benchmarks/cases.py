"""What is measured: the images, how many objects they hold, and the limits of the networks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from napari_maskrcnn.network.config import NetworkConfig

# Objects are as dense as in a confluent culture: a box covers half of its share of the image.
ANCHOR_SHARE = 0.7
# Sides of the anchors of the five levels, in units of the typical one.
ANCHOR_SPREAD = (0.5, 0.7, 1.0, 1.4, 2.0)
COCO_CLASSES = 90


@dataclass(frozen=True)
class Prediction:
    """An image to a label image with ResNet-50-FPN.

    Parameters
    ----------
    side : int
        Pixels on a side, and the network's `min_size`.
    objects : int
        How many detections come out.
    classes : int
        Without the background.
    proposals : int
        Kept a level before NMS and an image after it.
    detections : int
        The most an image.
    """

    side: int
    objects: int
    classes: int = 1
    proposals: int = 2000
    detections: int = 1000

    @property
    def name(self) -> str:
        """File name of the result."""
        return f"predict-{self.side}-{self.objects}"

    def config(self) -> NetworkConfig:
        """Network of ours; its limits are given to torchvision too."""
        return replace(
            _config("resnet50", self.side, self.objects),
            class_names=tuple(f"class {k + 1}" for k in range(self.classes)),
            short_side=self.side,
            long_side=self.side,
            pre_nms=self.proposals,
            post_nms=self.proposals,
            max_detections=self.detections,
        )


@dataclass(frozen=True)
class Training:
    """A step of training: losses, gradients, optimiser; every weight learns but frozen norms.

    Parameters
    ----------
    backbone : str
    side : int
        Pixels on a side of each image.
    batch : int
        Images a step.
    objects : int
        Objects an image.
    """

    backbone: str
    side: int
    batch: int
    objects: int

    @property
    def name(self) -> str:
        """File name of the result."""
        return f"train-{self.backbone}-{self.side}x{self.batch}-{self.objects}"

    def config(self) -> NetworkConfig:
        """Network of ours; torchvision's has the same weights."""
        config = _config(self.backbone, self.side, self.objects)
        return replace(config, short_side=self.side, long_side=self.side)


Case = Prediction | Training

CASES: tuple[Case, ...] = (
    Prediction(800, 100, COCO_CLASSES, proposals=1000, detections=100),
    *(Prediction(side, objects) for side in (512, 1024) for objects in (20, 200, 1000)),
    Prediction(2048, 1000),
    *(Training("resnet18", 256, 4, objects) for objects in (30, 300)),
    *(Training("resnet50", 512, 2, objects) for objects in (30, 300)),
)
QUICK: tuple[Case, ...] = (
    Prediction(512, 20),
    Prediction(512, 200),
    Training("resnet18", 256, 4, 30),
)


def _config(backbone: str, side: int, objects: int) -> NetworkConfig:
    typical = ANCHOR_SHARE * side / math.sqrt(objects)
    sizes = tuple(max(4, round(typical * factor)) for factor in ANCHOR_SPREAD)
    return replace(NetworkConfig(), backbone=backbone, anchor_sizes=sizes)


def object_diameters(side: int, objects: int) -> tuple[float, float]:
    """Range of diameters at which so many nuclei fit into an image."""
    typical = ANCHOR_SHARE * side / math.sqrt(objects)
    return max(4.0, 0.7 * typical), max(5.0, 1.2 * typical)
