"""The training loop: crops, losses, a step; validation and checkpoints on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_maskrcnn.device import autocast, choose_device, layout
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.network.config import SamplingConfig
from napari_maskrcnn.network.freezing import freeze
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.train.augment import Crop, random_crop
from napari_maskrcnn.train.clock import Clock
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.gradients import routed
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.state import TrainState
from napari_maskrcnn.train.targets import make_target

# A crop is small: 64 regions are as dense on it as 256 on an image of 512 × 512 network pixels.
SAMPLING = SamplingConfig(
    rpn_samples=256, pre_nms=1000, post_nms=512, roi_samples=64, roi_positive=0.25
)
GRADIENT_NORM = 5.0

Score = Callable[[MaskRCNN], dict[str, float]]


@dataclass(frozen=True)
class Trained:
    """What a training ended with.

    Parameters
    ----------
    network : MaskRCNN
        Best weights, in eval mode.
    history : tuple of dict
        A row ``step, seconds, loss, rpn_class, …`` for every step, with ``ap50, ap75`` where it was
        validated.
    finished : bool
        False when it was stopped before its budget was used.
    scores : dict
        What `score` said of these weights; empty when they were never validated.
    trouble : str
        Why it ended before its budget, if not because it was stopped.
    """

    network: MaskRCNN
    history: tuple[dict[str, Any], ...]
    finished: bool
    scores: dict[str, float] = field(default_factory=dict)
    trouble: str = ""


def train_job(
    network: MaskRCNN,
    examples: Sequence[Example],
    settings: TrainSettings,
    *,
    zoom: float,
    score: Score | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    stop: threading.Event | None = None,
) -> Job[Trained]:
    """Train `network` on crops of `examples`.

    Parameters
    ----------
    network : MaskRCNN
        Changed in place.
    examples : sequence of Example
        At least one with an object.
    settings : TrainSettings
    zoom : float
        Network pixels an image pixel.
    score : callable, optional
        Measures a network on held-out images as ``{"ap50": …, "ap75": …}``; the best one is kept.
    checkpoint : Path, optional
        Written at least every minute, and removed by nobody here.
    resume : bool
        Continue from `checkpoint` if it is there.
    stop : threading.Event, optional
        Ends the job at the next step; the best weights so far are returned.

    Yields
    ------
    Progress
        After every step, with ``data`` the row of the history.

    Raises
    ------
    ArithmeticError
        A loss of the first step is not finite; names step and images. A later one ends the
        training as stopping does, with the weights before it.
    """
    device = choose_device(settings.device)
    network = network.to(device).to(memory_format=layout(device))
    state = _begin(network, settings)
    identity = {**asdict(settings), "images": [example.name for example in examples]}
    if resume and checkpoint is not None and checkpoint.is_file():
        state.restore(checkpoint, identity)
    batches = _Batches(examples, settings, network.config.class_names, zoom, device)
    clock = Clock(settings, batches.steps_per_epoch, state)
    trouble = ""
    while clock.position() < 1 and not (stop is not None and stop.is_set()):
        state.set_rate(settings.rate, clock.position())
        try:
            row = _step(state, batches, device) | {"seconds": clock.tick()}
        except ArithmeticError as error:
            if state.step == 0:
                raise
            trouble = f"{error} The weights before that step are kept."
            break
        if score is not None and clock.validation_due():
            row |= _validate(state, score)
            clock.validated()
        state.history.append(row)
        if checkpoint is not None and clock.checkpoint_due():
            state.save(checkpoint, identity)
        yield Progress(*clock.progress(), f"Loss {row['loss']:.3f}", row)
        # Whoever drains the job may pause it: the budget is for training alone.
        clock.go_on()
    finished = clock.position() >= 1 and not trouble
    if checkpoint is not None:
        # Before the last validation: one that only stopping brings must not change a resumed run.
        state.save(checkpoint, identity)
    due = state.step > 0 and (finished or not state.best) and "ap50" not in state.history[-1]
    if score is not None and due:
        state.history[-1] |= _validate(state, score)
    scores = dict(state.best.get("scores", {}))
    # Laid out as a loaded network is, so that a saved model predicts the same bit for bit.
    best = state.result().eval().to(memory_format=torch.contiguous_format)
    return Trained(best, tuple(state.history), finished, scores, trouble)


def _validate(state: TrainState, score: Score) -> dict[str, float]:
    """Measure the average's weights and keep them when none were better."""
    scores = score(state.average)
    state.keep_if_best((scores["ap50"] + scores["ap75"]) / 2, scores)
    return scores


def _begin(network: MaskRCNN, settings: TrainSettings) -> TrainState:
    freeze(network, settings.layers, norms=not settings.from_scratch)
    return TrainState.start(network, settings.rate)


def _step(state: TrainState, batches: _Batches, device: torch.device) -> dict[str, Any]:
    """One step of the optimiser; returns the losses."""
    crops, numbers = batches.crops(state.step)
    generator = torch.Generator().manual_seed(batches.seed(state.step))
    pixels = torch.from_numpy(np.stack([crop.image for crop in crops]))
    images = pixels.to(device, memory_format=layout(device))
    config = state.network.config
    mean, std = (images.new_tensor(v)[:, None, None] for v in (config.image_mean, config.image_std))
    targets = [
        make_target(crop, batches.classes_of(n), device)
        for crop, n in zip(crops, numbers, strict=True)
    ]
    with autocast(device):
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
        raise ArithmeticError(
            f"Training stopped at step {step + 1}: the {what} ({', '.join(wrong)}) is not finite "
            f"on {', '.join(dict.fromkeys(names))}. Use a lower learning rate, or check these "
            "images."
        )


class _Batches:
    """Which crops each step sees: a function of seed and step alone, so that resuming is exact."""

    def __init__(
        self,
        examples: Sequence[Example],
        settings: TrainSettings,
        class_names: Sequence[str],
        zoom: float,
        device: torch.device,
    ) -> None:
        self.examples, self.settings, self.zoom = list(examples), settings, zoom
        self._share = _shares(examples)
        number = {name: k + 1 for k, name in enumerate(class_names)}
        self._classes = [
            {i: number[c] for i, c in e.classes.items() if c in number} for e in examples
        ]
        area = sum(e.area for e in examples) * zoom**2 / settings.crop**2
        crops = max(len(examples), round(area))
        self.steps_per_epoch = max(1, -(-crops // settings.batch))

    def seed(self, step: int) -> int:
        """Seed of the samplers of a step."""
        return int(np.random.SeedSequence([self.settings.seed, step]).generate_state(1)[0])

    def crops(self, step: int) -> tuple[list[Crop], list[int]]:
        """Crops of a step, and the numbers of their examples."""
        crops, numbers = [], []
        for k in range(self.settings.batch):
            rng = np.random.default_rng([self.settings.seed, step, k])
            number = int(rng.choice(len(self.examples), p=self._share))
            crops.append(random_crop(self.examples[number], self.settings.crop, self.zoom, rng))
            numbers.append(number)
        return crops, numbers

    def classes_of(self, number: int) -> Mapping[int, int]:
        """Class number of each label value of an example."""
        return self._classes[number]


def _shares(examples: Sequence[Example]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How often each image is drawn.

    Grey and colour images are drawn by the square root of how many there are, so that the rarer
    kind is not forgotten (518 nuclei images hold 77 in colour: 15 % of them, 29 % of the draws).
    """
    colour = np.asarray([example.is_colour for example in examples])
    share = np.where(
        colour, 1 / np.sqrt(max(1, colour.sum())), 1 / np.sqrt(max(1, (~colour).sum()))
    )
    return share / share.sum()
