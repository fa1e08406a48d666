"""How long a training takes on this computer: as an earlier one took, or as a step that is tried.

Seconds a step are kept for each device, network and setting that a step's work depends on.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from napari_maskrcnn.device import choose_device, describe_device, layout
from napari_maskrcnn.formats.atomic import atomic_path
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.models.folder import home_folder
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.freezing import freeze
from napari_maskrcnn.train.base import Start, begin
from napari_maskrcnn.train.batches import Batches, fitted
from napari_maskrcnn.train.classes import settle_classes
from napari_maskrcnn.train.clock import VALIDATION_SHARE
from napari_maskrcnn.train.dataset import Example, require_objects
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.split import split
from napari_maskrcnn.train.state import TrainState
from napari_maskrcnn.train.step import train_step

FILE = "training-speed.json"
# Fewer steps are mostly the first one, which is slow.
LEAST_STEPS = 10
# Machines and settings that are kept; the oldest go.
MOST_KEPT = 50


@dataclass(frozen=True)
class Estimate:
    """What a training costs.

    Parameters
    ----------
    steps_per_epoch : int
        Steps of a pass over the images.
    seconds_per_step : float
        With what validation takes.
    measured : bool
        Whether an earlier training says so; else one step was tried.
    """

    steps_per_epoch: int
    seconds_per_step: float
    measured: bool

    def seconds(self, settings: TrainSettings) -> float:
        """Seconds that the budget of `settings` takes."""
        if settings.seconds is not None:
            return settings.seconds
        return (settings.epochs or 0) * self.steps_per_epoch * self.seconds_per_step

    def epochs(self, settings: TrainSettings) -> float:
        """Passes over the images in the budget of `settings`."""
        if settings.seconds is None:
            return float(settings.epochs or 0)
        return settings.seconds / (self.steps_per_epoch * self.seconds_per_step)

    def text(self, settings: TrainSettings) -> str:
        """What the budget is in the other unit: epochs as minutes here, minutes as passes."""
        if settings.seconds is None:
            return f"{_duration(self.seconds(settings))} on this computer"
        passes = round(self.epochs(settings))
        if passes < 1:
            return "less than one pass over the images on this computer"
        return f"about {passes} pass{'es' * (passes > 1)} over the images on this computer"


def estimate_job(
    examples: Sequence[Example],
    settings: TrainSettings,
    *,
    validation: Sequence[Example] | None = None,
    base: Model | None = None,
    stop: threading.Event | None = None,
) -> Job[Estimate | None]:
    """Say what a training of `fine_tune_job` with the same arguments would cost.

    Takes seconds where no training like it ran on this computer before, for a step is tried then.
    Returns None after `stop`.

    Raises
    ------
    ValueError
        As for the training.
    """
    settings.validate()
    require_objects(examples)
    examples, validation = settle_classes(examples, validation)
    yield Progress(0, 0, "Loading the model")
    start = begin([*examples, *(validation or ())], settings, base)
    if validation is None:
        examples, _ = split(examples, settings.seed)
    device = choose_device(settings.device)
    settings = fitted(settings, examples, start.zoom)
    batches = Batches(examples, settings, start.network.config.class_names, start.zoom)
    known = remembered(start.network.config, settings, device)
    if known is not None:
        return Estimate(batches.steps_per_epoch, known, True)
    tried = yield from _try_job(start, examples, settings, device, stop)
    if tried is None:
        return None
    return Estimate(batches.steps_per_epoch, tried * (1 + VALIDATION_SHARE), False)


def _try_job(
    start: Start,
    examples: Sequence[Example],
    settings: TrainSettings,
    device: torch.device,
    stop: threading.Event | None,
) -> Job[float | None]:
    """Seconds of a step, from the second one with a single crop: the first one only warms up."""
    network = start.network.to(device).to(memory_format=layout(device))
    freeze(network, settings.layers, norms=not settings.from_scratch)
    state = TrainState.start(network, settings.rate)
    single = replace(settings, batch=1)
    batches = Batches(examples, single, network.config.class_names, start.zoom)
    seconds = 0.0
    for number in range(2):
        if stop is not None and stop.is_set():
            return None
        yield Progress(number, 2, "Trying a step")
        begun = time.perf_counter()
        train_step(state, batches, device)
        seconds = time.perf_counter() - begun
    return seconds * settings.size


def remember(
    config: NetworkConfig, settings: TrainSettings, device: torch.device, state: TrainState
) -> None:
    """Keep what a step of a training took, unless it was too short to say or took smaller ones."""
    if state.step < LEAST_STEPS or state.setbacks.batch or state.setbacks.crop:
        return
    key = _key(config, settings, device)
    kept = {k: v for k, v in _read().items() if k != key}
    kept = dict(list(kept.items())[-MOST_KEPT + 1 :])
    kept[key] = round(state.seconds / state.step, 5)
    # It only saves trying a step the next time, so no training fails for it.
    with suppress(OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(_file(), overwrite=True) as part:
            part.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def remembered(
    config: NetworkConfig, settings: TrainSettings, device: torch.device
) -> float | None:
    """Seconds a step of the last training like this one on this computer; None without one."""
    return _read().get(_key(config, settings, device))


def _key(config: NetworkConfig, settings: TrainSettings, device: torch.device) -> str:
    """What the work of a step, and the time for it, depend on."""
    network = f"{config.backbone}-{config.fpn_channels}-{config.box_channels}"
    work = f"layers {settings.layers}, {settings.size} x {settings.side} px"
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    return f"{describe_device(device)}{threads}, {network}, {work}"


def _file() -> Path:
    return home_folder() / FILE


def _read() -> dict[str, float]:
    """What is kept; nothing when it cannot be read."""
    with suppress(OSError, ValueError, AttributeError):
        found = json.loads(_file().read_text(encoding="utf-8"))
        return {str(k): float(v) for k, v in found.items() if float(v) > 0}
    return {}


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 90:
        return f"about {minutes} minute{'s' * (minutes > 1)}"
    return f"about {seconds / 3600:.0f} hours"
