"""The training loop: crops, losses, a step; validation and checkpoints on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from napari_maskrcnn.device import choose_device, layout
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.network.freezing import freeze
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.train.batches import Batches
from napari_maskrcnn.train.clock import Clock
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.estimate import remember
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.state import TrainState
from napari_maskrcnn.train.step import train_step

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
    batches = Batches(examples, settings, network.config.class_names, zoom)
    clock = Clock(settings, batches.steps_per_epoch, state)
    trouble = ""
    while clock.position() < 1 and not (stop is not None and stop.is_set()):
        state.set_rate(settings.rate, clock.position())
        try:
            row = train_step(state, batches, device) | {"seconds": clock.tick()}
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
    remember(network.config, settings, device, state)
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
