"""Apple's GPUs have no float64: what needs it is computed on the processor."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from napari_maskrcnn.network import fused_layers, ignoring
from napari_maskrcnn.network.config import SamplingConfig
from napari_maskrcnn.network.fuse import fuse
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.targets import Target

SAMPLING = SamplingConfig(
    rpn_samples=64, pre_nms=200, post_nms=100, roi_samples=32, roi_positive=0.5
)
CPU = torch.device("cpu")
IMAGES = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(4))


class OnProcessor(Tensor):
    """What was moved to the processor, and what is computed of it there."""


class Apple(TorchFunctionMode):
    """Takes tensors for those of an Apple GPU until they are moved, and refuses float64 there."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if function is Tensor.cpu:
            return result.as_subclass(OnProcessor)
        if function is Tensor.to and isinstance(args[1], torch.device):
            result = result.as_subclass(Tensor)
        there = isinstance(result, Tensor) and not isinstance(result, OnProcessor)
        if there and result.dtype == torch.float64:
            raise TypeError("the MPS framework doesn't support float64")
        return result


@pytest.fixture(autouse=True)
def apple(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignoring, "WITHOUT_FLOAT64", ("cpu",))
    monkeypatch.setattr(fused_layers, "has_fused_operators", lambda *_: False)


def test_float64_is_refused_unless_it_was_moved() -> None:
    with Apple():
        assert torch.ones(2).cpu().double().sum() == 2
        for wrong in (lambda: torch.ones(2).double(), lambda: torch.ones(2).cpu().double().to(CPU)):
            with pytest.raises(TypeError, match="float64"):
                wrong()


def test_it_predicts(tiny: MaskRCNN) -> None:
    here = fuse(tiny).detect(IMAGES)[0]
    with Apple():
        there = fuse(tiny).detect(IMAGES)[0]
    assert there.boxes.equal(here.boxes)
    assert there.masks.equal(here.masks)


def test_it_learns_where_a_part_is_unknown(tiny: MaskRCNN) -> None:
    labels = torch.zeros(64, 96, dtype=torch.int64)
    labels[10:30, 20:50] = 5
    ignored = torch.zeros(64, 96, dtype=torch.bool)
    ignored[:, 70:] = True
    box = torch.tensor([[20.0, 10, 50, 30]])
    target = Target(box, torch.tensor([1]), torch.tensor([5]), labels, ignored)

    def losses() -> dict[str, float]:
        generator = torch.Generator().manual_seed(0)
        return tiny.losses(IMAGES, [target], SAMPLING, generator).to_dict()

    here = losses()
    with Apple():
        assert losses() == here
