"""Architectures with a name: what training from scratch builds, and torchvision's two."""

from __future__ import annotations

from napari_maskrcnn.network.config import NetworkConfig


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
        pre_nms=None,
        post_nms=None,
        max_detections=None,
    )


def torchvision_config(class_names: tuple[str, ...] = ("object",)) -> NetworkConfig:
    """Torchvision's ``maskrcnn_resnet50_fpn``: frozen batch norm in the trunk and none elsewhere.

    Its COCO weights need ``norm_eps=0`` besides.
    """
    return NetworkConfig(class_names=class_names)


def torchvision_v2_config(class_names: tuple[str, ...] = ("object",)) -> NetworkConfig:
    """Torchvision's ``maskrcnn_resnet50_fpn_v2``: batch norm everywhere but in a deeper RPN head.

    Its box head has four convolutions before one wide layer (Li et al., Benchmarking Detection
    Transfer Learning with Vision Transformers, 2021).
    """
    return NetworkConfig(
        frozen_norm=False,
        fpn_norm=True,
        head_norm=True,
        rpn_convs=2,
        box_convs=4,
        class_names=class_names,
    )
