"""The "coco" model: torchvision's Mask R-CNN of 90 everyday classes, never fetched unasked."""

from __future__ import annotations

from pathlib import Path

from napari_maskrcnn.models.model import file_hash

NAME = "coco"
URL = "https://download.pytorch.org/models/maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth"
HASH_PREFIX = "bf2d0c1e"
SIZE = 178_090_079
MISSING = (
    f'The model "coco" is not on this computer yet ({SIZE / 1e6:.0f} MB). Get it with '
    f"napari-maskrcnn models download coco, or fetch {URL} elsewhere and run "
    f"napari-maskrcnn models import on the file."
)


def is_coco_file(path: Path) -> bool:
    """Tell by its SHA-256 whether a file is the one that torchvision publishes."""
    return file_hash(path).startswith(HASH_PREFIX)


def coco_class_names() -> tuple[str, ...]:
    """Return the 90 names (class 1 is "person"); the numbers COCO never used are "N/A"."""
    from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

    return tuple(MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"][1:])
