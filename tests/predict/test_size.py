"""Object sizes are estimated from a part of the image, whatever the size."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.models import load_model
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.predict.size import busiest_part, estimate_job
from napari_maskrcnn.synthetic import synthetic_nuclei

SETTINGS = PredictSettings(device="cpu")


@pytest.fixture(scope="module")
def nuclei() -> Model:
    return load_model("nuclei", "cpu")


@pytest.mark.parametrize("diameter", [8, 20, 60])
def test_the_diameter_comes_out_within_30_percent(nuclei: Model, diameter: int) -> None:
    side = max(220, 10 * diameter)
    image, labels = synthetic_nuclei(
        (side, side),
        count=round(0.35 * (side / diameter) ** 2),
        diameter=(0.8 * diameter, 1.2 * diameter),
        seed=3,
    )
    true = float(np.median(np.sqrt(np.bincount(labels.ravel())[1:] * 4 / np.pi)))
    found = run(estimate_job(image, SETTINGS, nuclei))
    assert found is not None
    assert 0.7 * true <= found <= 1.3 * true


class Noted:
    """An array that knows how many pixels were read of it."""

    def __init__(self, data: Any) -> None:
        self.data, self.shape, self.dtype, self.read = data, data.shape, data.dtype, 0

    def __getitem__(self, index: Any) -> Any:
        part = self.data[index]
        self.read += part.size
        return part


def test_only_parts_are_read_and_the_busiest_is_taken() -> None:
    data = np.zeros((4000, 5000), np.uint8)
    data[3200:3300, 700:900:9] = 90
    data[100, 4000] = 255  # one hot pixel is no object
    image = Noted(data)
    part = busiest_part(image, 400)
    assert part.shape == (400, 400)
    assert (part == 90).sum() > 1000
    assert image.read == 9 * 400 * 400
    assert busiest_part(data[:30, :50], 400).shape == (30, 50)
    assert busiest_part(np.full((30, 50), np.nan), 20).shape == (20, 20)


def test_where_nothing_is_there_is_no_diameter(nuclei: Model) -> None:
    steps: list[Progress] = []
    assert run(estimate_job(np.full((64, 64), 7, np.uint8), SETTINGS, nuclei), steps.append) is None
    assert [(step.done, step.total) for step in steps] == [(0, 3), (1, 3), (2, 3)]


def test_it_stops(nuclei: Model) -> None:
    stop = threading.Event()
    stop.set()
    image = synthetic_nuclei((64, 64), 5)[0]
    assert run(estimate_job(image, SETTINGS, nuclei, stop)) is None


def test_a_model_for_any_size_needs_no_diameter(nuclei: Model) -> None:
    model = replace(nuclei, card=replace(nuclei.card, name="photos", diameter=None))
    with pytest.raises(ValueError, match=r"'photos'.*leave the diameter at auto"):
        run(estimate_job(np.eye(32), SETTINGS, model))
