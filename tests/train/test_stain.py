"""Stains that are made up: light on dark becomes dark on light, and nothing leaves the image."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_maskrcnn.train import stain
from napari_maskrcnn.train.augment import disturb
from napari_maskrcnn.train.stain import restained, stained

SEEDS = st.integers(0, 1000)


def _nuclei() -> np.ndarray:
    """A bright square on a dark ground, grey, (3, 40, 40)."""
    image = np.zeros((3, 40, 40), np.float32)
    image[:, 15:25, 15:25] = 0.9
    return image


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS)
def test_bright_nuclei_become_dark_ones_on_light(seed: int) -> None:
    with mock.patch.object(stain, "_field", lambda shape, rng: np.zeros(shape)):
        made = stained(_nuclei(), np.random.default_rng(seed))
    assert (made[:, 15:25, 15:25] < made[:, :1, :1]).all()
    assert made[:, 0, 0] == pytest.approx(made[0, 0, 0])
    assert made[0, 0, 0] >= 0.85


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS)
def test_a_second_stain_lies_around_the_nuclei_and_gives_no_light(seed: int) -> None:
    made = stained(_nuclei(), np.random.default_rng(seed))
    assert made.shape == (3, 40, 40)
    assert made.dtype == np.float32
    assert 0 < made.min() <= made.max() <= 1
    field = stain._field((40, 30), np.random.default_rng(seed))
    assert field.shape == (40, 30)
    assert 0 <= field.min() <= field.max() <= 1


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS)
def test_other_stains_keep_what_is_dark_dark(seed: int) -> None:
    section = np.full((3, 20, 20), 0.95, np.float32)
    section[:, 5:15, 5:15] = np.asarray([0.4, 0.2, 0.6], np.float32)[:, None, None]
    made = restained(section, np.random.default_rng(seed))
    assert made.dtype == np.float32
    assert 0 < made.min() <= made.max() <= 1
    assert (made[:, 10, 10] < made[:, 0, 0]).all()


def test_white_stays_white_and_equal_stains_stay_grey() -> None:
    white = np.ones((3, 4, 4), np.float32)
    np.testing.assert_array_equal(restained(white, np.random.default_rng(0)), white)
    grey = np.full((3, 4, 4), np.exp(-1), np.float32)
    made = restained(grey, np.random.default_rng(0))
    # Every row of the mixing sums to one.
    np.testing.assert_allclose(made, made[0, 0, 0], rtol=1e-6)


def test_black_is_no_infinite_stain() -> None:
    assert np.isfinite(restained(np.zeros((3, 4, 4), np.float32), np.random.default_rng(1))).all()


@pytest.mark.parametrize(("wide", "share"), [(True, 0.15), (False, 0.0)])
def test_grey_images_are_stained_only_for_a_model_of_all_microscopes(
    wide: bool, share: float
) -> None:
    made = [disturb(_nuclei(), np.random.default_rng(seed), wide) for seed in range(300)]
    coloured = np.mean([bool((one[0] != one[1]).any()) for one in made])
    assert abs(coloured - share) < 0.06
