"""Pixels that are not square, and coarser levels: the objects lie where they are in the image."""

from __future__ import annotations

import numpy as np
import pytest

import napari_maskrcnn as nm
from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.models import Model
from napari_maskrcnn.predict.plane import predict_job
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.sources.resampled import Resampled, choose_level
from napari_maskrcnn.sources.source import Source
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.metrics import average_precision

PLANE = (None, None)


@pytest.fixture(scope="module")
def model() -> Model:
    return nm.load_model("nuclei", "cpu")


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    return synthetic_nuclei((160, 200), 20, (12, 22), seed=4)


def quality(image: object, truth: np.ndarray, model: Model, diameter: float | None = None) -> float:
    settings = PredictSettings(diameter=diameter)
    found = run(predict_job(image, settings, model)).above(model.score)
    assert found.shape == truth.shape
    return average_precision(truth, found.to_labels(), (0.5,))["0.50"]


def test_flat_pixels_are_looked_at_as_squares(
    model: Model, pair: tuple[np.ndarray, np.ndarray]
) -> None:
    flat, truth = pair[0][::4], pair[1][::4]
    squared = Source(flat, "YX", pixel_size=(1.2, 0.3)).read(PLANE)
    assert quality(squared, truth, model) >= 0.7
    assert quality(squared, truth, model) > quality(flat, truth, model) + 0.2


def test_a_level_finds_objects_in_pixels_of_the_full_image(
    model: Model, pair: tuple[np.ndarray, np.ndarray]
) -> None:
    full, truth = (np.kron(part, np.ones((4, 4), part.dtype)) for part in pair)
    source = Source(full, "YX", levels=(full[::2, ::2], full[::4, ::4]))
    shapes = [level.shape for level in (source.array, *source.levels)]
    diameter = 4.0 * 17
    level = choose_level(shapes, diameter, model.card.diameter)
    assert level == 2
    assert quality(source.read_level(PLANE, level), truth, model, diameter) >= 0.7


def test_a_region_of_a_level_is_one_of_the_full_image(
    model: Model, pair: tuple[np.ndarray, np.ndarray]
) -> None:
    image = Resampled(pair[0], (320, 400))
    steps: list[Progress] = []
    region = (0, 100, 160, 300)
    settings, regions = PredictSettings(), {PLANE: [region]}
    job = predict_planes_job([PLANE], lambda _: image, settings, model=model, regions=regions)
    kept = run(job, steps.append)
    found = kept.planes[PLANE]
    assert kept.partial[PLANE] == (region,)
    assert len(found.above(model.score)) > 3
    y, x = found.boxes[:, 1::2].mean(1), found.boxes[:, ::2].mean(1)
    assert ((y >= 0) & (y < 160) & (x >= 100) & (x < 300)).all()
    whole = run(predict_job(image, PredictSettings(), model))
    assert len(whole) > len(found)
