"""Labels as people bring them: of one pixel, touching, cut, enormous ids, hardly any at all."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

import napari_maskrcnn as nm
from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import Model
from napari_maskrcnn.network.config import SamplingConfig
from napari_maskrcnn.train import batches
from napari_maskrcnn.train.augment import Crop
from napari_maskrcnn.train.base import begin
from napari_maskrcnn.train.dataset import Example, make_example
from napari_maskrcnn.train.fine_tune import fine_tune_job
from napari_maskrcnn.train.loop import Trained, train_job
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.targets import make_target

FAST = TrainSettings(epochs=1, batch=2, crop=64, device="cpu")
SAMPLING = SamplingConfig(
    rpn_samples=64, pre_nms=200, post_nms=100, roi_samples=32, roi_positive=0.5
)


def _train(base: Model, examples: list[Example], zoom: float = 2.0) -> Trained:
    return run(train_job(copy.deepcopy(base.network), examples, FAST, zoom=zoom))


def _finite(trained: Trained) -> bool:
    values = trained.network.state_dict().values()
    return all(np.isfinite(row["loss"]) for row in trained.history) and all(
        value.isfinite().all() for value in values
    )


def test_ids_beyond_31_bits_train_the_same_network(base: Model, example: Example) -> None:
    large = replace(example, labels=example.labels.astype(np.uint64) * 2**33)
    one, other = _train(base, [example]), _train(base, [large])
    pairs = zip(one.network.state_dict().values(), other.network.state_dict().values(), strict=True)
    assert all(a.equal(b) for a, b in pairs)
    with pytest.raises(ValueError, match=r"dish: the labels go up to 9223372036854775808; the la"):
        make_example(np.eye(20), np.eye(20, dtype=np.uint64) * 2**63, "dish")


def test_touching_objects_are_two_and_cut_ones_end_at_the_edge() -> None:
    labels = np.zeros((32, 32), np.int64)
    labels[0:8, 10:20], labels[8:16, 10:20], labels[20:32, 26:32] = 1, 2, 3
    target = make_target(Crop(np.zeros((3, 32, 32), np.float32), labels), {}, torch.device("cpu"))
    assert target.boxes.tolist() == [[10, 0, 20, 8], [10, 8, 20, 16], [26, 20, 32, 32]]
    assert target.ignored is None


def test_objects_of_one_pixel_are_magnified_until_they_can_be_learnt(base: Model) -> None:
    labels = np.zeros((8, 8), np.int32)
    labels[2, 2], labels[5, 6], labels[2, 3] = 1, 2, 3
    points = make_example(labels * 60, labels, "points")
    start = begin([points], FAST, base)
    # Discs of one pixel are brought to the 12 px that the base knows at twice the scale.
    assert start.zoom == pytest.approx(2 * 12 / np.sqrt(4 / np.pi))
    result = run(fine_tune_job([points], FAST, validation=[], base=base))
    assert all(np.isfinite(row["loss"]) for row in result.history)
    assert max(row["mask"] for row in result.history) > 0


def test_specks_among_larger_objects_are_neither_learnt_nor_background(
    base: Model, example: Example
) -> None:
    labels = np.zeros_like(example.labels)
    labels[::8, ::8] = 500 + np.arange(80).reshape(8, 10)
    trained = _train(base, [replace(example, labels=labels)], zoom=1.0)
    assert _finite(trained)
    assert all(row["box"] == row["mask"] == 0 for row in trained.history)


def test_one_object_in_all_trains_and_is_not_held_out(base: Model, example: Example) -> None:
    alone = replace(example, labels=np.where(example.labels == 3, 3, 0))
    result = run(fine_tune_job([alone], FAST, base=base))
    assert result.finished
    assert result.held == ()
    assert result.before == result.after == {}
    assert result.model.card.history[-1]["objects"] == 1


def test_an_object_as_large_as_its_image_trains(base: Model, example: Example) -> None:
    full = replace(example, labels=np.ones_like(example.labels))
    result = nm.fine_tune([(full.image, full.labels)], base=base, epochs=1)
    assert all(np.isfinite(row["loss"]) for row in result.history)


def test_images_without_an_object_are_negatives_but_never_most_of_what_is_drawn(
    base: Model, example: Example
) -> None:
    empty = replace(example, labels=np.zeros_like(example.labels), name="empty")
    shares = batches._shares([example, *[empty] * 9])
    assert shares[0] == pytest.approx(0.8)
    assert shares[1:] == pytest.approx([0.2 / 9] * 9)
    assert batches._shares([*[example] * 9, empty]) == pytest.approx([0.1] * 10)
    assert batches._shares([empty, empty]) == pytest.approx([0.5, 0.5])
    drawn = batches.Batches([empty], FAST, ("nucleus",), 2.0)
    losses = base.network.losses(
        torch.zeros(1, 3, 64, 64),
        [make_target(Crop(np.zeros((3, 64, 64), np.float32), np.zeros((64, 64), int)), {},
                     torch.device("cpu"))],
        SAMPLING,
        torch.Generator().manual_seed(0),
    ).to_dict()  # fmt: skip
    assert drawn.steps_per_epoch == 3
    # There is background to learn, and nothing else.
    assert min(losses["rpn_class"], losses["class"]) > 0
    assert losses["rpn_box"] == losses["box"] == losses["mask"] == 0


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int64, np.uint32])
def test_labels_of_every_type_of_integer_train(
    base: Model, example: Example, kind: type[np.generic]
) -> None:
    labels = (example.labels > 0).astype(kind)
    trained = _train(base, [make_example(example.image, labels, "drawn")], zoom=0.5)
    assert _finite(trained)


def test_what_is_held_out_may_have_no_object(base: Model, example: Example) -> None:
    empty = (example.image, np.zeros_like(example.labels))
    pair = (example.image, example.labels)
    result = nm.fine_tune([pair], base=base, epochs=1, validation=[empty])
    assert 0 <= result.after["ap50"] <= 1
