"""Killed twenty times at random moments, a training ends as one that was left alone."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.models import Model, load_weights, save_weights
from napari_maskrcnn.models.folder import add_model, list_models
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train import clock
from napari_maskrcnn.train.dataset import make_example
from napari_maskrcnn.train.fine_tune import fine_tune_job
from napari_maskrcnn.train.settings import TrainSettings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs processes that are forked"),
]
SETTINGS = TrainSettings(epochs=16, batch=1, crop=64, device="cpu", seed=3)
NAME = "mine"


def train_in(home: Path, weights: Path, begun: Any) -> None:
    """Train with a checkpoint a step, going on where another process was killed; add the model."""
    os.environ["NAPARI_MASKRCNN_HOME"] = str(home)
    clock.CHECKPOINT_SECONDS = 0.0
    images = [synthetic_nuclei((48, 48), 6, (9, 14), seed=k) for k in (2, 3)]
    examples = [make_example(*pair, f"drawn {k}") for k, pair in enumerate(images)]
    job = fine_tune_job(
        examples,
        replace(SETTINGS, base=str(weights)),
        checkpoint=home / "training.checkpoint",
        resume=True,
    )

    def told(step: Progress) -> None:
        if "loss" in step.data:
            begun.set()

    result = run(job, told)
    begun.set()
    add_model(result.model, NAME, overwrite=True)


@pytest.fixture
def forks() -> Any:
    """Make processes that have imported torch already, so that most of their time is training."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


@contextmanager
def _training(forks: Any, home: Path, weights: Path) -> Iterator[Any]:
    """Process that trains, from its first step on."""
    begun = forks.Event()
    process = forks.Process(target=train_in, args=(home, weights, begun))
    process.start()
    assert begun.wait(120)
    yield process
    process.join(300)


def _finish(forks: Any, home: Path, weights: Path) -> float:
    """Train to the end; return the seconds from the first step on."""
    with _training(forks, home, weights) as process:
        since = time.monotonic()
    assert process.exitcode == 0
    return time.monotonic() - since


def _check(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every model that is listed is a whole one; return their names."""
    monkeypatch.setenv("NAPARI_MASKRCNN_HOME", str(home))
    models = [entry for entry in list_models() if entry.kind == "user"]
    for entry in models:
        load_weights(entry.path)
    return [entry.name for entry in models]


def test_after_twenty_kills_the_model_is_the_one_of_an_uninterrupted_training(
    base: Model, forks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = save_weights(tmp_path / "tiny.safetensors", base.network, base.card)
    homes = [tmp_path / "whole", tmp_path / "killed"]
    for home in homes:
        home.mkdir()
    seconds = _finish(forks, homes[0], weights)
    whole = load_weights(homes[0] / "models" / f"{NAME}.safetensors")

    rng = np.random.default_rng(0)
    # Twelve while it trains, a few steps apart; then eight at its end, while it saves the model.
    for number in range(20):
        if number == 12:
            _finish(forks, homes[1], weights)
            assert _check(homes[1], monkeypatch) == [NAME]
        with _training(forks, homes[1], weights) as process:
            time.sleep(rng.uniform(0, 0.1) * seconds)
            process.kill()
        _check(homes[1], monkeypatch)
    _finish(forks, homes[1], weights)
    found = load_weights(homes[1] / "models" / f"{NAME}.safetensors")

    for name, value in whole[0].state_dict().items():
        assert value.equal(found[0].state_dict()[name]), name
    records = [card.history[-1] for _, card in (whole, found)]
    assert records[0]["curves"] == records[1]["curves"]
    assert records[0]["steps"] == records[1]["steps"] >= 16
    assert (records[0]["before"], records[0]["after"]) == (
        records[1]["before"],
        records[1]["after"],
    )
    assert not list(homes[1].glob("*.part"))
