"""The "coco" model: torchvision's Mask R-CNN of 90 everyday classes, never fetched unasked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_maskrcnn.models.card import ModelCard

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
    from napari_maskrcnn.models.model import file_hash

    return file_hash(path).startswith(HASH_PREFIX)


def coco_class_names() -> tuple[str, ...]:
    """Return the 90 names (class 1 is "person"); the numbers COCO never used are "N/A"."""
    from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

    return tuple(MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"][1:])


def install_coco(path: Path) -> Path:
    """Turn torchvision's file into the model "coco" of the model folder; return its file.

    Raises
    ------
    WeightsError
        When the file is not torchvision's.
    """
    from napari_maskrcnn.models.folder import install
    from napari_maskrcnn.models.foreign import read_torchvision
    from napari_maskrcnn.models.weights import build_network

    tensors, card = read_torchvision(path)
    build_network(card, tensors, path)
    return install(tensors, describe_coco(card), overwrite=True)


def describe_coco(card: ModelCard) -> ModelCard:
    """Return the card of an imported file with what is known of this one."""
    return replace(
        card,
        name=NAME,
        description="Everyday objects in photographs, trained by torchvision on COCO 2017.",
        base="torchvision",
        score=0.5,
    )
