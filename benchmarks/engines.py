"""The two engines as people use them: an image to a label image, and a step of training."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils._pytree import tree_map

from benchmarks.setting import Setting
from napari_maskrcnn.models.card import ModelCard
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.network.config import SamplingConfig
from napari_maskrcnn.network.targets import Target
from napari_maskrcnn.predict.plane import predict
from napari_maskrcnn.train.augment import Crop
from napari_maskrcnn.train.gradients import routed
from napari_maskrcnn.train.targets import make_target

# Predicting returns a label image (H, W); a step returns nothing.
Call = Callable[[], NDArray[np.int32] | None]
# So small that the weights stay what they are over all measured steps.
RATE = 1e-9


@dataclass(frozen=True)
class Engine:
    """A package in a precision: ``package`` is "torchvision" or "ours"."""

    package: str
    dtype: str

    @property
    def name(self) -> str:
        """Name in the tables."""
        return f"{self.package} {self.dtype}"

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Context of the package's calls."""
        if self.dtype == "float32":
            return nullcontext()
        return torch.autocast(device.type, getattr(torch, self.dtype))


ENGINES = tuple(
    Engine(package, dtype)
    for dtype in ("float32", "bfloat16")
    for package in ("torchvision", "ours")
)


def predictor(engine: Engine, setting: Setting, device: torch.device) -> Call:
    """Return a call that predicts the setting's image."""
    make = our_predictor if engine.package == "ours" else torchvision_predictor
    return make(engine, setting, device)


def torchvision_predictor(engine: Engine, setting: Setting, device: torch.device) -> Call:
    """Predict, and paint the masks the way its users do: the best score last."""
    network = careful(setting.torchvision().to(device), engine)
    image = setting.images[0]

    def run() -> NDArray[np.int32]:
        """Return the label image."""
        chw = torch.from_numpy(image).permute(2, 0, 1).float() / 255
        with torch.inference_mode(), engine.autocast(device):
            found = network([chw.to(device)])[0]
        masks = (found["masks"][:, 0] > 0.5).cpu().numpy()
        labels = np.zeros(image.shape[:2], np.int32)
        for k in range(len(masks))[::-1]:
            labels[masks[k]] = k + 1
        return labels

    return run


def our_predictor(engine: Engine, setting: Setting, device: torch.device) -> Call:
    """Predict with this package's own function."""
    config = setting.config
    card = ModelCard(name="random", network=config.to_dict())
    model = Model(setting.ours().to(device), card, None, device)
    image = setting.images[0]

    def run() -> NDArray[np.int32]:
        found = predict(image, model, score=config.score_floor, precision=engine.dtype)
        return found.to_labels()

    return run


def trainer(engine: Engine, setting: Setting, device: torch.device) -> Call:
    """Return a call that does a step on the setting's images; the targets are made already."""
    make = our_losses if engine.package == "ours" else torchvision_losses
    network, losses = make(engine, setting, device)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9)

    def run() -> None:
        """Do the step."""
        with engine.autocast(device):
            loss = losses()
        optimizer.zero_grad(set_to_none=True)
        with routed(device) if engine.package == "ours" else nullcontext():
            loss.backward()
        optimizer.step()
        # A training watches its loss, so the device has to be done.
        float(loss.detach())

    return run


def careful(network: Any, engine: Engine) -> Any:
    """Give torchvision's network in bfloat16 what a careful user gives it.

    Its coordinates would be bfloat16 too, and so would the numbers of objects: with more than 256
    objects an image it stops training with an error.
    """
    if engine.dtype == "float32":
        return network
    for layer in (network.rpn.head, network.roi_heads.box_predictor):
        layer.register_forward_hook(lambda _, __, out: tree_map(torch.Tensor.float, out))
    return network.to(memory_format=torch.channels_last)


def torchvision_losses(
    engine: Engine, setting: Setting, device: torch.device
) -> tuple[Any, Callable[[], Any]]:
    """Network of torchvision, and a call that returns the sum of its losses."""
    network = careful(setting.torchvision().train().to(device), engine)
    images = [
        (torch.from_numpy(image).permute(2, 0, 1).float() / 255).to(device)
        for image in setting.images
    ]
    targets = []
    for labels in setting.labels:
        truth = _truth(labels, device)
        masks = (truth.labels == truth.ids[:, None, None]).to(torch.uint8)
        targets.append({"boxes": truth.boxes, "labels": truth.classes, "masks": masks})
    return network, lambda: sum(network(images, targets).values())


def our_losses(
    engine: Engine, setting: Setting, device: torch.device
) -> tuple[Any, Callable[[], Any]]:
    """Network of ours as the training loop sets it up, and a call that returns its losses' sum."""
    network = setting.ours().train().to(device, memory_format=torch.channels_last)
    pixels = torch.from_numpy(setting.images).permute(0, 3, 1, 2).float() / 255
    mean, std = (
        torch.tensor(v)[:, None, None]
        for v in (setting.config.image_mean, setting.config.image_std)
    )
    images = ((pixels - mean) / std).to(device)
    targets = [_truth(labels, device) for labels in setting.labels]
    generator = torch.Generator().manual_seed(0)
    sampling = SamplingConfig()
    return network, lambda: network.losses(images, targets, sampling, generator).total


def _truth(labels: NDArray[Any], device: torch.device) -> Target:
    """What is true of labels (H, W), for either engine: torchvision knows no unknown area."""
    crop = Crop(np.zeros((3, *labels.shape), np.float32), labels.astype(np.int64))
    return replace(make_target(crop, {}, device), ignored=None)
