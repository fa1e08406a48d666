"""How large the crops of a step are, and how many."""

from __future__ import annotations

import numpy as np
import pytest

from napari_maskrcnn.train.batches import Batches, fitted
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.settings import TrainSettings


def _blank(height: int, width: int) -> Example:
    return Example(np.zeros((height, width)), np.zeros((height, width), int), f"{height} {width}")


@pytest.mark.parametrize(
    ("shapes", "side", "batch"),
    [
        # The largest counts, twice enlarged and ×1.5 more: 260 px are 776.
        ([(20, 20), (260, 90)], 512, 1),
        # 120 px are 358, so 384; two of them are more pixels than one of 512.
        ([(120, 90)], 384, 1),
        # 80 px are 239, so 256: four of them are one of 512.
        ([(80, 60)], 256, 4),
        ([(10, 10)], 64, 4),
    ],
)
def test_crops_are_no_larger_than_the_images_and_as_many_pixels_a_step(
    shapes: list[tuple[int, int]], side: int, batch: int
) -> None:
    found = fitted(TrainSettings(), [_blank(*shape) for shape in shapes], 2.0)
    assert (found.crop, found.batch) == (side, batch)
    assert fitted(found, [_blank(500, 500)], 2.0) == found


def test_what_is_given_stays() -> None:
    given = TrainSettings(crop=96, batch=3)
    assert fitted(given, [_blank(500, 500)], 2.0) == given
    assert fitted(TrainSettings(batch=2), [_blank(80, 60)], 2.0).batch == 2


def test_from_scratch_several_images_are_in_a_step() -> None:
    scratch = TrainSettings(base="none")
    assert (scratch.side, scratch.size) == (256, 4)
    found = fitted(scratch, [_blank(500, 500)], 1.0)
    assert (found.crop, found.batch) == (256, 4)


def test_an_epoch_sees_as_many_pixels_as_the_images_have() -> None:
    images = [_blank(256, 256)] * 3
    # Three images of 512² network pixels.
    for settings, steps in ((TrainSettings(), 3), (TrainSettings(crop=256, batch=4), 3)):
        assert Batches(images, settings, ("object",), 2.0).steps_per_epoch == steps
