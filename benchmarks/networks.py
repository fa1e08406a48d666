"""Random weights that behave like trained ones, the same in both engines.

A freshly made network finds nothing: what its layers say of two boxes is almost the same. Here the
batch norms hold the statistics of a real image, as trained ones do, and every other layer is scaled
by what it puts out, so that scores, boxes and masks spread, and survive the rounding of bfloat16.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN as Reference
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d

from benchmarks.cases import Prediction
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.mask_head import MaskPredictor
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.prepare import prepare

SEED = 0
# Deviation of what the last layers put out; that of all others is 1.
SPREAD = {"rpn.head.bbox_pred": 0.2, "roi_heads.box_predictor.bbox_pred": 0.5}
PROBE_SIDE = 512


def lively_network(config: NetworkConfig, image: Tensor) -> MaskRCNN:
    """Build our network, whose layers are scaled by an image (3, H, W) in [0, 1]."""
    torch.manual_seed(SEED)
    network = MaskRCNN(config).eval()
    handles = []
    for name, module in network.named_modules():
        if isinstance(module, FrozenBatchNorm2d):
            handles.append(module.register_forward_pre_hook(_take_statistics))
        elif isinstance(module, MaskPredictor):
            handles.append(module.register_forward_hook(_spread_masks))
        elif getattr(module, "bias", None) is not None:
            handles.append(module.register_forward_hook(_Spread(SPREAD.get(name, 1.0))))
    part = image[:, :PROBE_SIDE, :PROBE_SIDE]
    ready = prepare(part, replace(config, scale=1.0))
    with torch.no_grad():
        network.detect(ready.image[None], ready.size)
    for handle in handles:
        handle.remove()
    return network


def _take_statistics(norm: Any, inputs: tuple[Tensor]) -> None:
    """Let a norm bring its input to mean 0 and deviation 1, and then move it a little."""
    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.uniform_(0.5, 1.0)
    norm.bias.normal_(0, 0.2)


class _Spread:
    """Scales a layer, at its first call, so that each output channel has this deviation."""

    def __init__(self, deviation: float) -> None:
        self.deviation = deviation
        self.done = False

    def __call__(self, layer: Any, inputs: tuple[Tensor], out: Tensor) -> Tensor | None:
        if self.done or len(inputs[0]) == 0:
            return None
        self.done = True
        deviation, mean = torch.std_mean(out.movedim(1, 0).flatten(1), dim=1)
        factor = self.deviation / deviation.clamp(min=1e-6)
        layer.weight *= factor.reshape(-1, *[1] * (layer.weight.ndim - 1))
        layer.bias.copy_((layer.bias - mean) * factor)
        shape = (1, -1, *[1] * (out.ndim - 2))
        return (out - mean.reshape(shape)) * factor.reshape(shape)


def _spread_masks(predictor: Any, inputs: tuple[Tensor, ...], logits: Tensor) -> None:
    """Scale the last layer so that mask logits have mean 0 and deviation 1."""
    if len(logits):
        deviation, mean = torch.std_mean(logits)
        predictor.mask_fcn_logits.weight /= deviation
        predictor.mask_fcn_logits.bias -= mean
        predictor.mask_fcn_logits.bias /= deviation


@torch.no_grad()
def score_of(network: MaskRCNN, image: Tensor, case: Prediction) -> float:
    """Score above which the network finds as many objects as the case asks for.

    A lower threshold only adds detections, for better ones suppress worse ones and never the
    reverse: so the threshold is the score of the last one wanted.
    """
    kept = network.config
    wide = replace(kept, score_floor=0.0, max_detections=2 * case.objects)
    ready = prepare(image, wide)
    _configure(network, wide)
    scores = network.detect(ready.image[None], ready.size)[0].scores
    _configure(network, kept)
    if len(scores) <= case.objects:
        raise RuntimeError(f"{case.name}: only {len(scores)} detections can be had.")
    return float(scores[case.objects - 1 : case.objects + 1].mean())


def _configure(network: MaskRCNN, config: NetworkConfig) -> None:
    for module in network.modules():
        if isinstance(getattr(module, "config", None), NetworkConfig):
            module.config = config


def torchvision_network(config: NetworkConfig) -> Reference:
    """Build torchvision's network of the same architecture and limits.

    Its batch norms are frozen, as in what its users run: pretrained weights.
    """
    backbone = resnet_fpn_backbone(
        backbone_name=config.backbone,
        weights=None,
        norm_layer=FrozenBatchNorm2d,
        trainable_layers=5,
    )
    levels = len(config.anchor_sizes)
    return Reference(
        backbone,
        num_classes=config.num_classes,
        min_size=config.short_side,
        max_size=config.long_side,
        rpn_anchor_generator=AnchorGenerator(
            tuple((size,) for size in config.anchor_sizes), (config.anchor_ratios,) * levels
        ),
        rpn_pre_nms_top_n_test=config.pre_nms,
        rpn_post_nms_top_n_test=config.post_nms,
        box_score_thresh=config.score_floor,
        box_detections_per_img=config.max_detections,
    )
