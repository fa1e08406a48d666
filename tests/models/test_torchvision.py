"""torchvision's own models as files: those that fit become ours, every other is refused whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import detection, resnet18
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

from napari_maskrcnn.models import WeightsError, import_model
from napari_maskrcnn.models.coco import coco_class_names
from napari_maskrcnn.models.foreign import read_torchvision
from napari_maskrcnn.models.weights import build_network, load_weights
from napari_maskrcnn.network.config import BACKBONES, Backbone, NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.presets import torchvision_config, torchvision_v2_config

NO_WEIGHTS = {"weights": None, "weights_backbone": None}
NO_MASKS = "roi_heads.mask_head.0.0.weight is missing"
LIMITS = {"pre_nms": None, "post_nms": None, "max_detections": None}


def state_of(make: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """State dict of a network whose tensors are one number each, so that its file is small."""
    with torch.device("meta"):
        state = make().state_dict()
    return {name: torch.zeros((), dtype=t.dtype).expand(t.shape) for name, t in state.items()}


def saved(tmp_path: Path, state: dict[str, Tensor]) -> Path:
    path = tmp_path / "net.pth"
    torch.save(state, path)
    return path


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as refusal:
        import_model(path, "mine")
    return str(refusal.value)


def test_the_second_version_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, state_of(lambda: detection.maskrcnn_resnet50_fpn_v2(**NO_WEIGHTS)))
    network, card = load_weights(import_model(path, "second"))
    assert network.config == replace(torchvision_v2_config(coco_class_names()), **LIMITS)
    assert card.network["class_names"][0] == "person"


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_trunk_with_three_classes_is_read(tmp_path: Path, backbone: Backbone) -> None:
    def make() -> nn.Module:
        trunk = resnet_fpn_backbone(backbone_name=backbone, weights=None)
        return detection.MaskRCNN(trunk, 4)

    state = state_of(make)
    tensors, card = read_torchvision(saved(tmp_path, state))
    config = NetworkConfig.from_dict(card.network)
    named = torchvision_config(("class 1", "class 2", "class 3"))
    assert config == replace(named, backbone=backbone, **LIMITS)
    with torch.device("meta"):
        ours = MaskRCNN(config).state_dict()
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in tensors.items()}


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: detection.fasterrcnn_resnet50_fpn(**NO_WEIGHTS), NO_MASKS),
        (
            lambda: detection.keypointrcnn_resnet50_fpn(**NO_WEIGHTS),
            NO_MASKS,
        ),
        (lambda: detection.retinanet_resnet50_fpn(**NO_WEIGHTS), "roi_heads.box_head.fc6.weight"),
        (lambda: resnet18(), "backbone.body has [] blocks"),
    ],
    ids=["faster", "keypoint", "retina", "resnet"],
)
def test_another_architecture_is_refused(
    tmp_path: Path, make: Callable[[], nn.Module], what: str
) -> None:
    message = refused(saved(tmp_path, state_of(make)))
    assert "net.pth: a PyTorch checkpoint of another network" in message
    assert what in message


def small() -> dict[str, Tensor]:
    config = NetworkConfig(
        backbone="resnet18",
        fpn_channels=8,
        box_channels=16,
        mask_channels=8,
        class_names=("a", "b", "c"),
    )
    return state_of(lambda: MaskRCNN(config))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"roi_heads.keypoint_head.0.weight": (3, 3)}, "unexpected: roi_heads.keypoint_head.0"),
        ({"roi_heads.mask_predictor.mask_fcn_logits.weight": (6, 8, 1, 1)}, "is (6, 8, 1, 1) inst"),
        ({"roi_heads.box_predictor.bbox_pred.weight": (12, 16)}, "is (12, 16) instead of (16, 16)"),
        ({"roi_heads.box_predictor.cls_score.weight": (1, 16)}, "background and no class"),
        ({"rpn.head.cls_logits.weight": (5, 8, 1, 1)}, "is (5, 8, 1, 1) instead of (3, 8, 1, 1)"),
        ({"backbone.body.layer1.1.conv2.weight": None}, "missing: backbone.body.layer1.1.conv2"),
        ({"backbone.body.layer1.0.conv2.weight": None}, "backbone.body.layer1.0.conv2.weight"),
        ({"backbone.body.layer2.2.conv1.weight": (8, 8, 3, 3)}, "[2, 3, 2, 2] blocks"),
        ({"roi_heads.box_head.fc6.weight": ()}, "roi_heads.box_head.fc6.weight is missing"),
    ],
)
def test_every_key_is_accounted_for(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    state = small()
    for name, shape in change.items():
        if shape is None:
            del state[name]
        else:
            state[name] = torch.zeros(()).expand(shape)
    assert message in refused(saved(tmp_path, state))


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    state = small()
    state["rpn.head.bbox_pred.bias"] = torch.full((12,), float("nan"))
    assert "not finite numbers: rpn.head.bbox_pred.bias" in refused(saved(tmp_path, state))


def test_classes_that_share_boxes_and_masks_are_read(tmp_path: Path) -> None:
    shared = NetworkConfig(
        backbone="resnet18",
        fpn_channels=8,
        box_channels=16,
        mask_channels=8,
        class_names=("a", "b", "c"),
        class_agnostic_boxes=True,
        class_agnostic_masks=True,
    )
    path = saved(tmp_path, state_of(lambda: MaskRCNN(shared)))
    tensors, card = read_torchvision(path)
    config = build_network(card, tensors, path).config
    assert config.class_agnostic_boxes
    assert config.class_agnostic_masks
    assert len(config.class_names) == 3
