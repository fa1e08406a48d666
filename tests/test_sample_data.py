"""Sample images of the manifest."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from napari_maskrcnn import sample_data


def test_drawn_nuclei_come_with_their_truth() -> None:
    (image, image_options, image_kind), (labels, labels_options, labels_kind) = sample_data.nuclei()
    assert (image_kind, labels_kind) == ("image", "labels")
    assert image.shape == labels.shape == (512, 512)
    assert labels.max() > 100
    assert image[labels > 0].mean() > 1.5 * image[labels == 0].mean()
    assert (image_options["name"], labels_options["visible"]) == ("nuclei", False)


def test_images_that_scikit_image_carries() -> None:
    ((ihc, options, _),) = sample_data.ihc()
    assert (ihc.shape, options["rgb"]) == ((512, 512, 3), True)
    ((coins, _, kind),) = sample_data.coins()
    assert (coins.shape, kind) == ((303, 384), "image")


def test_human_mitosis_is_fetched_by_scikit_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "human_mitosis", lambda: np.ones((4, 4)), raising=False)
    ((image, options, _),) = sample_data.human_mitosis()
    assert (image.sum(), options["name"]) == (16, "human mitosis")


def test_without_a_connection_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(data, "human_mitosis", fail, raising=False)
    with pytest.raises(ConnectionError, match=r"no route to host.*Check the connection"):
        sample_data.human_mitosis()
