"""One step of the optimiser: crops in, losses out, the weights a little better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from napari_maskrcnn.device import autocast, layout
from napari_maskrcnn.network.config import SamplingConfig
from napari_maskrcnn.train.batches import Batches
from napari_maskrcnn.train.gradients import routed
from napari_maskrcnn.train.state import TrainState
from napari_maskrcnn.train.targets import make_target

# A crop is small: 64 regions are as dense on it as 256 on an image of 512 × 512 network pixels.
SAMPLING = SamplingConfig(
    rpn_samples=256, pre_nms=1000, post_nms=512, roi_samples=64, roi_positive=0.25
)
GRADIENT_NORM = 5.0


class NotFiniteError(ArithmeticError):
    """A loss or a gradient is not finite.

    Parameters
    ----------
    what : str
        What is not, and on which images.
    step : int
        Number of the step, from 1.
    """

    def __init__(self, what: str, step: int) -> None:
        self.what = what
        super().__init__(
            f"Training stopped at step {step}: {what}. Use a lower learning rate, or check these "
            "images."
        )


def train_step(state: TrainState, batches: Batches, device: torch.device) -> dict[str, Any]:
    """Learn from the crops of the next step.

    Returns
    -------
    dict
        ``step`` and ``loss`` with its parts.

    Raises
    ------
    NotFiniteError
        A loss or a gradient is not finite; the weights are as they were, the statistics of norms
        that learn are not.
    """
    crops, numbers = batches.crops(state)
    generator = torch.Generator().manual_seed(batches.seed(state))
    pixels = torch.from_numpy(np.stack([crop.image for crop in crops]))
    images = pixels.to(device, memory_format=layout(device))
    config = state.network.config
    mean, std = (images.new_tensor(v)[:, None, None] for v in (config.image_mean, config.image_std))
    targets = [
        make_target(crop, batches.classes_of(n), device)
        for crop, n in zip(crops, numbers, strict=True)
    ]
    with autocast(device, state.precision):
        losses = state.network.losses((images - mean) / std, targets, SAMPLING, generator)
    names = [batches.examples[n].name for n in numbers]
    values = losses.to_dict()
    _require_finite("loss", values, state.step, names)
    state.optimizer.zero_grad(set_to_none=True)
    with routed(device):
        losses.total.backward()
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), GRADIENT_NORM)
    # Before the weights take it: they are what is kept.
    _require_finite("gradient", {"norm": float(norm)}, state.step, names)
    state.optimizer.step()
    state.step += 1
    state.update_average()
    return {"step": state.step, "loss": sum(values.values()), **values}


def _require_finite(
    what: str, values: Mapping[str, float], step: int, names: Sequence[str]
) -> None:
    wrong = [name for name, value in values.items() if not np.isfinite(value)]
    if wrong:
        images = ", ".join(dict.fromkeys(names))
        raise NotFiniteError(f"the {what} ({', '.join(wrong)}) is not finite on {images}", step + 1)
