"""A kept prediction comes back as it was and chooses the same labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.kept import Choice, Kept
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.predict.stored import kept_from_bytes, kept_to_bytes
from napari_maskrcnn.synthetic import synthetic_nuclei


def kept() -> Kept:
    planes = {}
    for z in range(2):
        found = Instances.from_labels(synthetic_nuclei((64, 80), count=9, seed=z)[1], ("a", "b"))
        scores = np.linspace(0.9, 0.1, len(found)).astype(np.float32)
        classes = np.arange(len(found)) % 2 + 1
        planes[(z, None, None)] = replace(found, scores=scores, classes=classes, complete_above=0.2)
    planes[(2, None, None)] = Instances.empty((64, 80), ("a", "b"))
    settings = PredictSettings("mine", 0.4, 18.0, (0, 2), "cpu")
    return Kept(
        planes, settings, "mine", "f00d", 0.4, "2 threads", {(1, None, None): ((0, 8, 32, 64),)}
    )


def test_it_comes_back_whole() -> None:
    before, choice = kept(), Choice(0.3, smallest=4.0)
    after, chosen = kept_from_bytes(kept_to_bytes(before, choice))
    assert chosen == choice
    assert after.settings == before.settings
    names = ("model_name", "model_hash", "score", "device", "class_names", "partial")
    assert [getattr(after, n) for n in names] == [getattr(before, n) for n in names]
    assert list(after.planes) == list(before.planes)
    for key, found in before.planes.items():
        again = after.planes[key]
        assert (again.shape, again.complete_above) == (found.shape, found.complete_above)
        for name in ("boxes", "scores", "classes", "origins"):
            assert np.array_equal(getattr(again, name), getattr(found, name))
            assert getattr(again, name).dtype == getattr(found, name).dtype
        assert all(map(np.array_equal, again.crops, found.crops))


@pytest.mark.parametrize("score", [0.05, 0.5, 1.0])
def test_it_chooses_the_same(score: float) -> None:
    before, choice = kept(), Choice(score)
    after, _ = kept_from_bytes(kept_to_bytes(before, choice))
    one, other = before.choose(choice), after.choose(choice)
    pd.testing.assert_frame_equal(one.table, other.table)
    for key, labels in one.labels.items():
        assert np.array_equal(labels, other.labels[key])


def test_what_is_damaged_is_refused() -> None:
    with pytest.raises(ValueError, match="pickle"):
        kept_from_bytes(b"no prediction")
