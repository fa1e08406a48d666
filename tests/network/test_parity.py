"""The same weights give torchvision's detections, losses and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN as Reference
from torchvision.models.detection import maskrcnn_resnet50_fpn
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.paste import RULES, paste
from napari_maskrcnn.network.prepare import prepare, to_image
from napari_maskrcnn.network.targets import Target

NAMES = ("a", "b", "c")
SHORT, LONG = 128, 192


@pytest.fixture(scope="module")
def reference(image: Tensor) -> Reference:
    """torchvision's network with random weights whose scores and norms spread, float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = maskrcnn_resnet50_fpn(
            weights=None,
            weights_backbone=None,
            num_classes=4,
            min_size=SHORT,
            max_size=LONG,
        )
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.data.uniform_(0.5, 1.2)
                module.bias.data.normal_(0, 0.1)
        network.rpn.head.cls_logits.weight.data *= 4
    network.double().eval()
    _spread(network, image)
    return network


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


@pytest.fixture(scope="module")
def ours(reference: Reference) -> MaskRCNN:
    config = NetworkConfig(frozen_norm=False, class_names=NAMES, short_side=SHORT, long_side=LONG)
    network = MaskRCNN(config).double().eval()
    network.load_state_dict(reference.state_dict(), strict=True)
    return network


@pytest.fixture(scope="module")
def image() -> Tensor:
    """Half the network's size: torchvision keeps the ratio as float32, where 0.5 is exact."""
    return torch.rand(3, 64, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def test_detections_are_torchvisions(reference: Reference, ours: MaskRCNN, image: Tensor) -> None:
    with torch.no_grad():
        expected = reference([image])[0]
    ready = prepare(image, ours.config)
    found = ours.detect(ready.image[None], ready.size)[0]
    boxes = to_image(found.boxes, ready.zoom)
    assert len(expected["scores"]) == len(found.scores) == 100
    assert found.complete_above >= found.scores[-1]
    torch.testing.assert_close(boxes, expected["boxes"], atol=1e-6, rtol=0)
    torch.testing.assert_close(found.scores, expected["scores"], atol=1e-9, rtol=0)
    assert found.classes.equal(expected["labels"])
    assert set(found.classes.tolist()) == {1, 2, 3}
    assert found.scores.max() - found.scores.min() > 0.1
    crops, origins = paste(found.masks.numpy(), boxes.numpy(), (64, 96), RULES["torchvision"])
    masks = (expected["masks"][:, 0] > 0.5).numpy()
    different = 0
    for crop, (y, x), mask in zip(crops, origins, masks, strict=True):
        ours_full = mask * False
        ours_full[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
        different += (ours_full != mask).sum()
    assert masks.sum() > 1000
    assert different <= 1e-3 * masks.sum()


def test_losses_and_gradients_are_torchvisions(
    reference: Reference, ours: MaskRCNN, image: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BalancedPositiveNegativeSampler, "__call__", _first_ones)
    labels = torch.zeros(SHORT, LONG, dtype=torch.int64)
    labels[20:60, 30:90], labels[50:110, 80:130], labels[90:120, 140:190] = 7, 3, 12
    ids = torch.tensor([3, 7, 12])
    classes = torch.tensor([1, 3, 2])
    boxes = torch.tensor(
        [[80, 50, 130, 110], [30, 20, 90, 60], [140, 90, 190, 120]], dtype=torch.float64
    )
    pixels = torch.rand(
        3, SHORT, LONG, dtype=torch.float64, generator=torch.Generator().manual_seed(3)
    )
    masks = torch.stack([labels == i for i in ids]).to(torch.uint8)
    reference.train()
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    expected = reference([pixels], [{"boxes": boxes, "labels": classes, "masks": masks}])
    reference.eval()
    ready = prepare(pixels, ours.config)
    found = ours.losses(
        ready.image[None], [Target(boxes, classes, ids, labels)], generator=None, size=ready.size
    )
    names = {
        "rpn_class": "loss_objectness",
        "rpn_box": "loss_rpn_box_reg",
        "class_": "loss_classifier",
        "box": "loss_box_reg",
        "mask": "loss_mask",
    }
    for name, theirs in names.items():
        true = float(expected[theirs].detach())
        assert true > 1e-3
        assert float(getattr(found, name).detach()) == pytest.approx(true, rel=1e-6)
    sum(expected.values()).backward()
    found.total.backward()
    gradients = dict(ours.named_parameters())
    for name, parameter in reference.named_parameters():
        scale = parameter.grad.abs().max()
        torch.testing.assert_close(
            gradients[name].grad, parameter.grad, atol=float(scale) * 1e-6 + 1e-15, rtol=0
        )


def _first_ones(
    sampler: BalancedPositiveNegativeSampler, matched: list[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """torchvision's sampler without chance: the first positives, then the first negatives."""
    positive, negative = [], []
    for values in matched:
        on, off = torch.where(values >= 1)[0], torch.where(values == 0)[0]
        count = min(len(on), int(sampler.batch_size_per_image * sampler.positive_fraction))
        rest = min(len(off), sampler.batch_size_per_image - count)
        masks = torch.zeros(2, len(values), dtype=torch.uint8)
        masks[0, on[:count]] = 1
        masks[1, off[:rest]] = 1
        positive.append(masks[0])
        negative.append(masks[1])
    return positive, negative
