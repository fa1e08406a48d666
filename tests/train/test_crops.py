"""Crops and their targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.augment import Crop, disturb, random_crop
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.targets import make_target


def _example(shape: tuple[int, int] = (64, 80)) -> Example:
    image, labels = synthetic_nuclei(shape, 8, (9, 14), seed=2)
    return Example(image, labels, "drawn")


def _crop(labels: np.ndarray) -> Crop:
    return Crop(np.zeros((3, *labels.shape), np.float32), labels)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), zoom=st.floats(0.3, 4.0))
def test_a_crop_has_its_size_and_labels_of_the_image(seed: int, zoom: float) -> None:
    example = _example()
    crop = random_crop(example, 96, zoom, np.random.default_rng(seed))
    assert crop.image.shape == (3, 96, 96)
    assert crop.image.dtype == np.float32
    assert np.isfinite(crop.image).all()
    assert -0.5 <= crop.image.min() <= crop.image.max() <= 2
    assert crop.labels.shape == (96, 96)
    assert set(np.unique(crop.labels)) <= set(np.unique(example.labels))


def test_a_crop_depends_on_its_generator_alone() -> None:
    crops = [random_crop(_example(), 64, 2.0, np.random.default_rng([7, 3])) for _ in range(2)]
    np.testing.assert_array_equal(crops[0].image, crops[1].image)
    np.testing.assert_array_equal(crops[0].labels, crops[1].labels)


def test_image_and_labels_stay_on_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image of its own labels, undisturbed, must still be bright where labels are."""
    labels = _example().labels
    example = Example((labels > 0).astype(np.uint8) * 255, labels, "mask")
    monkeypatch.setattr("napari_maskrcnn.train.augment.disturb", lambda image, *_: image)
    for seed in range(10):
        crop = random_crop(example, 96, 2.0, np.random.default_rng(seed))
        agree = (crop.image[0] > 0.5) == (crop.labels > 0)
        assert agree.mean() > 0.98


def test_disturbing_keeps_grey_grey() -> None:
    grey = np.repeat(np.random.default_rng(0).random((1, 32, 32), np.float32), 3, axis=0)
    for seed in range(20):
        found = disturb(grey, np.random.default_rng(seed))
        np.testing.assert_array_equal(found[0], found[1])


def test_targets_are_half_open_boxes_of_what_is_large_enough() -> None:
    labels = np.zeros((32, 32), np.int64)
    labels[4:10, 6:20] = 300
    labels[20:30, 20:30] = 5
    labels[0:2, 0:32] = 8
    target = make_target(_crop(labels), {5: 2}, torch.device("cpu"))
    assert target.ids.tolist() == [5, 300]
    assert target.boxes.tolist() == [[20, 20, 30, 30], [6, 4, 20, 10]]
    assert target.classes.tolist() == [2, 1]
    # The sliver is unknown: neither an object nor background.
    assert target.ignored is not None
    np.testing.assert_array_equal(target.ignored.numpy(), labels == 8)
    empty = make_target(_crop(labels * 0), {}, torch.device("cpu"))
    assert empty.boxes.shape == (0, 4)
    assert empty.ignored is None


def test_ids_beyond_32_bits_stay_apart() -> None:
    labels = np.zeros((40, 40), np.int64)
    labels[4:14, 4:14], labels[20:34, 20:34] = 2**31 + 1, 2**33
    example = Example(labels.astype(np.uint8) + np.eye(40), labels, "large")
    crop = random_crop(replace(example), 64, 1.0, np.random.default_rng(0))
    assert set(np.unique(crop.labels)) <= {0, 2**31 + 1, 2**33}
