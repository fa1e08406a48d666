"""Which labels belong to which image."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_maskrcnn.widgets import pairs
from napari_maskrcnn.widgets.pairs import Pair, find_pairs

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
