"""Where a training stands in its budget, of steps or of seconds, and what is due."""

from __future__ import annotations

import time

from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.state import TrainState

CHECKPOINT_SECONDS = 50.0
# Validation may take this share of the time, and happens at least this many times.
VALIDATION_SHARE = 0.15
VALIDATIONS = 10


class Clock:
    """Counts the time of one training into its state, and says what is due."""

    def __init__(self, settings: TrainSettings, steps_per_epoch: int, state: TrainState) -> None:
        self._budget, self._state = settings.seconds, state
        self._steps = (settings.epochs or 0) * steps_per_epoch
        self._last = self._saved = time.monotonic()
        self._validated_at, self._validation_cost = self._last_validation(), 0.0

    def position(self) -> float:
        """Share of the budget used, 0…1."""
        if self._budget is None:
            return self._state.step / self._steps
        return self._state.seconds / self._budget

    def _last_validation(self) -> float:
        """Position of the last validated row, so that a resumed run validates where it would."""
        for row in reversed(self._state.history):
            if "ap50" in row:
                done = row["step"] if self._budget is None else row["seconds"]
                return float(done / (self._steps if self._budget is None else self._budget))
        return 0.0

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
        ahead = self.position() - self._validated_at
        if self._budget is None:
            return ahead >= 1 / VALIDATIONS
        return ahead * self._budget >= max(
            self._budget / VALIDATIONS, self._validation_cost / VALIDATION_SHARE
        )

    def validated(self) -> None:
        """Note what a validation took."""
        before = self._state.seconds
        self._validation_cost = self.tick() - before
        self._validated_at = self.position()

    def checkpoint_due(self) -> bool:
        """Whether the last checkpoint is getting old; counts from now when it is."""
        due = time.monotonic() - self._saved >= CHECKPOINT_SECONDS
        if due:
            self._saved = time.monotonic()
        return due
