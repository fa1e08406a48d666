"""A checkpoint goes on with the images, classes and regions that it began with."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import Model
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.loop import train_job
from napari_maskrcnn.train.settings import TrainSettings

FAST = TrainSettings(epochs=1, batch=2, crop=64, learning_rate=1e-3, device="cpu")


@pytest.mark.parametrize("changed", ["pixels", "classes", "labels"])
def test_other_data_are_refused(
    base: Model, example: Example, tmp_path: Path, changed: str
) -> None:
    ignored = np.zeros(example.labels.shape, bool)
    ignored[:, 70:] = True
    known = replace(example, ignored=ignored)
    others = {
        "pixels": replace(known, image=255 - known.image),
        "classes": replace(known, classes={1: "nucleus"}),
        "labels": replace(known, ignored=ignored[:, ::-1]),
    }
    checkpoint = tmp_path / "x.checkpoint"

    def train(what: Example) -> None:
        network = copy.deepcopy(base.network)
        run(train_job(network, [what], FAST, zoom=2.0, checkpoint=checkpoint, resume=True))

    train(known)
    train(known)
    with pytest.raises(ValueError, match=f"another {changed}; use the same settings"):
        train(others[changed])
