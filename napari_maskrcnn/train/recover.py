"""What a training does when a step or a checkpoint fails: it goes on where it can, and says so.

A loss that is not finite takes it back to the average of its weights, with a lower rate, once. Too
little memory halves the batch, then the crops. A checkpoint that cannot be written leaves the one
before it.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import torch

from napari_maskrcnn.jobs import is_out_of_memory, reason
from napari_maskrcnn.train.batches import Batches
from napari_maskrcnn.train.state import TrainState
from napari_maskrcnn.train.step import NotFiniteError, train_step

LOWER_RATE = 0.1
SMALLEST_CROP = 64


class StepFailed(Exception):
    """A step failed for good; the message says why, and what became of the weights."""


def step_or_recover(
    state: TrainState, batches: Batches, device: torch.device
) -> dict[str, Any] | None:
    """Do the next step.

    Returns
    -------
    dict or None
        The row of the history; None when the step failed and is to be tried again, with the state
        changed so that it may do better. A note of the state's setbacks then says what changed.

    Raises
    ------
    NotFiniteError, RuntimeError, MemoryError
        The first step failed for good, so there is nothing to keep.
    StepFailed
        A later one did.
    """
    try:
        return train_step(state, batches, device)
    except NotFiniteError as error:
        if not state.step:
            raise
        if state.setbacks.rate < 1:
            _restore_norms(state)
            raise StepFailed(f"{error} The weights before that step are kept.") from error
        _lower_rate(state, error)
        return None
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or (not state.step and not _can_shrink(state, batches)):
            raise
        why = reason(error)
    # Outside of the handler: while the error lives, so does all that the failed step held.
    _free(state, device)
    if not _can_shrink(state, batches):
        raise StepFailed(
            f"Training stopped at step {state.step + 1}: the computer ran out of memory even for "
            f"one crop of {batches.side(state)} px ({why}). The weights before that step are "
            "kept. Close other programs, then resume or train again."
        )
    _shrink(state, batches)
    return None


def _lower_rate(state: TrainState, error: NotFiniteError) -> None:
    """Go back to the average, which lags behind what broke, and forget the optimiser's momenta."""
    state.network.load_state_dict(state.average.state_dict())
    state.optimizer.state.clear()
    state.setbacks.rate = LOWER_RATE
    state.setbacks.notes["rate"] = (
        f"At step {state.step + 1} {error.what}. The training went on from the average of its "
        "weights so far, with a tenth of the learning rate."
    )


@torch.no_grad()
def _restore_norms(state: TrainState) -> None:
    """Take the norms' statistics of the average: the failed step's images may have broken them."""
    known = dict(state.average.named_buffers())
    for name, value in state.network.named_buffers():
        value.copy_(known[name])


def _can_shrink(state: TrainState, batches: Batches) -> bool:
    return batches.size(state) > 1 or batches.side(state) > SMALLEST_CROP


def _shrink(state: TrainState, batches: Batches) -> None:
    """Halve the batch, or else the crops."""
    size, side = batches.size(state), batches.side(state)
    if size > 1:
        size //= 2
    else:
        # A multiple of 32, as the settings ask for.
        side = max(SMALLEST_CROP, side // 64 * 32)
    state.setbacks.batch, state.setbacks.crop = size, side
    crops = "one crop" if size == 1 else f"{size} crops"
    state.setbacks.notes["memory"] = (
        f"The computer ran out of memory at step {state.step + 1}, so the training went on with "
        f"{crops} of {side} px a step."
    )


def _free(state: TrainState, device: torch.device) -> None:
    """Give back what the failed step held."""
    state.optimizer.zero_grad(set_to_none=True)
    if not state.step:
        # The momenta are made at the first step; some of them may be missing.
        state.optimizer.state.clear()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def save_or_tell(state: TrainState, path: Path, identity: dict[str, Any]) -> None:
    """Write a checkpoint; when that fails, the one before it stays, and a note says so."""
    try:
        state.save(path, identity)
        state.setbacks.notes.pop("disk", None)
    except OSError as error:
        state.setbacks.notes["disk"] = (
            f"The training could not be saved as {path}: {reason(error)}. It went on, but a crash "
            "loses what came after the last checkpoint. Free some space on this disk."
        )
