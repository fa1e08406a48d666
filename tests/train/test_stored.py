"""Stored trainings: what is kept, what is offered, what is taken away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import Model
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.fine_tune import fine_tune_job
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.stored import (
    CHECKPOINT,
    INFO,
    StoredTraining,
    TrainingInUse,
    prune,
    stopped_trainings,
    trainings_folder,
)

SETTINGS = TrainSettings(base="tiny", epochs=3, seed=4)


@pytest.fixture
def stored(example: Example, user_folder: Path) -> Iterator[StoredTraining]:
    made = StoredTraining()
    assert made.path.parent == user_folder / "trainings"
    made.take()
    made.write([example], SETTINGS)
    yield made
    made.release()


def aged(path: Path, days: float) -> None:
    for file in (path, *path.iterdir()):
        then = time.time() - days * 86_400
        os.utime(file, (then, then))


def test_examples_and_settings_come_back_exactly(stored: StoredTraining, example: Example) -> None:
    labels = example.labels.astype(np.uint64)
    labels[labels > 0] += 2**40
    ignored = np.zeros(labels.shape, bool)
    ignored[:9] = True
    cut = replace(
        example,
        labels=labels,
        ignored=ignored,
        intensities=(0.5, 9.0),
        classes={2**40 + 1: "α"},
        cut_from=("whole", 3, 4),
        correct="finished regions",
        held_out=True,
    )
    stored.write([example, cut], SETTINGS)
    examples, settings = stored.read()
    assert settings == SETTINGS
    for one, other in zip(examples, [example, cut], strict=True):
        for item in fields(Example):
            was, now = getattr(other, item.name), getattr(one, item.name)
            assert type(was) is type(now)
            np.testing.assert_array_equal(was, now)
            assert getattr(was, "dtype", None) == getattr(now, "dtype", None)


def test_a_training_goes_on_from_what_was_stored(example: Example, base: Model) -> None:
    settings = TrainSettings(epochs=3, batch=2, crop=64, device="cpu")
    first = StoredTraining()
    first.take()
    first.write([example], settings)
    stop = threading.Event()
    options = {"base": base, "checkpoint": first.checkpoint}
    job = fine_tune_job(first.read()[0], settings, stop=stop, **options)
    part = run(job, lambda step: stop.set() if step.data.get("step") == 2 else None)
    assert not part.finished
    first.leave()
    first.ended()
    (left,) = stopped_trainings(trainings_folder())
    again = StoredTraining(left.path)
    again.take()
    examples, settings = again.read()
    whole = run(fine_tune_job(examples, settings, resume=True, **options))
    again.remove()
    assert whole.finished
    assert [row["step"] for row in whole.history] == list(range(1, len(whole.history) + 1))
    assert [row["loss"] for row in whole.history[:2]] == [row["loss"] for row in part.history]
    assert len(whole.history) > 2


def test_only_what_nobody_works_on_is_offered(stored: StoredTraining) -> None:
    root = trainings_folder()
    assert stopped_trainings(root) == []
    with pytest.raises(TrainingInUse, match="another window"):
        StoredTraining(stored.path).take()
    stored.release()
    (offered,) = stopped_trainings(root)
    assert (offered.path, offered.settings, offered.names) == (stored.path, SETTINGS, ("drawn",))
    again = StoredTraining(stored.path)
    again.take()
    assert stopped_trainings(root) == []
    again.remove()
    assert list(root.iterdir()) == []


def test_a_look_of_another_window_keeps_nobody_from_taking_it(stored: StoredTraining) -> None:
    holder = StoredTraining(stored.path)
    stored.release()
    holder.take()
    threading.Timer(0.08, holder.release).start()
    stored.take()
    assert stopped_trainings(trainings_folder()) == []
    stored.release()


def test_a_process_that_dies_leaves_its_training(user_folder: Path) -> None:
    code = """
import os, numpy as np
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.stored import StoredTraining
stored = StoredTraining()
stored.take()
stored.write([Example(np.eye(9), np.eye(9, dtype=int), "eye")], TrainSettings())
print("taken", flush=True)
input()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "taken\n"
    assert stopped_trainings(trainings_folder()) == []
    process.kill()
    process.communicate()
    (offered,) = stopped_trainings(trainings_folder())
    assert offered.names == ("eye",)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": 1, "examples": [{"name": 1}]}'])
def test_a_damaged_folder_is_passed_over(stored: StoredTraining, content: str) -> None:
    stored.release()
    (stored.path / INFO).write_text(content)
    assert stopped_trainings(trainings_folder()) == []


def test_damaged_examples_are_told_with_a_remedy(stored: StoredTraining) -> None:
    (stored.path / "0-image.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match=r"damaged .*Discard it and train anew"):
        stored.read()


def test_settings_of_a_later_version_are_left_out(stored: StoredTraining) -> None:
    path = stored.path / INFO
    content = json.loads(path.read_text())
    content["settings"]["magic"] = 1
    content["examples"][0]["magic"] = 1
    path.write_text(json.dumps(content))
    examples, settings = stored.read()
    assert (len(examples), settings) == (1, SETTINGS)


def test_after_a_month_they_go_unless_they_live(stored: StoredTraining, example: Example) -> None:
    root = trainings_folder()
    aged(stored.path, 31)
    assert prune(root) == []
    stored.release()
    (stored.path / CHECKPOINT).write_bytes(b"new")
    assert prune(root) == []
    aged(stored.path, 29)
    assert prune(root) == []
    aged(stored.path, 31)
    assert prune(root) == [stored.path]
    assert list(root.iterdir()) == []


def test_one_that_another_window_removes_just_now_is_passed_over(
    user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_maskrcnn.train.stored._folders", lambda root: [root / "gone"])
    assert prune(trainings_folder()) == []


def test_what_a_crash_tore_off_goes_sooner(user_folder: Path) -> None:
    torn = StoredTraining()
    torn.take()
    torn.release()
    assert prune(trainings_folder()) == []
    assert stopped_trainings(trainings_folder()) == []
    aged(torn.path, 1)
    assert prune(trainings_folder()) == [torn.path]


def test_a_full_disk_leaves_nothing_to_offer(
    example: Example, user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    made = StoredTraining()
    made.take()
    with pytest.raises(OSError, match="No space left"):
        made.write([example], SETTINGS)
    made.release()
    assert stopped_trainings(trainings_folder()) == []


def test_torn_labels_are_told_with_a_remedy(stored: StoredTraining) -> None:
    path = stored.path / "0-labels.npz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"damaged .*Discard it and train anew"):
        stored.read()
