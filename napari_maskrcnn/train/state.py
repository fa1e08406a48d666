"""Everything a training is in the middle of: it goes to a checkpoint and comes back exactly."""

from __future__ import annotations

import copy
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.train.guard import Guard
from napari_maskrcnn.train.setbacks import Setbacks

EMA_DECAY = 0.999
WEIGHT_DECAY = 0.01
WARM_UP_STEPS = 100
WARM_UP_SHARE = 0.1
FINAL_RATE = 0.02
# What a checkpoint holds, at least.
KEPT = {"settings", "network", "average", "optimizer", "step", "seconds", "history", "best"}
KEPT |= {"precision", "setbacks"}


def rate_at(peak: float, step: int, position: float) -> float:
    """Learning rate after so many steps at a `position` in the budget: warm-up, then a cosine."""
    # A short training must not spend all of itself warming up.
    warm = min(1.0, max((step + 1) / WARM_UP_STEPS, position / WARM_UP_SHARE))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, position)))
    return peak * warm * (FINAL_RATE + (1 - FINAL_RATE) * cosine)


@dataclass
class TrainState:
    """Networks, optimiser and counters of one training.

    Parameters
    ----------
    network : MaskRCNN
        The weights that learn.
    average : MaskRCNN
        Their exponential moving average, which is what predicts best.
    optimizer : torch.optim.Optimizer
    step : int
        Steps done.
    seconds : float
        Time spent training, over all resumed runs.
    history : list of dict
        One row of numbers a step, and one a validation.
    best : dict
        ``score``, ``scores`` and ``weights`` of the best validated network, empty before the first.
    precision : str
        Type of the arithmetic, as `autocast` wants it: chosen by a measurement, and the same in
        every resumed run.
    setbacks : Setbacks
        How the training goes on otherwise than it was begun.
    guard : Guard, optional
        Leads what is validated and returned back to the base; none from scratch.
    """

    network: MaskRCNN
    average: MaskRCNN
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    precision: str = "auto"
    setbacks: Setbacks = field(default_factory=Setbacks)
    guard: Guard | None = None

    @classmethod
    def start(cls, network: MaskRCNN, rate: float, guard: Guard | None = None) -> TrainState:
        """Begin with `network`, whose parameters that require a gradient learn."""
        learning = [p for p in network.parameters() if p.requires_grad]
        # Biases and norms are scales and offsets; pulling them to zero only hurts.
        groups = [
            {"params": [p for p in learning if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
        ]
        average = copy.deepcopy(network).eval().requires_grad_(False)
        # Apple's GPUs have it only from later versions of torch on.
        fused = next(network.parameters()).device.type != "mps"
        optimizer = torch.optim.AdamW(groups, lr=rate, fused=fused)
        return cls(network, average, optimizer, guard=guard)

    def set_rate(self, peak: float, position: float) -> float:
        """Set the learning rate for a `position` in the budget, 0…1."""
        rate = self.setbacks.rate * rate_at(peak, self.step, position)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    @torch.no_grad()
    def update_average(self) -> None:
        """Move the average towards the weights, faster in the first steps."""
        weight = 1 - min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        pairs = zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        )
        for mean, value in pairs:
            if mean.is_floating_point():
                mean.lerp_(value, weight)
            else:
                mean.copy_(value)

    def current(self) -> MaskRCNN:
        """Network that would be returned now: the average, within reach of the base if guarded."""
        return self.average if self.guard is None else self.guard.near(self.average)

    def keep_if_best(self, network: MaskRCNN, score: float, scores: dict[str, float]) -> None:
        """Remember the weights of `current` when no earlier ones scored higher."""
        if not self.best or score >= self.best["score"]:
            weights = {k: v.clone() for k, v in network.state_dict().items()}
            self.best = {"score": score, "scores": dict(scores), "weights": weights}

    def result(self) -> MaskRCNN:
        """Network with the best weights known: the best validated, else the current ones."""
        if not self.best:
            return self.current()
        self.average.load_state_dict(self.best["weights"])
        return self.average

    def save(self, path: Path, settings: dict[str, Any]) -> None:
        """Write a checkpoint beside and move it into place: never a half one.

        Raises
        ------
        OSError
            The disk is full, or the folder cannot be written in; the checkpoint before it stays.
        """
        values = {
            "settings": settings,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "best": self.best,
            "precision": self.precision,
            "setbacks": asdict(self.setbacks),
        }
        beside = path.with_name(path.name + ".part")
        try:
            with beside.open("wb") as file:
                torch.save(values, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException as error:
            beside.unlink(missing_ok=True)
            if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
                # torch's writer hides the system's error behind one of its own.
                raise error.__context__ from None
            raise

    def restore(self, path: Path, settings: dict[str, Any]) -> None:
        """Continue from a checkpoint of the same settings.

        Raises
        ------
        ValueError
            The checkpoint is damaged, or belongs to another training.
        """
        try:
            values = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise ValueError(
                f"{path}: not a readable checkpoint ({error}); delete it to start anew."
            ) from error
        if not isinstance(values, dict) or not values.keys() >= KEPT:
            raise ValueError(
                f"{path}: not a checkpoint of a training by this version; delete it to start anew."
            )
        if values["settings"] != settings:
            changed = [k for k in settings if values["settings"].get(k) != settings[k]]
            raise ValueError(
                f"{path}: belongs to a training with another {', '.join(changed)}; use the same "
                "settings, or start without resuming."
            )
        self.network.load_state_dict(values["network"])
        self.average.load_state_dict(values["average"])
        self.optimizer.load_state_dict(values["optimizer"])
        self.step, self.seconds = values["step"], values["seconds"]
        self.history, self.best = values["history"], values["best"]
        self.precision, self.setbacks = values["precision"], Setbacks(**values["setbacks"])
