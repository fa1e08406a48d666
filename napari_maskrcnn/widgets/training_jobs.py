"""What the Fine-tune tab does in the background: train, go on after a crash, compare, save."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_maskrcnn.jobs import Job, Progress, reason
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.stored import (
    StoppedTraining,
    StoredTraining,
    prune,
    stopped_trainings,
    trainings_folder,
)

if TYPE_CHECKING:
    from napari_maskrcnn.train.dataset import Example
    from napari_maskrcnn.train.fine_tune import FineTuneResult

NOT_KEPT = "A crash would end this training for good: it cannot be kept on the disk. {}"


def train_job(
    stored: StoredTraining,
    read_job: Callable[[threading.Event], Job[list[Example]]],
    settings: TrainSettings,
    stop: threading.Event,
) -> Job[FineTuneResult | None]:
    """Train, keeping on the disk what going on after a crash needs; None if it never began."""
    from napari_maskrcnn.train.fine_tune import fine_tune_job

    examples = yield from read_job(stop)
    if stop.is_set():
        return None
    yield Progress(0, 0, "Keeping a copy of the examples")
    checkpoint: Path | None = stored.checkpoint
    try:
        stored.take()
        stored.write(examples, settings)
    except OSError as error:
        warnings.warn(NOT_KEPT.format(reason(error)), stacklevel=2)
        checkpoint = None
    try:
        return (yield from fine_tune_job(examples, settings, checkpoint=checkpoint, stop=stop))
    finally:
        stored.ended()


def go_on_job(stored: StoredTraining, stop: threading.Event) -> Job[FineTuneResult]:
    """Continue a training that a crash stopped; without a checkpoint it begins anew."""
    from napari_maskrcnn.train.fine_tune import fine_tune_job

    yield Progress(0, 0, "Reading the training that stopped")
    stored.take()
    try:
        examples, settings = stored.read()
        job = fine_tune_job(
            examples, settings, checkpoint=stored.checkpoint, resume=True, stop=stop
        )
        return (yield from job)
    finally:
        stored.ended()


def search_job(stop: threading.Event) -> Job[list[StoppedTraining]]:
    """Look for trainings that a crash stopped."""
    yield Progress(0, 0, "Looking for trainings that stopped")
    folder = trainings_folder()
    prune(folder)
    return stopped_trainings(folder)


def save_job(result: FineTuneResult, name: str, stored: StoredTraining | None = None) -> Job[Path]:
    """Add the trained model to the model folder, and remove what was kept of its training."""
    from napari_maskrcnn.models.folder import add_model

    yield Progress(0, 0, f"Saving {name}")
    path = add_model(result.model, name)
    if stored is not None:
        # Here, since the window may be gone by now: what is saved must not be offered again.
        stored.remove()
    return path
