"""torchvision's networks with random but lively weights, and ours with the same ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN as Reference
from torchvision.models.detection import maskrcnn_resnet50_fpn, maskrcnn_resnet50_fpn_v2
from torchvision.models.detection._utils import overwrite_eps
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d

from napari_maskrcnn.network.config import NetworkConfig, SamplingConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.presets import torchvision_config, torchvision_v2_config

NAMES = ("a", "b", "c")
SHORT, LONG = 96, 128
# Few of everything, as float64 is slow.
PROPOSALS, ROIS, DETECTIONS = 120, 48, 60
# torchvision's two networks, and the first as its COCO weights need it: fixed norms with eps 0.
Kind = Literal["v1", "v1 eps 0", "v2"]
KINDS: tuple[Kind, ...] = ("v1", "v1 eps 0", "v2")
SAMPLING = SamplingConfig(pre_nms=PROPOSALS, post_nms=PROPOSALS, roi_samples=ROIS)


def make_reference(kind: Kind) -> Reference:
    """torchvision's network with random weights whose scores and norms spread, float64."""
    options = {
        "num_classes": len(NAMES) + 1,
        "min_size": SHORT,
        "max_size": LONG,
        "rpn_pre_nms_top_n_train": PROPOSALS,
        "rpn_pre_nms_top_n_test": PROPOSALS,
        "rpn_post_nms_top_n_train": PROPOSALS,
        "rpn_post_nms_top_n_test": PROPOSALS,
        "box_batch_size_per_image": ROIS,
        "box_detections_per_img": DETECTIONS,
    }
    nothing = {"weights": None, "weights_backbone": None}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        if kind == "v1":
            network = maskrcnn_resnet50_fpn(**nothing, **options)
        elif kind == "v2":
            network = maskrcnn_resnet50_fpn_v2(**nothing, **options)
        else:
            backbone = resnet_fpn_backbone(
                backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d
            )
            network = Reference(backbone, **options)
            overwrite_eps(network, 0.0)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d | FrozenBatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.data.uniform_(0.5, 1.2)
                module.bias.data.normal_(0, 0.1)
        network.rpn.head.cls_logits.weight.data *= 4
    network.double().eval()
    _spread(network, make_image())
    return network


def make_ours(kind: Kind, reference: Reference) -> MaskRCNN:
    """Our network with the reference's weights, float64."""
    network = MaskRCNN(config_of(kind)).double().eval()
    network.load_state_dict(reference.state_dict(), strict=True)
    return network


def config_of(kind: Kind) -> NetworkConfig:
    config = torchvision_v2_config(NAMES) if kind == "v2" else torchvision_config(NAMES)
    config = replace(
        config,
        short_side=SHORT,
        long_side=LONG,
        pre_nms=PROPOSALS,
        post_nms=PROPOSALS,
        max_detections=DETECTIONS,
    )
    if kind == "v1 eps 0":
        return replace(config, norm_eps=0.0)
    return replace(config, frozen_norm=False)


def make_image() -> Tensor:
    """Half the network's size: torchvision keeps the ratio as float32, where 0.5 is exact."""
    return torch.rand(3, 48, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def _spread(network: Reference, image: Tensor) -> None:
    """Bring every class's logits to mean 0 and deviation 1, so that all classes are found."""
    layer = network.roi_heads.box_predictor.cls_score
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, logits: seen.append(logits))
    network([image])
    handle.remove()
    deviation, mean = torch.std_mean(seen[0], dim=0)
    layer.weight /= deviation[:, None]
    layer.bias.copy_((layer.bias - mean) / deviation)
