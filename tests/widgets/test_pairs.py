"""Which labels belong to which image, and what is learnt of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_maskrcnn.images import to_chw
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.train.labelled import Labelled, examples_of
from napari_maskrcnn.widgets import pairs
from napari_maskrcnn.widgets.pairs import Pair, find_pairs, labelled_of
from napari_maskrcnn.widgets.prediction import predicted_labels

PIXELS = np.zeros((32, 32), np.uint8)


def test_a_prediction_stays_with_its_image_whatever_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = Image(PIXELS, name="A"), Image(PIXELS, name="B")
    labels = Labels(PIXELS.astype(int), name="objects")
    monkeypatch.setattr(pairs, "prediction_of", lambda layer: SimpleNamespace(image=lambda: first))
    assert find_pairs([first, second, labels], second, labels) == [Pair(first, labels)]
    # Its image was removed.
    assert find_pairs([second, labels], second, labels) == [Pair(second, labels)]


def test_labels_by_hand_belong_to_what_is_chosen_or_to_what_fits() -> None:
    first, second, small = (
        Image(PIXELS[:side, :side], name=name) for name, side in (("A", 32), ("B", 32), ("C", 16))
    )
    by_hand = Labels(PIXELS.astype(int), name="drawn")
    named = Labels(PIXELS.astype(int), name="A by hand")
    layers = [first, second, small, by_hand, named]
    assert find_pairs(layers, first, by_hand) == [Pair(first, by_hand), Pair(first, named)]
    assert find_pairs(layers, first, None) == [Pair(second, by_hand), Pair(first, named)]


@pytest.mark.parametrize(("chosen", "learnt"), [((2,), [2]), ((2, 0), [2, 0]), (None, [0, 1, 2])])
def test_the_channels_that_were_predicted_are_learnt(
    chosen: tuple[int, ...] | None, learnt: list[int]
) -> None:
    pixels = np.random.default_rng(0).integers(1, 99, (3, 32, 40), np.uint8)
    image = Image(pixels, name="A")
    found = np.zeros((32, 40), bool)
    found[4:12, 6:20] = True
    instances = Instances(
        np.array([[6, 4, 20, 12]], np.float32),
        np.array([0.9], np.float32),
        np.array([1]),
        ("nucleus",),
        (32, 40),
        (found[4:12, 6:20],),
        np.array([[4, 6]], np.int32),
    )
    settings = PredictSettings(channels=chosen)
    kept = Kept({(0, None, None): instances}, settings, "nuclei", "", 0.5, channel_axis=0)
    layer = predicted_labels(image, kept, Choice(0.5), "A instances")
    assert layer.data.shape == (1, 32, 40)
    (example,) = examples_of(labelled_of(Pair(image, layer)), Answer.WHOLE)
    assert example.name == "A instances"
    np.testing.assert_array_equal(example.labels, found)
    assert example.image.dtype == np.uint8
    as_predicted = to_chw(np.moveaxis(pixels, 0, -1), chosen)
    np.testing.assert_array_equal(to_chw(example.image), as_predicted)
    np.testing.assert_array_equal(as_predicted[: len(learnt)], pixels[learnt][:3])


def test_of_an_rgb_image_the_channel_that_was_predicted_is_learnt() -> None:
    pixels = np.random.default_rng(0).integers(1, 99, (2, 32, 40, 3), np.uint8)
    labels = np.ones((2, 32, 40), int)
    both = Labelled("A", pixels, labels, (0, None, None), channels=(1,))
    examples = list(examples_of(both, Answer.WHOLE))
    assert [example.name for example in examples] == ["A, plane 0", "A, plane 1"]
    np.testing.assert_array_equal(examples[1].image, pixels[1, ..., 1])
