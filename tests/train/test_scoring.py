"""Parts of an image are judged with the contrast of the whole."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import Model
from napari_maskrcnn.predict.plane import predict_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.scoring import score_network


def test_a_part_is_judged_with_the_limits_of_its_image(
    base: Model, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def watched(*args: object, **named: object) -> object:
        asked.append(named["limits"])
        return predict_job(*args, **named)

    monkeypatch.setattr(import_module("napari_maskrcnn.train.scoring"), "predict_job", watched)
    part = replace(example, intensities=(0.0, 500.0))
    score_network(base.network, card=base.card, held=[example, part])
    assert asked == [None, (0.0, 500.0)]


def test_given_limits_stand_for_measured_ones(base: Model, example: Example) -> None:
    def scores(limits: tuple[float, float] | None) -> list[float]:
        settings = PredictSettings(precision="float32")
        found = run(predict_job(example.image, settings, base, limits=limits))
        return [round(float(score), 4) for score in found.scores]

    low, high = example.limits
    assert scores((low, high)) == scores(None)
    assert scores((low, 9 * high)) != scores(None)
