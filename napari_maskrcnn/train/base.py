"""Where a training starts: the base's network, or a new one, with heads for the classes at hand."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_maskrcnn.instances import label_boxes
from napari_maskrcnn.models.card import ModelCard
from napari_maskrcnn.models.load import load_model
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.presets import compact_config
from napari_maskrcnn.train.classes import class_names
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.settings import TrainSettings

# Objects within this factor of what the base expects need no rescaling.
SIZE_TOLERANCE = 2.0
# Diameter in network pixels that objects are brought to, for a base without a size of its own.
NETWORK_DIAMETER = 48.0
# Weights are drawn with torch's one generator, which two threads must not seed at once.
_DRAWING = threading.Lock()


@dataclass(frozen=True)
class Start:
    """A network to train, its magnification, and the card it starts with.

    Parameters
    ----------
    network : MaskRCNN
        A copy; the base stays as it is.
    card : ModelCard
        Base, score and diameter of the model to be.
    new_classes : tuple of str
        Classes that the base does not know.
    continues : bool
        Whether this is to know what the base knows, and more. Where some of several classes are
        left out, as 79 of COCO's 80, the base is a place to start from, and may be forgotten.
    """

    network: MaskRCNN
    card: ModelCard
    new_classes: tuple[str, ...] = ()
    continues: bool = False

    @property
    def zoom(self) -> float:
        """Network pixels an image pixel."""
        scale = self.network.config.scale
        if scale is None:
            raise ValueError("a network in training has a fixed scale")
        return scale


def begin(examples: Sequence[Example], settings: TrainSettings, base: Model | None) -> Start:
    """Build the network to train.

    Parameters
    ----------
    examples : sequence of Example
        They say the classes and the size of the objects.
    settings : TrainSettings
    base : Model, optional
        Loaded already; None loads ``settings.base``.
    """
    diameter = settings.diameter or median_diameter(examples)
    names = class_names(examples)
    if settings.from_scratch:
        config = compact_config(names or (settings.class_name,))
        with _DRAWING, torch.random.fork_rng(devices=[]):
            # Weights are made on the CPU; torch.manual_seed would seed every GPU, and leave it so.
            torch.default_generator.manual_seed(settings.seed)
            network = MaskRCNN(config)
        return Start(network, ModelCard(name="untitled", diameter=diameter))
    base = base or load_model(settings.base, settings.device)
    if not names:
        # Which of several classes they are nobody said.
        names = base.class_names if len(base.class_names) == 1 else (settings.class_name,)
    config = _scaled(base, diameter, settings.diameter is not None)
    config = replace(config, class_names=names)
    size = diameter if config.scale != base.network.config.scale else base.card.diameter
    network = with_classes(base.network, config)
    card = ModelCard(
        name="untitled",
        base=base.name,
        score=base.score,
        diameter=size,
        history=base.card.history,
    )
    new = tuple(name for name in config.class_names if name not in base.class_names)
    continues = len(base.class_names) == 1 or set(base.class_names) <= set(config.class_names)
    return Start(network, card, new, continues)


def _scaled(base: Model, diameter: float, asked: bool) -> NetworkConfig:
    """Configuration of the base, magnified so that the objects have the size it knows."""
    config = base.network.config
    if config.scale is None or base.card.diameter is None:
        scale = config.scale or NETWORK_DIAMETER / diameter
        return replace(config, scale=scale, stretch=True)
    ratio = base.card.diameter / diameter
    if not asked and 1 / SIZE_TOLERANCE <= ratio <= SIZE_TOLERANCE:
        return config
    return replace(config, scale=config.scale * ratio)


def with_classes(network: MaskRCNN, config: NetworkConfig) -> MaskRCNN:
    """Copy of `network` for `config`; classes known already keep their weights.

    New classes start from the mean of the known ones, so that a detector of "nucleus" finds
    the objects of both its new kinds at once and only has to learn the difference.
    """
    old = network.config.class_names
    rows = [0] + [old.index(n) + 1 if n in old else -1 for n in config.class_names]
    with torch.device("meta"):
        new = MaskRCNN(config)
    state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
    for name, width in _class_rows(config).items():
        value = state[name].reshape(len(old) + 1, width, *state[name].shape[1:])
        mean = value[1:].mean(dim=0)
        state[name] = torch.cat([value[row] if row >= 0 else mean for row in rows])
    new.to_empty(device="cpu").load_state_dict(state)
    return new


def new_rows(config: NetworkConfig, new_classes: Sequence[str]) -> dict[str, Tensor]:
    """Rows, (rows,) bool, of the classes that a base does not know, by the name of their tensor."""
    new = torch.tensor([False] + [name in new_classes for name in config.class_names])
    return {name: new.repeat_interleave(width) for name, width in _class_rows(config).items()}


def _class_rows(config: NetworkConfig) -> dict[str, int]:
    """Tensors with rows for each class, background first, and how many rows a class has."""
    layers = {"box_predictor.cls_score": 1}
    if not config.class_agnostic_boxes:
        layers["box_predictor.bbox_pred"] = 4
    if not config.class_agnostic_masks:
        layers["mask_predictor.mask_fcn_logits"] = 1
    return {
        f"roi_heads.{layer}.{kind}": rows
        for layer, rows in layers.items()
        for kind in ("weight", "bias")
    }


def median_diameter(examples: Sequence[Example]) -> float:
    """Median over all objects of the diameter of the circle of their area, in pixels."""
    areas = [
        np.count_nonzero(example.labels[box] == i)
        for example in examples
        for i, box in zip(*label_boxes(example.labels), strict=True)
    ]
    return float(np.sqrt(np.median(areas) * 4 / np.pi))
