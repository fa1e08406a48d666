"""Tests of the made-up nuclei: that the labels are true and the light is the style's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_maskrcnn.synthetic import synthetic_nuclei

STYLES = ("fluorescence", "brightfield", "histology", "relief")


@pytest.mark.parametrize("style", STYLES)
def test_types_and_count(style: str) -> None:
    image, labels = synthetic_nuclei((200, 240), count=25, style=style)
    assert image.dtype == np.uint8
    assert image.shape == ((200, 240, 3) if style == "histology" else (200, 240))
    assert labels.dtype == np.int32
    assert np.unique(labels).tolist() == list(range(26))


@pytest.mark.parametrize(("style", "sign"), list(zip(STYLES[:3], (1, -1, -1), strict=True)))
def test_nuclei_stand_out_without_saturation(style: str, sign: int) -> None:
    image, labels = synthetic_nuclei(seed=3, style=style)
    grey = image.astype(float).mean(-1) if image.ndim == 3 else image.astype(float)
    inside, outside = grey[labels > 0], grey[labels == 0]
    assert sign * (inside.mean() - outside.mean()) > 40
    assert inside.std() > 10
    assert (image == 255).mean() < 0.005


def test_edges_are_soft() -> None:
    image, labels = synthetic_nuclei(count=20, diameter=(24, 30), seed=1)
    depth = ndimage.distance_transform_edt(labels > 0)
    depth -= ndimage.distance_transform_edt(labels == 0)
    outside, rim, inside = (
        image[(depth > low) & (depth <= high)].mean() for low, high in ((-6, -4), (-1, 1), (4, 6))
    )
    assert 0.25 < (rim - outside) / (inside - outside) < 0.75


def test_histology_nuclei_are_blue_in_pink_tissue() -> None:
    image, labels = synthetic_nuclei(style="histology", seed=2)
    red, green, blue = image[labels > 0].mean(0)
    assert blue > red > green
    red, green, blue = image[labels == 0].mean(0)
    assert red > blue > green


def test_cells_in_relief_are_bright_on_one_flank_and_dark_on_the_other() -> None:
    image, labels = synthetic_nuclei(style="relief", count=20, diameter=(24, 30), seed=2)
    grey, rows, columns = image.astype(float), *np.indices(labels.shape)
    objects = range(1, labels.max() + 1)
    lit, shaded = [], []
    for label, centre in zip(objects, ndimage.center_of_mass(labels, labels, objects), strict=True):
        across = (rows - centre[0]) + (columns - centre[1])
        lit.append(grey[(labels == label) & (across < -12)].mean())
        shaded.append(grey[(labels == label) & (across > 12)].mean())
    assert np.mean(lit) - np.mean(shaded) > 20
    assert abs(grey[labels > 0].mean() - grey[labels == 0].mean()) < 5


def test_some_touch() -> None:
    _, labels = synthetic_nuclei(count=60, seed=0)
    pairs = set()
    for one, other in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        meet = (one != other) & (one > 0) & (other > 0)
        pairs |= {tuple(sorted(pair)) for pair in zip(one[meet], other[meet], strict=True)}
    assert len(pairs) >= 5


def test_same_seed_same_image() -> None:
    first, again, other = (synthetic_nuclei(seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_labels_do_not_depend_on_the_style() -> None:
    _, first = synthetic_nuclei(seed=4, style="fluorescence")
    _, second = synthetic_nuclei(seed=4, style="histology")
    assert np.array_equal(first, second)


@given(st.integers(0, 1000), st.integers(0, 30), st.sampled_from([(4, 6), (8, 16), (20, 32)]))
@settings(max_examples=15, deadline=None)
def test_every_nucleus_is_one_piece_of_its_size(
    seed: int, count: int, diameter: tuple[int, int]
) -> None:
    _, labels = synthetic_nuclei((64, 48), count, diameter, seed)
    assert labels.max() <= count
    for label in range(1, labels.max() + 1):
        assert ndimage.label(labels == label)[1] == 1
        assert 9 <= (labels == label).sum() <= 1.25 * np.pi * (diameter[1] / 2) ** 2 + 5


def test_fewer_where_they_do_not_fit() -> None:
    _, labels = synthetic_nuclei((40, 40), count=200, diameter=(14, 20))
    assert 3 <= labels.max() < 30


@pytest.mark.parametrize("style", STYLES)
def test_no_nuclei(style: str) -> None:
    image, labels = synthetic_nuclei((32, 32), count=0, style=style)
    assert not labels.any()
    assert image.std() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"style": "x-ray"}, "no style 'x-ray'. Choose one of fluorescence, brightfield"),
        ({"shape": (8, 64)}, r"at least 16 pixels on each side, got \(8, 64\)"),
        ({"count": -1}, "cannot be negative, got -1"),
        ({"diameter": (24, 10)}, r"must rise .* got \(24, 10\)"),
        ({"diameter": (2, 10)}, "from at least 4"),
        ({"diameter": (10, 300)}, "at most 256"),
    ],
)
def test_refuses(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        synthetic_nuclei(**arguments)
