"""Where a training stands in its budget, of steps or of seconds, and what is due."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.state import TrainState

CHECKPOINT_SECONDS = 50.0
# Validation may take this share of the time, and happens at least this many times.
VALIDATION_SHARE = 0.15
VALIDATIONS = 10
# A training ends early when this share of the budget brought no better validation.
PATIENCE = 0.5


class Clock:
    """Counts the time of one training into its state, and says what is due."""

    def __init__(self, settings: TrainSettings, steps_per_epoch: int, state: TrainState) -> None:
        self._budget, self._state = settings.seconds, state
        self._steps = (settings.epochs or 0) * steps_per_epoch
        self._last = self._saved = time.monotonic()
        self._validation_cost = 0.0
        self._look_back()

    def position(self) -> float:
        """Share of the budget used, 0…1."""
        if self._budget is None:
            return self._state.step / self._steps
        return self._state.seconds / self._budget

    def _look_back(self) -> None:
        """Note where the last and the best validation of a resumed run were."""
        self._validated_at = self._best_at = 0.0
        self._best = -1.0
        for row in self._state.history:
            if "ap50" in row:
                self._validated_at = self._position_of(row)
                if (value := row["ap50"] + row["ap75"]) > self._best:
                    self._best, self._best_at = value, self._validated_at

    def _position_of(self, row: dict[str, Any]) -> float:
        if self._budget is None:
            return float(row["step"] / self._steps)
        return float(row["seconds"] / self._budget)

    def progress(self) -> tuple[int, int]:
        """Done and total: steps, or seconds."""
        if self._budget is None:
            return self._state.step, self._steps
        return min(int(self._state.seconds), int(self._budget)), max(1, int(self._budget))

    def tick(self) -> float:
        """Count the time since the last call; returns the seconds in all."""
        now = time.monotonic()
        self._state.seconds += now - self._last
        self._last = now
        return round(self._state.seconds, 3)

    def go_on(self) -> None:
        """Count from now: what passed since the last `tick` was not training."""
        self._last = time.monotonic()

    def validation_due(self) -> bool:
        """Often enough for a curve, without eating the budget; by steps alone when it counts."""
        due = _parts(self.position()) > _parts(self._validated_at)
        if self._budget is None:
            return due
        ahead = (self.position() - self._validated_at) * self._budget
        return due and ahead >= self._validation_cost / VALIDATION_SHARE

    def validated(self, scores: Mapping[str, float]) -> None:
        """Note what a validation took, and whether it was the best one."""
        before = self._state.seconds
        self._validation_cost = self.tick() - before
        self._validated_at = self.position()
        value = scores["ap50"] + scores["ap75"]
        if value > self._best:
            self._best, self._best_at = value, self._validated_at

    def over(self) -> bool:
        """Whether the budget is used, or half of it went by since the best validation, in vain."""
        # A network that finds nothing yet may still find something.
        vain = self._best > 0 and self._validated_at - self._best_at >= PATIENCE
        return self.position() >= 1 or vain

    def checkpoint_due(self, validates: bool) -> bool:
        """Whether the last checkpoint is getting old; counts from now when it is.

        Before a validation: whether it would be by its end, if it takes as long as the last one.
        """
        ahead = self._validation_cost if validates else 0.0
        due = time.monotonic() - self._saved + ahead >= CHECKPOINT_SECONDS
        if due:
            self._saved = time.monotonic()
        return due


def _parts(position: float) -> int:
    """Of the parts at whose ends is validated, those that are over."""
    return int(position * VALIDATIONS + 1e-9)
