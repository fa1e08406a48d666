from __future__ import annotations

import copy
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import Model
from napari_maskrcnn.models.folder import home_folder
from napari_maskrcnn.train import estimate
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.estimate import (
    FILE,
    Estimate,
    estimate_job,
    remember,
    remembered,
)
from napari_maskrcnn.train.loop import train_job
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.state import TrainState

FAST = TrainSettings(epochs=3, batch=2, crop=64, device="cpu")
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (TrainSettings(epochs=1), "less than a minute on this computer"),
        (TrainSettings(epochs=3), "about 1 minute on this computer"),
        (TrainSettings(epochs=60), "about 20 minutes on this computer"),
        (TrainSettings(epochs=540), "about 3 hours on this computer"),
        (TrainSettings(minutes=5), "about 15 passes over the images on this computer"),
        (TrainSettings(minutes=0.4), "about 1 pass over the images on this computer"),
        (TrainSettings(minutes=0.1), "less than one pass over the images on this computer"),
        (TrainSettings(), "about 15 passes over the images on this computer"),
    ],
)
def test_a_budget_is_told_in_the_other_unit(settings: TrainSettings, text: str) -> None:
    assert Estimate(10, 2.0, True).text(settings) == text


def test_a_step_is_tried_once_and_remembered_after_a_training(
    base: Model, example: Example
) -> None:
    found = run(estimate_job([example], FAST, validation=[], base=base))
    assert found is not None
    # 64 × 80 px at twice the scale are five crops of 64², three steps of two.
    assert (found.steps_per_epoch, found.measured) == (3, False)
    assert 0 < found.seconds_per_step < 60
    state = TrainState.start(copy.deepcopy(base.network), 1e-3)
    state.step, state.seconds = 20, 50.0
    remember(base.network.config, FAST, CPU, state)
    again = run(estimate_job([example], FAST, validation=[], base=base))
    assert again == Estimate(3, 2.5, True)
    assert again.seconds(FAST) == pytest.approx(22.5)
    assert again.epochs(replace(FAST, epochs=None, minutes=1)) == pytest.approx(8)


def test_what_a_step_depends_on_is_told_apart_and_short_trainings_say_nothing(base: Model) -> None:
    config = base.network.config
    state = TrainState.start(copy.deepcopy(base.network), 1e-3)
    state.step, state.seconds = 9, 9.0
    remember(config, FAST, CPU, state)
    assert remembered(config, FAST, CPU) is None
    state.step, state.seconds = 10, 5.0
    remember(config, FAST, CPU, state)
    assert remembered(config, replace(FAST, epochs=9, seed=4), CPU) == 0.5
    for other in (replace(FAST, batch=4), replace(FAST, crop=128), replace(FAST, layers="heads")):
        assert remembered(config, other, CPU) is None
    assert remembered(replace(config, backbone="resnet50"), FAST, CPU) is None


def test_what_is_kept_stays_small_and_damage_does_no_harm(
    base: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, file = base.network.config, home_folder() / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    for text in ("{", "[1]", '{"a": "x"}', "null"):
        file.write_text(text)
        assert remembered(config, FAST, CPU) is None
    file.write_text(json.dumps({str(k): 1.0 for k in range(60)}))
    state = TrainState.start(copy.deepcopy(base.network), 1e-3)
    state.step, state.seconds = 10, 5.0
    remember(config, FAST, CPU, state)
    kept = json.loads(file.read_text())
    assert len(kept) == 50
    assert "59" in kept
    assert "0" not in kept
    monkeypatch.setattr(estimate, "_file", lambda: Path("/dev/null/nowhere.json"))
    remember(config, FAST, CPU, state)


def test_trying_can_be_stopped_and_says_what_the_training_would(
    base: Model, example: Example
) -> None:
    stop = threading.Event()
    stop.set()
    assert run(estimate_job([example], FAST, base=base, stop=stop)) is None
    with pytest.raises(ValueError, match="hold no object"):
        run(estimate_job([replace(example, labels=example.labels * 0)], FAST, base=base))


def test_a_training_tells_the_next_one_how_long_it_takes(base: Model, example: Example) -> None:
    settings = replace(FAST, epochs=4)
    job = train_job(copy.deepcopy(base.network), [example], settings, zoom=2.0)
    trained = run(job)
    told = remembered(base.network.config, settings, CPU)
    assert told == pytest.approx(trained.history[-1]["seconds"] / 12, abs=2e-4)
