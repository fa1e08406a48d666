from __future__ import annotations

import copy
import itertools
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_maskrcnn import device
from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.models import Model
from napari_maskrcnn.network.config import Layers
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.train import batches
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.loop import Trained, train_job
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.state import TrainState

FAST = TrainSettings(epochs=3, batch=2, crop=64, learning_rate=1e-3, device="cpu")


def _train(base: Model, example: Example, **options: object) -> Trained:
    network = copy.deepcopy(base.network)
    settings = options.pop("settings", FAST)
    return run(train_job(network, [example], settings, zoom=2.0, **options))


def _same(one: MaskRCNN, other: MaskRCNN) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(a.equal(b) for a, b in pairs)


def test_the_history_has_a_row_a_step_with_the_five_losses(base: Model, example: Example) -> None:
    trained = _train(base, example)
    # 64 × 80 px at twice the scale are five crops of 64², three steps of two.
    assert [row["step"] for row in trained.history] == list(range(1, 10))
    for row in trained.history:
        parts = [row[k] for k in ("rpn_class", "rpn_box", "class", "box", "mask")]
        assert row["loss"] == pytest.approx(sum(parts))
    assert trained.finished
    assert not trained.network.training


def test_a_repeated_run_is_the_same_bit_for_bit(base: Model, example: Example) -> None:
    one, other = _train(base, example), _train(base, example)
    assert _same(one.network, other.network)
    different = _train(base, example, settings=replace(FAST, seed=1))
    assert not _same(one.network, different.network)


def test_a_resumed_run_is_an_uninterrupted_one(
    base: Model, example: Example, tmp_path: Path
) -> None:
    whole = _train(base, example)
    checkpoint = tmp_path / "x.checkpoint"
    stop = threading.Event()

    def at_four(step: Progress) -> None:
        if step.data["step"] == 4:
            stop.set()

    network = copy.deepcopy(base.network)
    job = train_job(network, [example], FAST, zoom=2.0, checkpoint=checkpoint, stop=stop)
    part = run(job, at_four)
    assert not part.finished
    assert len(part.history) == 4
    resumed = _train(base, example, checkpoint=checkpoint, resume=True)
    assert [row["step"] for row in resumed.history] == list(range(1, 10))
    assert _same(resumed.network, whole.network)
    assert [r["loss"] for r in resumed.history] == [r["loss"] for r in whole.history]


def test_time_that_passes_while_nobody_asks_for_a_step_is_not_the_budgets(
    base: Model, example: Example
) -> None:
    settings = replace(FAST, epochs=None, minutes=1.0)
    stop = threading.Event()
    network = copy.deepcopy(base.network)
    job = train_job(network, [example], settings, zoom=2.0, stop=stop)
    next(job)
    time.sleep(0.5)
    begin = time.monotonic()
    second = next(job).data["seconds"]
    took = time.monotonic() - begin
    stop.set()
    first = run(job).history[0]["seconds"]
    assert second - first <= took + 0.01


def test_a_resumed_run_computes_as_it_began_whatever_is_measured_then(
    base: Model, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which precision pays is measured anew in every process, and may come out otherwise."""
    found = []
    for now in (False, True):
        monkeypatch.setattr(device, "_bfloat16_pays", lambda: False)
        checkpoint, stop = tmp_path / f"{now}.checkpoint", threading.Event()
        job = train_job(
            copy.deepcopy(base.network), [example], FAST, zoom=2.0, checkpoint=checkpoint, stop=stop
        )
        run(job, lambda step, stop=stop: stop.set())
        monkeypatch.setattr(device, "_bfloat16_pays", lambda now=now: now)
        found.append(_train(base, example, checkpoint=checkpoint, resume=True).network)
    assert _same(*found)


def test_a_checkpoint_of_another_training_or_a_broken_one_is_refused(
    base: Model, example: Example, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "x.checkpoint"
    _train(base, example, checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"another seed; use the same settings"):
        _train(base, example, settings=replace(FAST, seed=5), checkpoint=checkpoint, resume=True)
    painted = replace(example, labels=example.labels * 2)
    with pytest.raises(ValueError, match=r"another labels; use the same settings"):
        _train(base, painted, checkpoint=checkpoint, resume=True)
    torch.save({"settings": {}}, tmp_path / "old.checkpoint")
    with pytest.raises(ValueError, match=r"old.checkpoint: not a checkpoint .* by this version"):
        _train(base, example, checkpoint=tmp_path / "old.checkpoint", resume=True)
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        _train(base, example, checkpoint=checkpoint, resume=True)


def test_a_full_disk_keeps_the_last_checkpoint(
    base: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = TrainState.start(copy.deepcopy(base.network), 1e-3)
    path = tmp_path / "x.checkpoint"
    state.save(path, {})
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        state.save(path, {})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_best_validated_weights_are_kept(base: Model, example: Example) -> None:
    seen: list[MaskRCNN] = []
    scores = iter([0.1, 0.9, 0.2] + [0.0] * 20)

    def score(network: MaskRCNN) -> dict[str, float]:
        seen.append(copy.deepcopy(network))
        value = next(scores)
        return {"ap50": value, "ap75": value}

    trained = _train(base, example, score=score)
    assert len(seen) >= 3
    assert _same(trained.network, seen[1])
    assert not _same(seen[1], seen[2])


def test_a_resumed_run_validates_where_an_uninterrupted_one_does(
    base: Model, example: Example, tmp_path: Path
) -> None:
    def score(_: MaskRCNN) -> dict[str, float]:
        return {"ap50": 0.5, "ap75": 0.5}

    checkpoint = tmp_path / "x.checkpoint"
    stop = threading.Event()
    whole = _train(base, example, score=score)
    job = train_job(
        copy.deepcopy(base.network),
        [example],
        FAST,
        zoom=2.0,
        score=score,
        checkpoint=checkpoint,
        stop=stop,
    )
    run(job, lambda step: stop.set())
    resumed = _train(base, example, score=score, checkpoint=checkpoint, resume=True)
    validated = [[r["step"] for r in t.history if "ap50" in r] for t in (whole, resumed)]
    assert validated[0] == validated[1]
    assert len(validated[0]) > 2


def _broken_from(step: int, monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Multiply the box loss by `value` from a step on."""
    real, steps = MaskRCNN.losses, itertools.count(1)

    def broken(self: MaskRCNN, *args: object, **kwargs: object) -> object:
        losses = real(self, *args, **kwargs)
        return replace(losses, box=losses.box * value) if next(steps) >= step else losses

    monkeypatch.setattr(MaskRCNN, "losses", broken)


def test_a_first_loss_that_is_not_finite_names_step_and_image(
    base: Model, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    _broken_from(1, monkeypatch, float("nan"))
    with pytest.raises(ArithmeticError, match=r"step 1: the loss \(box\).*on drawn"):
        _train(base, example)


# The second value overflows only in the gradient: the loss itself is still a number.
@pytest.mark.parametrize(("value", "what"), [(float("inf"), "loss (box)"), (1e36, "gradient")])
def test_a_loss_that_is_not_finite_keeps_the_weights_before_it(
    base: Model,
    example: Example,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    value: float,
    what: str,
) -> None:
    checkpoint = tmp_path / "x.checkpoint"
    _broken_from(4, monkeypatch, value)
    broken = _train(base, example, checkpoint=checkpoint)
    assert not broken.finished
    assert f"stopped at step 4: the {what}" in broken.trouble
    assert "on drawn" in broken.trouble
    assert broken.trouble.endswith("The weights before that step are kept.")
    assert [row["step"] for row in broken.history] == [1, 2, 3]
    for network in (broken.network, _restored(base, checkpoint)):
        assert all(value.isfinite().all() for value in network.state_dict().values())
        assert not _same(network, base.network)


def _restored(base: Model, checkpoint: Path) -> MaskRCNN:
    """Weights in a checkpoint."""
    network = copy.deepcopy(base.network)
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["network"])
    return network


@pytest.mark.parametrize("layers", ["heads", "4+", "rpn"])
def test_only_what_is_asked_learns(base: Model, example: Example, layers: Layers) -> None:
    learnt = _train(base, example, settings=replace(FAST, layers=layers)).network
    body, was = learnt.backbone.body, base.network.backbone.body
    assert _same(body.layer2, was.layer2)
    assert _same(body.layer3, was.layer3) == (layers != "4+")
    assert _same(learnt.roi_heads, base.network.roi_heads) == (layers == "rpn")
    assert not _same(learnt.rpn, base.network.rpn)


def test_training_leaves_torchs_random_state_alone(base: Model, example: Example) -> None:
    before = torch.random.get_rng_state()
    _train(base, example)
    assert torch.random.get_rng_state().equal(before)


def test_rate_warms_up_and_falls(base: Model) -> None:
    state = TrainState.start(copy.deepcopy(base.network), 1.0)
    assert state.set_rate(1.0, 0.0) == pytest.approx(0.01)
    assert state.set_rate(0.5, 0.1) == pytest.approx(0.5 * 0.976, rel=1e-3)
    state.step = 500
    assert state.set_rate(1.0, 0.0) == pytest.approx(1.0)
    assert state.set_rate(1.0, 0.5) == pytest.approx(0.51)
    assert state.set_rate(1.0, 1.0) == pytest.approx(0.02)


def test_rare_colour_images_are_drawn_more_often() -> None:
    grey = [Example(np.eye(8), np.eye(8, dtype=int), f"g{k}") for k in range(9)]
    colour = Example(np.random.default_rng(0).random((8, 8, 3)), np.eye(8, dtype=int), "c")
    shares = batches._shares([*grey, colour])
    assert shares.sum() == pytest.approx(1)
    assert shares[-1] == pytest.approx(0.25)


def test_a_checkpoint_belongs_to_what_it_was_judged_by(
    base: Model, example: Example, tmp_path: Path
) -> None:
    options = {"checkpoint": tmp_path / "x", "held": [example]}
    _train(base, example, settings=replace(FAST, epochs=1), **options)
    other = replace(example, labels=example.labels * 2)
    with pytest.raises(ValueError, match="another labels of the validation"):
        _train(
            base,
            example,
            settings=replace(FAST, epochs=1),
            resume=True,
            **options | {"held": [other]},
        )


def test_a_validation_that_is_stopped_counts_for_nothing(base: Model, example: Example) -> None:
    stop = threading.Event()

    def score(network: MaskRCNN) -> dict[str, float]:
        stop.set()
        return {}

    trained = _train(base, example, score=score, stop=stop)
    assert trained.scores == {}
    assert not trained.finished
    assert all("ap50" not in row for row in trained.history)
