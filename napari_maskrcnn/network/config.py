"""One frozen value that says how a network is built: it travels with the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Backbone = Literal[
    "resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d", "resnext101_32x8d"
]
BACKBONES: tuple[Backbone, ...] = get_args(Backbone)
# What of a network learns; see `napari_maskrcnn.network.freezing`.
Layers = Literal["all", "3+", "4+", "5+", "heads", "rpn"]
LAYERS: tuple[Layers, ...] = get_args(Layers)


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Architecture and test-time limits; the defaults are torchvision's ``maskrcnn_resnet50_fpn``.

    Parameters
    ----------
    backbone : str
        Trunk, one of `BACKBONES`, by torchvision's name.
    frozen_norm : bool
        Batch norm as a fixed affine map (from pretrained weights) instead of trained.
    fpn_norm, head_norm : bool
        Batch norm after the convolutions of the pyramid; after those of the box and mask heads.
    norm_eps : float
        Epsilon of the batch norms; torchvision's COCO weights were trained with 0.
    last_stage : {4, 5}
        Deepest ResNet stage (C4 or C5) that feeds the pyramid.
    fpn_channels, box_channels, mask_channels : int
        Widths of the pyramid, the box head's wide layers, the mask head.
    rpn_convs, box_convs : int
        3×3 convolutions in the RPN's head, and in the box head before one wide layer; a box head
        without any (0) has two wide layers.
    mask_bins : {14, 28}
        Side of the grid that the mask head sees; masks have twice as many cells.
    class_agnostic_boxes, class_agnostic_masks : bool
        One box code or mask for all classes instead of one each.
    anchor_sizes : tuple of int
        Side of the square anchor of each pyramid level, finest first, in network pixels.
    anchor_ratios : tuple of float
        Height over width.
    class_names : tuple of str
        Names of the classes from 1; background is class 0.
    aligned : bool
        RoIAlign and mask targets shifted by half a pixel (exact); torchvision's weights: False.
    sampling_ratio : int
        Points along each side of a bin that RoIAlign takes; 0: as many as the bin has cells.
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
    pre_nms, post_nms : int or None
        Proposals kept a level before NMS, and an image after it, at test time; None: as many as
        the image is crowded (`napari_maskrcnn.network.limits`).
    rpn_nms, score_floor, box_nms : float
        IoU above which a weaker proposal goes; least score kept; IoU above which a weaker
        detection of the same class goes.
    max_detections : int or None
        Most objects an image (one network input); None: as many as there is room for.
    """

    backbone: Backbone = "resnet50"
    frozen_norm: bool = True
    fpn_norm: bool = False
    head_norm: bool = False
    norm_eps: float = 1e-5
    last_stage: Literal[4, 5] = 5
    fpn_channels: int = 256
    box_channels: int = 1024
    mask_channels: int = 256
    rpn_convs: int = 1
    box_convs: int = 0
    mask_bins: Literal[14, 28] = 14
    class_agnostic_boxes: bool = False
    class_agnostic_masks: bool = False
    anchor_sizes: tuple[int, ...] = (32, 64, 128, 256, 512)
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    class_names: tuple[str, ...] = ("object",)
    aligned: bool = False
    sampling_ratio: int = 2
    paste: Literal["subpixel", "torchvision"] = "torchvision"
    round_anchors: bool = True
    canonical_size: int = 224
    image_mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    image_std: tuple[float, ...] = (0.229, 0.224, 0.225)
    stretch: bool = False
    scale: float | None = None
    short_side: int = 800
    long_side: int = 1333
    pre_nms: int | None = 1000
    post_nms: int | None = 1000
    rpn_nms: float = 0.7
    score_floor: float = 0.05
    box_nms: float = 0.5
    max_detections: int | None = 100

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
        if self.mask_bins not in (14, 28):
            raise ValueError(f"mask_bins is {self.mask_bins}; choose 14 or 28.")
        for name, least in (("rpn_convs", 1), ("box_convs", 0), ("sampling_ratio", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; give at least {least}.")
        for name in ("pre_nms", "post_nms", "max_detections"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} is {value}; give at least 1, or None.")

    @property
    def levels(self) -> int:
        """Pyramid levels: one for each stage from C2, and one pooled from the last."""
        return self.last_stage

    @property
    def num_classes(self) -> int:
        """Classes with the background."""
        return len(self.class_names) + 1

    @property
    def mask_size(self) -> int:
        """Cells along each side of a mask."""
        return 2 * self.mask_bins

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
