"""A training goes on after a bad loss, too little memory or a full disk, and says so."""

from __future__ import annotations

import copy
import itertools
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.models import Model
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.train import clock, recover
from napari_maskrcnn.train.batches import Batches
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.loop import EARLY, Trained, train_job
from napari_maskrcnn.train.recover import StepFailed, step_or_recover
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.state import TrainState
from napari_maskrcnn.train.step import NotFiniteError

FAST = TrainSettings(epochs=2, batch=2, crop=64, learning_rate=1e-3, device="cpu")
CPU = torch.device("cpu")
OUT = "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: 9 bytes"


def _train(
    base: Model, example: Example, seen: Callable[..., object] | None = None, **options: Any
) -> Trained:
    settings = options.pop("settings", FAST)
    job = train_job(copy.deepcopy(base.network), [example], settings, zoom=2.0, **options)
    return run(job, seen)


def _same(one: MaskRCNN, other: MaskRCNN) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(a.equal(b) for a, b in pairs)


def _nan_at(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = MaskRCNN.losses, itertools.count(1)

    def losses(self: MaskRCNN, *args: Any, **kwargs: Any) -> Any:
        found = real(self, *args, **kwargs)
        return replace(found, box=found.box * float("nan")) if next(calls) == call else found

    monkeypatch.setattr(MaskRCNN, "losses", losses)


def test_after_one_bad_loss_it_goes_on_with_a_tenth_of_the_rate_also_when_resumed(
    base: Model, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    real = TrainState.set_rate
    monkeypatch.setattr(
        TrainState, "set_rate", lambda *args: rates.append(real(*args)) or rates[-1]
    )
    plain = _train(base, example)
    usual = list(rates)
    seen: list[Progress] = []
    with monkeypatch.context() as patch:
        rates.clear()
        _nan_at(3, patch)
        whole = _train(base, example, seen.append)
    assert [row["step"] for row in whole.history] == [1, 2, 3, 4, 5, 6]
    assert whole.finished
    assert whole.trouble == ""
    (note,) = whole.notes
    assert note.startswith("At step 3 the loss (box) is not finite on drawn. The training went on")
    assert [step.message for step in seen if "note" in step.data] == [note]
    assert rates == pytest.approx([*usual[:3], *[rate / 10 for rate in usual[2:]]])
    assert not _same(whole.network, plain.network)

    stop, checkpoint = threading.Event(), tmp_path / "x.checkpoint"
    with monkeypatch.context() as patch:
        _nan_at(3, patch)
        part = _train(
            base,
            example,
            lambda step: step.data.get("step") == 4 and stop.set(),
            checkpoint=checkpoint,
            stop=stop,
        )
    assert len(part.history) == 4
    resumed = _train(base, example, checkpoint=checkpoint, resume=True)
    assert _same(resumed.network, whole.network)
    assert resumed.notes == whole.notes


@pytest.fixture
def state(base: Model) -> TrainState:
    found = TrainState.start(copy.deepcopy(base.network), 1e-3)
    found.step = 5
    return found


def _batches(example: Example, **changes: Any) -> Batches:
    return Batches([example], replace(FAST, **changes), ("nucleus",), 1.0)


def test_the_second_bad_loss_ends_it(
    state: TrainState, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bad(*_: Any) -> None:
        raise NotFiniteError("the loss (box) is not finite on drawn", state.step + 1)

    monkeypatch.setattr(recover, "train_step", bad)
    with torch.no_grad():
        state.network.rpn.head.cls_logits.bias.add_(1)
    assert step_or_recover(state, _batches(example), CPU) is None
    assert state.network.rpn.head.cls_logits.bias.equal(state.average.rpn.head.cls_logits.bias)
    with pytest.raises(StepFailed, match=r"stopped at step 6: the loss .* before that step are"):
        step_or_recover(state, _batches(example), CPU)
    state.step = 0
    with pytest.raises(ArithmeticError, match="stopped at step 1"):
        step_or_recover(state, _batches(example), CPU)


def test_norms_forget_the_images_that_ended_it(
    state: TrainState, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bad(state: TrainState, *_: Any) -> None:
        for name, value in state.network.named_buffers():
            if name.endswith("running_mean"):
                value.fill_(float("nan"))
        raise NotFiniteError("the loss (box) is not finite on drawn", state.step + 1)

    monkeypatch.setattr(recover, "train_step", bad)
    state.setbacks.rate = 0.1
    with pytest.raises(StepFailed):
        step_or_recover(state, _batches(example), CPU)
    assert all(value.isfinite().all() for value in state.network.state_dict().values())


@pytest.mark.parametrize(
    "error", [RuntimeError(OUT), MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")]
)
def test_too_little_memory_halves_the_batch_then_the_crops_then_ends_it(
    state: TrainState, example: Example, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def greedy(*_: Any) -> None:
        raise error

    monkeypatch.setattr(recover, "train_step", greedy)
    batches = _batches(example, batch=5, crop=224)
    tried = []
    for _ in range(4):
        assert step_or_recover(state, batches, CPU) is None
        tried.append((batches.size(state), batches.side(state)))
        assert len(batches.crops(state)[0]) == tried[-1][0]
    assert tried == [(2, 224), (1, 224), (1, 96), (1, 64)]
    assert state.setbacks.notes == {
        "memory": "The computer ran out of memory at step 6, so the training went on with one crop "
        "of 64 px a step."
    }
    with pytest.raises(StepFailed, match=r"even for one crop of 64 px .* Close other programs"):
        step_or_recover(state, batches, CPU)
    state.step = 0
    with pytest.raises(type(error)):
        step_or_recover(state, batches, CPU)


def test_another_error_of_torch_is_no_lack_of_memory(
    state: TrainState, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(recover, "train_step", wrong)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        step_or_recover(state, _batches(example), CPU)
    assert state.setbacks.batch is None


def test_a_training_that_runs_out_of_memory_goes_on_with_less(
    base: Model, example: Example, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At its first step the memory for the momenta is missing, at the fourth that for the crops."""
    sizes: list[int] = []
    real, step, failures = (
        MaskRCNN.losses,
        torch.optim.AdamW.step,
        iter([True, False, False, False]),
    )

    def losses(self: MaskRCNN, images: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(images))
        if len(sizes) >= 4 and len(images) > 1:
            raise RuntimeError(OUT)
        return real(self, images, *args, **kwargs)

    def half(self: torch.optim.AdamW, *args: Any) -> Any:
        if next(failures, False):
            for parameter in self.param_groups[0]["params"][:3]:
                self.state[parameter]["step"] = torch.tensor(0.0)
            raise MemoryError
        return step(self, *args)

    monkeypatch.setattr(MaskRCNN, "losses", losses)
    monkeypatch.setattr(torch.optim.AdamW, "step", half)
    seen: list[Progress] = []
    trained = _train(base, example, seen.append, settings=replace(FAST, batch=4, epochs=3))
    assert sizes == [4, 2, 2, 2, 1, 1, 1, 1]
    assert trained.finished
    assert [row["step"] for row in trained.history] == [1, 2, 3, 4, 5, 6]
    notes = [step.data["note"] for step in seen if "note" in step.data]
    assert [note.partition(" so ")[0][-7:] for note in notes] == ["step 1,", "step 3,"]
    assert trained.notes == (notes[1],)
    assert all(value.isfinite().all() for value in trained.network.state_dict().values())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_on_a_full_disk_it_goes_on_and_tells_once(
    base: Model, example: Example, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import resource

    monkeypatch.setattr(clock, "CHECKPOINT_SECONDS", 0.0)
    checkpoint = tmp_path / "x.checkpoint"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept: list[bytes] = []
    seen: list[Progress] = []

    def fill(step: Progress) -> None:
        seen.append(step)
        if step.data.get("step") == 3:
            kept.append(checkpoint.read_bytes())
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))

    try:
        trained = _train(base, example, fill, checkpoint=checkpoint)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert trained.finished
    assert len(trained.history) == 6
    (note,) = trained.notes
    assert note.startswith(f"The training could not be saved as {checkpoint}: File too large. It")
    assert [step.data["note"] for step in seen if "note" in step.data] == [note]
    assert checkpoint.read_bytes() == kept[0]
    assert list(tmp_path.iterdir()) == [checkpoint]
    resumed = _train(base, example, checkpoint=checkpoint, resume=True)
    assert _same(resumed.network, trained.network)


def test_it_ends_early_when_half_of_its_time_brought_nothing(base: Model, example: Example) -> None:
    values = iter([0.1, 0.4, *[0.4] * 8])

    def score(_: MaskRCNN) -> dict[str, float]:
        value = next(values)
        return {"ap50": value, "ap75": value}

    trained = _train(base, example, score=score, settings=replace(FAST, epochs=3))
    # The best of nine steps is the second; half of nine later is the seventh.
    assert [row["step"] for row in trained.history] == [1, 2, 3, 4, 5, 6, 7]
    assert trained.finished
    assert trained.scores == {"ap50": 0.4, "ap75": 0.4}
    assert trained.notes == (EARLY,)


def test_a_crash_while_validating_changes_nothing(
    base: Model, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "CHECKPOINT_SECONDS", 0.0)
    checkpoint = tmp_path / "x.checkpoint"
    # What a network scores depends on it alone, or else the order would be tested.
    crash = threading.Event()

    def score(network: MaskRCNN) -> dict[str, float]:
        if crash.is_set():
            raise KeyboardInterrupt
        value = float(network.rpn.head.cls_logits.bias.sum())
        return {"ap50": value, "ap75": value}

    whole = _train(base, example, score=score)
    with pytest.raises(KeyboardInterrupt):
        _train(
            base,
            example,
            lambda step: step.data["step"] == 3 and crash.set(),
            checkpoint=checkpoint,
            score=score,
        )
    crash.clear()
    resumed = _train(base, example, checkpoint=checkpoint, resume=True, score=score)
    assert _same(resumed.network, whole.network)
    assert resumed.scores == whole.scores
    told = [[(r["step"], r.get("ap50"), r["loss"]) for r in t.history] for t in (whole, resumed)]
    assert told[0] == told[1]
    assert all(ap is not None for _, ap, _ in told[0])
