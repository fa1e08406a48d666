"""What is correct of an image: the rest changes nothing, whatever is painted there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.models import Model
from napari_maskrcnn.network.config import SamplingConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.augment import random_crop
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.regions import (
    CONTEXT,
    around_changes,
    finished,
    restrict,
    without_cut,
)
from napari_maskrcnn.train.split import split
from napari_maskrcnn.train.targets import make_target

SAMPLING = SamplingConfig(
    rpn_samples=64, pre_nms=200, post_nms=100, roi_samples=32, roi_positive=0.5
)


@pytest.fixture(scope="module")
def example() -> Example:
    image, labels = synthetic_nuclei((160, 200), 40, (10, 18), seed=3)
    return Example(image, labels, "drawn")


@pytest.fixture
def tiny(base: Model) -> MaskRCNN:
    return base.network


def test_an_object_on_the_edge_is_unknown() -> None:
    labels = np.zeros((20, 30), np.uint8)
    labels[2:8, 2:8] = 1  # whole, a pixel away from the edge
    labels[10:16, 7:13] = 2  # cut
    labels[2:8, 20:26] = 3  # outside
    ignored = np.zeros((20, 30), bool)
    ignored[:, 10:] = True
    clean, unknown = without_cut(labels, ignored)
    np.testing.assert_array_equal(clean, np.where(labels == 1, 1, 0))
    np.testing.assert_array_equal(unknown, ignored | (labels == 2))


@given(st.integers(0, 2**32 - 1))
def test_what_is_painted_outside_changes_no_example(seed: int) -> None:
    image, labels = synthetic_nuclei((60, 70), 9, (8, 12), seed=1)
    known = np.zeros(labels.shape, bool)
    known[10:44, 8:50] = True
    painted = np.where(known, labels, np.random.default_rng(seed).integers(0, 30, labels.shape))
    (one,) = restrict(Example(image, labels, "a"), known)
    (other,) = restrict(Example(image, painted, "a"), known)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.ignored, other.ignored)


def test_what_is_painted_outside_changes_no_loss_and_no_gradient(
    example: Example, tiny: MaskRCNN
) -> None:
    rectangle = (30, 20, 120, 130)
    painted = example.labels.copy()
    painted[:30] = 99
    painted[:, 130:] = np.arange(70)
    found = []
    for labels in (example.labels, painted):
        (part,) = finished([replace(example, labels=labels)], [[rectangle]])
        crops = [random_crop(part, 96, 1.0, np.random.default_rng(k)) for k in range(3)]
        targets = [make_target(crop, {}, torch.device("cpu")) for crop in crops]
        assert sum(len(target.ids) for target in targets) > 10
        images = torch.from_numpy(np.stack([crop.image for crop in crops]))
        tiny.zero_grad()
        losses = tiny.losses(images, targets, SAMPLING, torch.Generator().manual_seed(0))
        losses.total.backward()
        gradients = [p.grad.clone() for p in tiny.parameters() if p.grad is not None]
        found.append((losses.to_dict(), gradients))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))


def test_unknown_area_is_no_background(example: Example, tiny: MaskRCNN) -> None:
    """The same crop teaches less when most of it is unknown: fewer anchors and proposals count."""
    crop = random_crop(example, 96, 1.0, np.random.default_rng(0))
    bare = replace(crop, labels=np.zeros_like(crop.labels))
    images = torch.from_numpy(bare.image[None])
    unknown = replace(bare, ignored=np.ones((96, 96), bool))

    def loss(of: object) -> dict[str, float]:
        target = make_target(of, {}, torch.device("cpu"))  # type: ignore[arg-type]
        return tiny.losses(images, [target], SAMPLING, torch.Generator().manual_seed(0)).to_dict()

    assert loss(bare)["rpn_class"] > 0.5
    assert loss(bare)["class"] > 0.1
    # Anchors that reach far out of the image are known to be background there.
    everything = loss(unknown)
    assert everything["class"] == 0
    assert everything["mask"] == 0
    assert np.isfinite(everything["rpn_class"])


def test_regions_apart_are_examples_of_their_own_and_overlapping_ones_are_one(
    example: Example,
) -> None:
    parts = finished(
        [example], [[(0, 0, 60, 60), (40, 40, 80, 90), (100, 150, 150, 200), (0, 0, 60, 60)]]
    )
    assert [part.name for part in parts] == ["drawn [0:80, 0:90]", "drawn [100:150, 150:200]"]
    assert parts[0].labels.shape == (min(160, 80 + CONTEXT), 90 + CONTEXT)
    assert parts[0].area < 60 * 60 + 40 * 50
    assert parts[0].limits == parts[1].limits == example.limits
    train, held = split(parts, 0)
    assert (len(train), len(held)) == (1, 1)


def test_a_part_of_a_part_knows_its_place_in_the_whole(example: Example) -> None:
    known = np.zeros(example.labels.shape, bool)
    known[120:, 150:] = True
    (part,) = restrict(example, known)
    known = np.zeros(part.labels.shape, bool)
    known[110:] = True
    smaller = restrict(part, known)[0]
    assert smaller.image.shape[0] < part.image.shape[0] < example.image.shape[0]
    for cut in (part, smaller):
        assert cut.cut_from is not None
        name, top, left = cut.cut_from
        height, width = cut.labels.shape
        assert name == example.name
        np.testing.assert_array_equal(
            cut.image, example.image[top : top + height, left : left + width]
        )


def test_a_mask_is_a_region_too(example: Example) -> None:
    mask = np.zeros(example.labels.shape, bool)
    mask[20:90, 30:120] = True
    (drawn,) = finished([example], [mask])
    (boxed,) = finished([example], [[(20, 30, 90, 120)]])
    np.testing.assert_array_equal(drawn.labels, boxed.labels)
    with pytest.raises(ValueError, match=r"shape \(5, 5\), the labels \(160, 200\)"):
        finished([example], [np.ones((5, 5), bool)])
    assert finished([example], [None]) == [example]


def test_crops_of_a_region_hold_some_of_it(example: Example) -> None:
    mask = np.zeros(example.labels.shape, bool)
    mask[60:76, 90:106] = True
    (part,) = finished([replace(example, labels=np.zeros_like(example.labels))], [mask])
    for seed in range(20):
        crop = random_crop(part, 32, 1.0, np.random.default_rng(seed))
        assert crop.ignored is not None
        assert 0 < np.count_nonzero(crop.ignored) < crop.ignored.size


def test_predictions_in_unknown_area_are_not_judged() -> None:
    labels = np.zeros((10, 12), np.int32)
    labels[0:4, 0:4], labels[0:4, 5:9], labels[6:9, 4:8] = 1, 2, 3
    ignored = np.zeros((10, 12), bool)
    ignored[:, 6:] = True
    judged = Example(labels, labels * 0, ignored=ignored).judged(labels)
    assert np.unique(judged).tolist() == [0, 1]
    np.testing.assert_array_equal(Example(labels, labels).judged(labels), labels)


def test_around_changes_holds_what_was_changed_and_a_margin() -> None:
    before = np.zeros((40, 60), np.int32)
    before[5:10, 5:10], before[20:30, 20:30], before[5:10, 45:50] = 1, 2, 3
    after = before.copy()
    after[20, 20] = 0  # reshaped
    after[5:10, 5:10] = 0  # removed
    around = around_changes(before, after, 3)
    expected = np.zeros(before.shape, bool)
    expected[2:13, 2:13] = expected[17:33, 17:33] = True
    np.testing.assert_array_equal(around, expected)
    assert not around_changes(before, before, 3).any()


@pytest.mark.parametrize(
    ("rectangle", "message"),
    [
        ((0, 0, 161, 10), r"drawn: the region \(0, 0, 161, 10\)"),
        ((0, 0, 3, 10), "less than 4 px"),
        ((0.5, 0, 10, 10), "four whole numbers"),
        ((0, 0, 10), "four whole numbers"),
    ],
)
def test_a_region_must_lie_in_its_image(
    example: Example, rectangle: tuple[int, int, int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        finished([example], [[rectangle]])


def test_a_region_in_which_every_object_is_cut_is_no_example() -> None:
    labels = np.zeros((40, 40), int)
    labels[:, 8:35] = 1
    whole = Example(np.eye(40), labels, "one large cell")
    (left,) = finished([whole], [[(10, 0, 30, 4), (10, 10, 30, 30)]])
    assert left.name == "one large cell [10:30, 0:4]"
