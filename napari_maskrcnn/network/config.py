"""One frozen value that says how a network is built: it travels with the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101")


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Architecture and test-time limits; the defaults are torchvision's ``maskrcnn_resnet50_fpn``.

    Parameters
    ----------
    backbone : {"resnet18", "resnet34", "resnet50", "resnet101"}
        Trunk.
    frozen_norm : bool
        Batch norm as a fixed affine map (from pretrained weights) instead of trained.
    norm_eps : float
        Epsilon of the batch norms; torchvision's COCO weights were trained with 0.
    last_stage : {4, 5}
        Deepest ResNet stage (C4 or C5) that feeds the pyramid.
    fpn_channels, box_channels, mask_channels : int
        Widths of the pyramid, the box head's two layers, the mask head.
    anchor_sizes : tuple of int
        Side of the square anchor of each pyramid level, finest first, in network pixels.
    anchor_ratios : tuple of float
        Height over width.
    class_names : tuple of str
        Names of the classes from 1; background is class 0.
    aligned : bool
        RoIAlign and mask targets shifted by half a pixel (exact); torchvision's weights: False.
    paste : {"subpixel", "torchvision"}
        How a mask goes back into its box.
    round_anchors : bool
        Whole-pixel anchors as torchvision makes them.
    canonical_size : int
        Side in network pixels of the box that RoIAlign takes from P4; half of it: P3, and so on.
    image_mean, image_std : tuple of float
        Normalisation of the three channels.
    stretch : bool
        Stretch each image between its 1st and 99.8th percentile to [0, 1] first; otherwise integer
        images are divided by the largest value of their type.
    scale : float or None
        Fixed magnification of the input; None: short side to `short_side` as torchvision does.
    short_side, long_side : int
        Length in pixels of the resized image's short side, and the most for the long one.
    pre_nms, post_nms : int
        Proposals kept a level before NMS, and an image after it, at test time.
    rpn_nms, score_floor, box_nms : float
        IoU above which a weaker proposal goes; least score kept; IoU above which a weaker
        detection of the same class goes.
    max_detections : int
        Most objects an image (one network input).
    """

    backbone: Literal["resnet18", "resnet34", "resnet50", "resnet101"] = "resnet50"
    frozen_norm: bool = True
    norm_eps: float = 1e-5
    last_stage: Literal[4, 5] = 5
    fpn_channels: int = 256
    box_channels: int = 1024
    mask_channels: int = 256
    anchor_sizes: tuple[int, ...] = (32, 64, 128, 256, 512)
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    class_names: tuple[str, ...] = ("object",)
    aligned: bool = False
    paste: Literal["subpixel", "torchvision"] = "torchvision"
    round_anchors: bool = True
    canonical_size: int = 224
    image_mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    image_std: tuple[float, ...] = (0.229, 0.224, 0.225)
    stretch: bool = False
    scale: float | None = None
    short_side: int = 800
    long_side: int = 1333
    pre_nms: int = 1000
    post_nms: int = 1000
    rpn_nms: float = 0.7
    score_floor: float = 0.05
    box_nms: float = 0.5
    max_detections: int = 100

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise ValueError(f"backbone is {self.backbone!r}; known are {', '.join(BACKBONES)}.")
        if len(self.anchor_sizes) != self.levels:
            raise ValueError(
                f"{self.levels} pyramid levels (C2–C{self.last_stage} and one pooled) need as many "
                f"anchor sizes; got {self.anchor_sizes}."
            )
        if not self.class_names:
            raise ValueError("class_names is empty; name at least one class.")

    @property
    def levels(self) -> int:
        """Pyramid levels: one for each stage from C2, and one pooled from the last."""
        return self.last_stage

    @property
    def num_classes(self) -> int:
        """Classes with the background."""
        return len(self.class_names) + 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Rebuild from `to_dict` or its JSON; an unknown name is an error, not ignored."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(
                f"Unknown network settings {', '.join(unknown)}: the file was written by a newer "
                "version; update napari-maskrcnn."
            )
        plain: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**plain)


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """What the losses are computed on; not part of the network, so not of its weights.

    Parameters
    ----------
    rpn_samples, rpn_positive, rpn_high, rpn_low
        Anchors sampled an image, the largest share of them on objects, the IoU from which an
        anchor is an object's, and below which it is background.
    pre_nms, post_nms
        Proposals kept a level before NMS and an image after it.
    roi_samples, roi_positive, roi_iou
        Proposals sampled an image, the largest share of them on objects, and their least IoU.
    """

    rpn_samples: int = 256
    rpn_positive: float = 0.5
    rpn_high: float = 0.7
    rpn_low: float = 0.3
    pre_nms: int = 2000
    post_nms: int = 2000
    roi_samples: int = 512
    roi_positive: float = 0.25
    roi_iou: float = 0.5


def compact_config(class_names: tuple[str, ...] = ("object",)) -> NetworkConfig:
    """Architecture that training from scratch starts from, for objects of about 7 to 100 pixels.

    Twice the image's scale with anchors from 8 image pixels, exact alignment and paste, and a
    ResNet-34 without C5, whose grid of 32 network pixels is coarser than such objects need.
    """
    return NetworkConfig(
        backbone="resnet34",
        frozen_norm=False,
        last_stage=4,
        fpn_channels=128,
        box_channels=512,
        mask_channels=128,
        anchor_sizes=(16, 32, 64, 128),
        class_names=class_names,
        aligned=True,
        paste="subpixel",
        round_anchors=False,
        image_mean=(0.5, 0.5, 0.5),
        image_std=(0.25, 0.25, 0.25),
        stretch=True,
        scale=2.0,
        pre_nms=3000,
        post_nms=3000,
        max_detections=2000,
    )
