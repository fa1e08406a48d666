"""What a network must stand: no object, boxes without area, and thousands of objects at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.paste import RULES, paste
from napari_maskrcnn.network.targets import Target


def noise(side: int) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def losses_of(network: MaskRCNN, target: Target) -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    losses = network.losses(noise(int(target.labels.shape[0])), [target], generator=generator)
    losses.total.backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    return losses.to_dict()


def grid(side: int, pitch: int) -> Target:
    """Squares of `pitch` − 1 pixels, side by side."""
    place = torch.arange(side)
    inside = (place % pitch < pitch - 1) & (place < side - side % pitch)
    number = place // pitch * (side // pitch)
    labels = number[:, None] + (place // pitch)[None] + 1
    labels = labels * (inside[:, None] & inside[None])
    ids = labels.unique()[1:]
    top = (ids - 1) // (side // pitch) * pitch
    left = (ids - 1) % (side // pitch) * pitch
    boxes = torch.stack([left, top, left + pitch - 1, top + pitch - 1], 1).float()
    return Target(boxes, torch.ones_like(ids), ids, labels)


def test_an_image_without_objects_teaches_background_only(tiny: MaskRCNN) -> None:
    nothing = torch.zeros(0, dtype=torch.int64)
    empty = Target(torch.zeros(0, 4), nothing, nothing, torch.zeros(64, 64, dtype=torch.int64))
    losses = losses_of(tiny, empty)
    assert losses["rpn_class"] > 0.1
    assert losses["class"] > 0.1
    assert losses["rpn_box"] == losses["box"] == losses["mask"] == 0


@pytest.mark.parametrize("bad", [[9.0, 9, 9, 20], [30.0, 30, 30, 30], [40.0, 50, 60, 50]])
def test_a_box_without_area_changes_nothing(tiny: MaskRCNN, bad: list[float]) -> None:
    target = grid(64, 24)
    more = Target(
        torch.cat([target.boxes, torch.tensor([bad])]),
        torch.cat([target.classes, torch.tensor([1])]),
        torch.cat([target.ids, torch.tensor([99])]),
        target.labels,
    )
    without = losses_of(tiny, target)
    assert without["box"] > 0
    assert losses_of(tiny, more) == without


def test_five_thousand_objects_are_learnt(tiny: MaskRCNN) -> None:
    target = grid(640, 9)
    assert len(target.boxes) == 5041
    losses = losses_of(tiny, target)
    assert all(np.isfinite(value) and value > 0 for value in losses.values())


def test_five_thousand_objects_are_found_and_drawn(tiny_config: NetworkConfig) -> None:
    """Every box counts as an object of its own here, so that there are enough of them."""
    config = replace(tiny_config, rpn_nms=0.95, box_nms=0.99, max_detections=None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MaskRCNN(config).eval()
    with torch.no_grad():
        network.rpn.head.cls_logits.bias.fill_(3)
        network.roi_heads.mask_predictor.mask_fcn_logits.bias.fill_(2)
    found = network.detect(noise(640))[0]
    assert len(found.scores) >= 5000
    assert found.complete_above > 0
    boxes = found.boxes.numpy()
    crops, origins = paste(found.masks.numpy(), boxes, (640, 640), RULES["subpixel"])
    instances = Instances(
        boxes, found.scores.numpy(), found.classes.numpy(), ("a", "b"), (640, 640), crops, origins
    )
    kept = instances.above(0)
    assert len(kept) > 1000
    assert np.array_equal(np.unique(kept.to_labels())[1:], np.arange(1, len(kept) + 1))
