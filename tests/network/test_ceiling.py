"""Coding and decoding the truth loses nothing with our rules, and much with torchvision's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.ceiling import there_and_back
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.presets import compact_config
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.metrics import average_precision


@pytest.mark.parametrize("bins", [14, 28])
def test_our_rules_give_true_nuclei_back(bins: int) -> None:
    for seed in range(3):
        _, labels = synthetic_nuclei((160, 200), 40, (8, 40), seed=seed)
        back = there_and_back(labels.astype(np.int64), replace(compact_config(), mask_bins=bins))
        assert average_precision(labels, back, (0.9,))["0.90"] >= 0.98


def test_torchvisions_rules_do_not() -> None:
    _, labels = synthetic_nuclei((160, 200), 40, (8, 40), seed=0)
    back = there_and_back(labels.astype(np.int64), NetworkConfig())
    assert average_precision(labels, back, (0.9,))["0.90"] < 0.7
    assert average_precision(labels, back, (0.5,))["0.50"] == 1


def test_an_image_without_objects_stays_empty() -> None:
    assert not there_and_back(np.zeros((20, 30), np.int64), compact_config()).any()
