from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection.roi_heads import paste_masks_in_image

from napari_maskrcnn.network.mask_targets import mask_targets
from napari_maskrcnn.network.paste import RULES, paste


def _random_boxes(rng: np.random.Generator, count: int, shape: tuple[int, int]) -> np.ndarray:
    height, width = shape
    x, y = rng.uniform(0, width - 1, count), rng.uniform(0, height - 1, count)
    right = np.minimum(x + rng.uniform(0.5, 30, count), width)
    bottom = np.minimum(y + rng.uniform(0.5, 30, count), height)
    return np.stack([x, y, right, bottom], 1).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_torchvisions_rule_is_its_paste(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (40, 50)
    boxes = _random_boxes(rng, 8, shape)
    masks = rng.random((8, 28, 28), dtype=np.float32)
    expected = paste_masks_in_image(
        torch.from_numpy(masks)[:, None], torch.from_numpy(boxes), shape
    )[:, 0].numpy()
    crops, origins = paste(masks, boxes, shape, RULES["torchvision"])
    for crop, (y, x), full in zip(crops, origins, expected, strict=True):
        found = np.zeros(shape, bool)
        found[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
        different = found != (full > 0.5)
        # Only where the interpolated value is the threshold to rounding may a pixel differ.
        assert np.abs(full[different] - 0.5).max(initial=0) < 1e-5


@pytest.mark.parametrize("diameter", [6, 9, 15, 27])
def test_coding_and_pasting_a_disc_gives_it_back(diameter: int) -> None:
    yy, xx = np.mgrid[:40, :40]
    labels = ((yy - 19.3) ** 2 + (xx - 20.7) ** 2 <= (diameter / 2) ** 2).astype(np.int64)
    y, x = np.nonzero(labels)
    box = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
    grid = mask_targets(
        torch.from_numpy(labels), torch.tensor([1]), torch.from_numpy(box), 28, aligned=True
    )
    crops, origins = paste(grid.numpy(), box, (40, 40), RULES["subpixel"])
    assert origins.tolist() == [[y.min(), x.min()]]
    back = np.zeros_like(labels, bool)
    rows, columns = crops[0].shape
    back[y.min() : y.min() + rows, x.min() : x.min() + columns] = crops[0]
    union = (back | (labels > 0)).sum()
    assert (back & (labels > 0)).sum() / union >= 0.98


def test_a_box_between_pixel_centres_has_no_pixel() -> None:
    boxes = np.array([[3.6, 3.6, 4.4, 4.4], [3.4, 3.4, 4.6, 4.6]], np.float32)
    crops, _ = paste(np.ones((2, 28, 28), np.float32), boxes, (10, 10), RULES["subpixel"])
    assert crops[0].shape == (0, 0)
    assert crops[1].shape == (2, 2)
    assert crops[1].all()


def test_no_box_at_all() -> None:
    for rule in RULES.values():
        crops, origins = paste(
            np.zeros((0, 28, 28), np.float32), np.zeros((0, 4), np.float32), (9, 9), rule
        )
        assert crops == ()
        assert origins.shape == (0, 2)
