"""The measurements against scikit-image's own, object by object."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import regionprops

from napari_maskrcnn.formats import sums
from napari_maskrcnn.formats.measure import measure
from tests.formats.label_images import label_images, many_objects

PLANES = [labels for labels in label_images(30, ndim=2) if labels.any()]


def compare(labels: np.ndarray, image: np.ndarray) -> None:
    """Compare every column with regionprops."""
    frame = measure(labels, image).set_index("label")
    ids, compact = np.unique(labels, return_inverse=True)
    compact = compact.reshape(labels.shape) + (ids[0] > 0)
    expected = regionprops(compact, image)
    assert len(frame) == len(expected)
    for (label, row), region in zip(frame.iterrows(), expected, strict=True):
        assert label == ids[ids > 0][region.label - 1]
        assert tuple(row[["y1", "x1", "y2", "x2"]]) == region.bbox
        near = pytest.approx
        assert tuple(row[["centroid_y", "centroid_x"]]) == near(region.centroid, rel=1e-12)
        assert row["area"] == region.area
        assert row["perimeter"] == near(region.perimeter, rel=1e-12)
        assert row["eccentricity"] == near(region.eccentricity, rel=1e-6, abs=1e-6)
        assert row["solidity"] == near(region.solidity, rel=1e-12)
        if region.perimeter:
            assert row["circularity"] == near(4 * np.pi * region.area / region.perimeter**2)
        else:
            assert np.isnan(row["circularity"])
        if region.eccentricity > 1e-3:  # the long axis of a round object is chance
            assert np.sin(row["orientation"] - region.orientation) == near(0, abs=1e-6)
        for name in ("mean", "min", "max", "std"):
            columns = [row[f"intensity_{name}_{channel}"] for channel in range(image.shape[-1])]
            assert columns == near(list(getattr(region, f"intensity_{name}")), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("labels", PLANES)
def test_equals_scikit_image(labels: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    compare(labels, rng.normal(1000, 30, (*labels.shape, 2)))


def test_blocks_of_rows_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = many_objects(60)
    image = np.random.default_rng(0).integers(0, 65_536, (*labels.shape, 3)).astype(np.uint16)
    whole = measure(labels, image)
    for pixels in (1, 3 * labels.shape[1]):
        monkeypatch.setattr(sums, "_PIXELS_A_BLOCK", pixels)
        compare(labels, image)
        assert np.allclose(measure(labels, image), whole, rtol=1e-12, equal_nan=True)


def test_orientation_of_known_shapes() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[2:10, 3] = 1  # along the rows' axis
    labels[15, 3:12] = 2
    labels[np.arange(8) + 5, np.arange(8) + 6] = 3
    labels[15:18, 15:18] = 4
    expected = [0, np.pi / 2, np.pi / 4, -np.pi / 4]
    measured = measure(labels)["orientation"].tolist()
    assert np.abs(measured).tolist() == pytest.approx(np.abs(expected).tolist())
    assert measured[2] > 0


def test_micrometres() -> None:
    labels = np.zeros((2, 8, 9), np.uint8)
    labels[1, 2:5, 3:7] = 1
    square = measure(labels, scale=(2.0, 0.5, 0.5)).iloc[0]
    assert square["area_um2"] == 12 * 0.25
    assert square["perimeter_um"] == square["perimeter"] / 2
    assert (square["centroid_y_um"], square["centroid_x_um"]) == (1.5, 2.25)
    oblong = measure(labels, scale=(2.0, 0.5, 0.25))
    assert oblong["area_um2"][0] == 1.5
    assert "perimeter_um" not in oblong


def test_an_infinite_value_spoils_only_its_object() -> None:
    labels = np.array([[1, 1, 2, 2]])
    frame = measure(labels, np.array([[1.0, np.inf, 3.0, 5.0]]))
    assert frame["intensity_max"].tolist() == [np.inf, 5.0]
    assert np.isnan(frame["intensity_std"][0])
    assert frame["intensity_std"][1] == 1.0
