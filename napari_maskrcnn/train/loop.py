"""The training loop: crops, losses, a step; validation and checkpoints on the way."""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from napari_maskrcnn.device import choose_device, layout, precision
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.network.freezing import freeze
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.train.base import new_rows
from napari_maskrcnn.train.batches import Batches
from napari_maskrcnn.train.clock import Clock
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.estimate import remember
from napari_maskrcnn.train.guard import Guard
from napari_maskrcnn.train.recover import StepFailed, save_or_tell, step_or_recover
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.state import TrainState

EARLY = (
    "The training ended before its time was used: half of it had brought nothing better on the "
    "part that is held out."
)

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
    notes : tuple of str
        What did not go as it was meant to, and how it went on.
    """

    network: MaskRCNN
    history: tuple[dict[str, Any], ...]
    finished: bool
    scores: dict[str, float] = field(default_factory=dict)
    trouble: str = ""
    notes: tuple[str, ...] = ()


def train_job(
    network: MaskRCNN,
    examples: Sequence[Example],
    settings: TrainSettings,
    *,
    zoom: float,
    new_classes: Sequence[str] = (),
    score: Score | None = None,
    held: Sequence[Example] = (),
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
    new_classes : sequence of str
        Classes that the base does not know, so that nothing leads them back to it.
    score : callable, optional
        Measures a network on held-out images as ``{"ap50": …, "ap75": …}``; the best one is kept.
        Empty when it was stopped, which counts as not measured.
    held : sequence of Example
        These images: a checkpoint is continued with the same ones only.
    checkpoint : Path, optional
        Written at least every minute from the first step on, and removed by nobody here.
    resume : bool
        Continue from `checkpoint` if it is there.
    stop : threading.Event, optional
        Ends the job at the next step; the best weights so far are returned.

    Yields
    ------
    Progress
        After every step, with ``data`` the row of the history; where the training goes on otherwise
        than it was begun, with ``data`` of a ``note`` that says so.

    Raises
    ------
    ArithmeticError
        A loss of the first step is not finite; names step and images. Later the training goes back
        to its average once, with a lower rate; then it ends as stopping does, with the weights
        before that step. See `recover`, also for too little memory and disks that are full.
    """
    device = choose_device(settings.device)
    network = network.to(device).to(memory_format=layout(device))
    state = _begin(network, settings, new_classes)
    identity = _identity(settings, examples, held, state.guard)
    if resume and checkpoint is not None and checkpoint.is_file():
        state.restore(checkpoint, identity)
    batches = Batches(examples, settings, network.config.class_names, zoom)
    clock = Clock(settings, batches.steps_per_epoch, state)
    if score is not None and state.step and clock.validation_due():
        # The checkpoint was written just before it.
        state.history[-1] |= _validate(state, clock, score)
    trouble = ""
    while not (clock.over() or (stop is not None and stop.is_set())):
        state.set_rate(settings.rate, clock.position())
        known = dict(state.setbacks.notes)
        try:
            row = step_or_recover(state, batches, device)
        except StepFailed as error:
            trouble = str(error)
            break
        if row is not None:
            state.history.append(row | {"seconds": clock.tick()})
            validates = score is not None and clock.validation_due()
            if checkpoint is not None and clock.checkpoint_due(validates):
                save_or_tell(state, checkpoint, identity)
            if score is not None and validates:
                state.history[-1] |= _validate(state, clock, score)
            yield Progress(*clock.progress(), f"Loss {row['loss']:.3f}", state.history[-1])
        for note in [n for kind, n in state.setbacks.notes.items() if known.get(kind) != n]:
            yield Progress(*clock.progress(), note, {"note": note})
        # Whoever drains the job may pause it: the budget is for training alone.
        clock.go_on()
    remember(network.config, settings, device, state)
    if checkpoint is not None and state.step:
        # Before the last validation: one that only stopping brings must not change a resumed run.
        save_or_tell(state, checkpoint, identity)
    return _finish(state, clock, score, trouble)


def _finish(state: TrainState, clock: Clock, score: Score | None, trouble: str) -> Trained:
    """Measure the last weights, if nothing better is known, and return the best ones."""
    finished = clock.over() and not trouble
    if finished and clock.position() < 1:
        state.setbacks.notes["early"] = EARLY
    due = state.step > 0 and (finished or not state.best) and "ap50" not in state.history[-1]
    if score is not None and due:
        state.history[-1] |= _validate(state, clock, score)
    # Laid out as a loaded network is, so that a saved model predicts the same bit for bit.
    best = state.result().eval().to(memory_format=torch.contiguous_format)
    return Trained(
        best,
        tuple(state.history),
        finished,
        dict(state.best.get("scores", {})),
        trouble,
        tuple(state.setbacks.notes.values()),
    )


def _validate(state: TrainState, clock: Clock, score: Score) -> dict[str, float]:
    """Measure the weights that would be returned and keep them when none were better."""
    network = state.current()
    scores = score(network)
    if not scores:
        return {}
    state.keep_if_best(network, (scores["ap50"] + scores["ap75"]) / 2, scores)
    clock.validated(scores)
    return scores


def _identity(
    settings: TrainSettings,
    examples: Sequence[Example],
    held: Sequence[Example],
    guard: Guard | None,
) -> dict[str, Any]:
    """Return what must be the same for a checkpoint to be continued; of pixels, a CRC-32."""
    return {
        **asdict(settings),
        "images": [example.name for example in examples],
        "labels": _labels(examples),
        "pixels": _pixels(examples),
        "classes": [sorted(example.classes.items()) for example in examples],
        "validation": [example.name for example in held],
        "labels of the validation": _labels(held),
        # The guard's weights come from the base, so they must be the ones it began with.
        "state of the base": guard.checksum() if guard else None,
    }


def _labels(examples: Sequence[Example]) -> int:
    found = 0
    for example in examples:
        found = zlib.crc32(example.labels.tobytes(), found)
        if example.ignored is not None:
            found = zlib.crc32(example.ignored.tobytes(), found)
    return found


def _pixels(examples: Sequence[Example]) -> int:
    """About a million pixels of each image tell it from others."""
    found = 0
    for example in examples:
        step = 1 + math.isqrt(example.labels.size // 2**20)
        found = zlib.crc32(example.image[::step, ::step].tobytes(), found)
    return found


def _begin(network: MaskRCNN, settings: TrainSettings, new_classes: Sequence[str]) -> TrainState:
    freeze(network, settings.layers, norms=not settings.from_scratch)
    guard = None
    if not settings.from_scratch and settings.reach is not None:
        guard = Guard(network, settings.reach, new_rows(network.config, new_classes))
    state = TrainState.start(network, settings.rate, guard)
    state.precision = str(precision(choose_device(settings.device))).removeprefix("torch.")
    return state
