"""The same weights, image and targets give torchvision's losses and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

from napari_maskrcnn.network.prepare import prepare
from napari_maskrcnn.network.targets import Target
from tests.network.reference import LONG, SAMPLING, SHORT, Kind, make_ours, make_reference

LOSSES = {
    "rpn_class": "loss_objectness",
    "rpn_box": "loss_rpn_box_reg",
    "class_": "loss_classifier",
    "box": "loss_box_reg",
    "mask": "loss_mask",
}


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_losses_and_gradients_are_torchvisions(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BalancedPositiveNegativeSampler, "__call__", _first_ones)
    reference = make_reference(kind)
    ours = make_ours(kind, reference)
    labels = torch.zeros(SHORT, LONG, dtype=torch.int64)
    labels[10:50, 20:70], labels[45:90, 60:100], labels[70:94, 100:126] = 7, 3, 12
    ids = torch.tensor([3, 7, 12])
    classes = torch.tensor([1, 3, 2])
    boxes = torch.tensor(
        [[60, 45, 100, 90], [20, 10, 70, 50], [100, 70, 126, 94]], dtype=torch.float64
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
    ready = prepare(pixels, ours.config)
    target = Target(boxes, classes, ids, labels)
    found = ours.losses(ready.image[None], [target], SAMPLING, None, ready.size)
    for name, theirs in LOSSES.items():
        true = float(expected[theirs].detach())
        assert true > 1e-3
        assert float(getattr(found, name).detach()) == pytest.approx(true, rel=1e-6, abs=0)
    sum(expected.values()).backward()
    found.total.backward()
    gradients = dict(ours.named_parameters())
    learning = [item for item in reference.named_parameters() if item[1].grad is not None]
    assert len(learning) >= 60
    for name, parameter in learning:
        scale = float(parameter.grad.abs().max())
        torch.testing.assert_close(
            gradients[name].grad, parameter.grad, atol=scale * 1e-6 + 1e-15, rtol=0
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
