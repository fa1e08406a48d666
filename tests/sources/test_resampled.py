"""Objects found in another sampling of an image come back where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.draw import ellipse

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Job, Progress, run
from napari_maskrcnn.sources.resampled import (
    Resampled,
    Squared,
    choose_level,
    rescaled,
    squared,
)


def blobs(shape: tuple[int, int], y: float, x: float) -> np.ndarray:
    """Three ellipses, as an image of 100 × 100 would show them at other numbers of pixels."""
    labels = np.zeros(shape, int)
    places = [(30, 30, 14, 20), (70, 30, 12, 9), (60, 75, 20, 10)]
    for value, (row, column, height, width) in enumerate(places, start=1):
        # Pixel centres are at halves of the smaller pixels.
        centre = ((row + 0.5) * y - 0.5, (column + 0.5) * x - 0.5)
        labels[ellipse(*centre, height * y, width * x, shape=shape)] = value
    return labels


@pytest.mark.parametrize(
    ("y", "x"), [(1.0, 2.0), (2.0, 1.0), (4.0, 4.0), (0.5, 1.0), (1.0, 0.6), (1.37, 1.0)]
)
def test_objects_come_back_to_their_pixels(y: float, x: float) -> None:
    seen = Instances.from_labels(blobs((round(100 * y), round(100 * x)), y, x))
    found = rescaled(seen, (100, 100))
    truth = blobs((100, 100), 1, 1)
    assert found.shape == (100, 100)
    for i, value in enumerate((1, 2, 3)):
        mask = Instances.to_labels(found[i]) > 0
        union = mask | (truth == value)
        assert (mask & (truth == value)).sum() / union.sum() > 0.9
        rows, columns = np.nonzero(truth == value)
        expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(found.boxes[i], expected, atol=1.6)


@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(0, 9),
)
def test_crops_stay_inside_the_image(h: int, w: int, height: int, width: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 4, (h, w))
    found = rescaled(Instances.from_labels(labels), (height, width))
    ends = found.origins + [crop.shape for crop in found.crops] if len(found) else found.origins
    assert (found.origins >= 0).all()
    assert (ends <= (height, width)).all()
    assert found.to_labels().shape == (height, width)
    assert all(crop.any() for crop in found.crops)


def test_nothing_changes_where_the_sampling_does_not() -> None:
    seen = Instances.from_labels(blobs((100, 100), 1, 1))
    found = rescaled(seen, (100, 100))
    np.testing.assert_array_equal(found.to_labels(), seen.to_labels())
    np.testing.assert_array_equal(found.boxes, seen.boxes)


@pytest.mark.parametrize("aspect", [2.0, 0.5, 1.7])
def test_a_piece_of_a_stretched_image_is_that_of_the_whole(aspect: float) -> None:
    image = np.random.default_rng(0).integers(0, 250, (20, 24, 2)).astype(np.uint8)
    found = squared(image, aspect)
    assert isinstance(found, Squared)
    shape = (round(20 * aspect), 24) if aspect > 1 else (20, round(24 / aspect))
    assert found.shape == (*shape, 2)
    assert found.ndim == 3
    whole = np.asarray(found)
    assert whole.dtype == np.uint8
    np.testing.assert_array_equal(found[3:17, 5:30:2], whole[3:17, 5:30:2])
    np.testing.assert_array_equal(found[4:9], whole[4:9])
    assert found[9:9].shape == (0, *whole.shape[1:]) or aspect < 1
    # A ramp stays a ramp.
    ramp = np.asarray(squared(np.linspace(0, 1, 50)[:, None] * np.ones((1, 9)), 2.0))
    inner = np.diff(ramp[2:-2, 0])
    np.testing.assert_allclose(inner, 1 / 98, rtol=1e-4)


def test_pixels_that_are_square_or_absurd_stay() -> None:
    image = np.zeros((8, 9))
    for aspect in (1.0, 1.04, 0.97, 30.0, 0.01):
        assert squared(image, aspect) is image


def test_infinite_pixels_do_not_spread() -> None:
    image = np.ones((4, 5))
    image[0] = np.inf
    assert np.isfinite(np.asarray(squared(image, 2.0))).any()
    assert not np.isnan(np.asarray(squared(image, 2.0))).any()


def job(found: Instances) -> Job[Instances]:
    data: dict[str, Any] = {"found": found, "finished": ((0, 0, 25, 50), (25, 0, 50, 50))}
    yield Progress(0, 2, "Tile 1")
    yield Progress(2, 2, "Tile 2", data)
    return found


def test_a_job_is_passed_through_in_pixels_of_the_image() -> None:
    seen = Instances.from_labels(blobs((50, 50), 0.5, 0.5))
    image = Resampled(np.zeros((50, 50, 3), np.uint8), (100, 201))
    assert image.shape == (100, 201, 3)
    assert image.dtype == np.uint8
    steps: list[Progress] = []
    found = run(image.mapped(job(seen)), steps.append)
    assert found.shape == (100, 201)
    assert steps[0] == Progress(0, 2, "Tile 1")
    assert steps[1].data["found"].shape == (100, 201)
    assert steps[1].data["finished"] == ((0, 0, 50, 201), (50, 0, 100, 201))
    assert image.seen_region((10, 20, 31, 41)) == (5, 4, 16, 11)
    assert image.seen_region(None) is None
    assert image.seen_diameter(40.2) == pytest.approx(10)
    assert image.seen_diameter(None) is None
    assert Resampled(np.zeros((20, 10)), (10, 10)).seen_diameter(7.0) == 7


@pytest.mark.parametrize(
    ("diameter", "level"),
    [(20, 0), (29, 0), (31, 1), (40, 1), (60, 2), (1000, 2), (None, 0)],
)
def test_the_level_is_where_objects_have_the_known_size(diameter: float | None, level: int) -> None:
    shapes = [(4000, 6000), (2000, 3000), (1000, 1500)]
    assert choose_level(shapes, diameter, 20.0) == level
    assert choose_level(shapes, diameter, None) == 0
