"""Tests of the measurements, against shapes whose numbers are known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_maskrcnn.formats.measure import measure

SHAPE_COLUMNS = [
    *("label", "x1", "y1", "x2", "y2", "centroid_y", "centroid_x"),
    *("area", "perimeter", "circularity", "eccentricity", "solidity", "orientation"),
]
STATISTICS = ("mean", "min", "max", "std")


def square_and_pixel() -> np.ndarray:
    """A square of 4 × 4 at row 2, column 3, and one pixel in the last corner."""
    labels = np.zeros((10, 12), dtype=np.int32)
    labels[2:6, 3:7] = 5
    labels[9, 11] = 100_000
    return labels


def test_known_shapes() -> None:
    frame = measure(square_and_pixel())
    assert list(frame.columns) == SHAPE_COLUMNS
    square, pixel = frame.to_dict("records")
    assert square == {
        **{"label": 5, "x1": 3, "y1": 2, "x2": 7, "y2": 6, "centroid_y": 3.5, "centroid_x": 4.5},
        **{"area": 16, "perimeter": 12.0, "circularity": pytest.approx(4 * np.pi / 9)},
        **{"eccentricity": 0.0, "solidity": 1.0, "orientation": pytest.approx(-np.pi / 4)},
    }
    assert pixel["label"] == 100_000
    assert [pixel[key] for key in ("x1", "y1", "x2", "y2", "area")] == [11, 9, 12, 10, 1]


def test_line_and_ring() -> None:
    labels = np.zeros((12, 12), dtype=np.uint8)
    labels[0, :6] = 1
    labels[4:11, 4:11] = 2
    labels[6:9, 6:9] = 0
    line, ring = measure(labels).to_dict("records")
    assert line["eccentricity"] == pytest.approx(1.0, abs=0.05)
    assert ring["area"] == 40
    assert ring["solidity"] == pytest.approx(40 / 49)


def test_intensities_of_a_grey_image() -> None:
    labels = square_and_pixel()
    image = np.zeros(labels.shape)
    image[2:6, 3:5] = 2.0
    image[9, 11] = np.nan
    frame = measure(labels, image)
    assert list(frame.columns[-4:]) == [f"intensity_{what}" for what in STATISTICS]
    assert frame.iloc[0, -4:].tolist() == [1.0, 0.0, 2.0, 1.0]
    assert frame.iloc[1, -4:].isna().all()


def test_intensities_by_channel() -> None:
    labels = square_and_pixel()
    image = np.stack([labels > 0, labels == 5], axis=-1)
    frame = measure(labels, image)
    assert list(frame.columns[-8:]) == [
        f"intensity_{what}_{channel}" for what in STATISTICS for channel in (0, 1)
    ]
    assert frame["intensity_mean_0"].tolist() == [1.0, 1.0]
    assert frame["intensity_mean_1"].tolist() == [1.0, 0.0]


def test_nothing() -> None:
    frame = measure(np.zeros((5, 5), dtype=np.uint8), np.zeros((5, 5, 2)))
    assert len(frame) == 0
    assert list(frame.columns[:13]) == SHAPE_COLUMNS
    assert len(frame.columns) == 21


def test_no_background() -> None:
    frame = measure(np.full((3, 3), 7, dtype=np.uint16))
    assert frame[["label", "area"]].values.tolist() == [[7, 9]]


def test_planes_of_a_stack() -> None:
    empty, labels = np.zeros((10, 12), dtype=np.int32), square_and_pixel()
    frame = measure(np.stack([empty, labels, labels * (labels == 5)]))
    assert list(frame.columns) == ["label", "plane", *SHAPE_COLUMNS[1:]]
    assert frame[["label", "plane"]].values.tolist() == [[5, 1], [100_000, 1], [5, 2]]
    assert frame["area"].tolist() == [16, 1, 16]


def test_more_leading_axes() -> None:
    labels = square_and_pixel()
    frame = measure(np.stack([labels, labels])[:, None], np.ones((2, 1, 10, 12)))
    assert frame[["label", "plane_0", "plane_1"]].values.tolist() == [
        [5, 0, 0], [100_000, 0, 0], [5, 1, 0], [100_000, 1, 0],
    ]  # fmt: skip
    assert frame["intensity_mean"].tolist() == [1.0] * 4


def test_empty_stack() -> None:
    frame = measure(np.zeros((2, 5, 5), dtype=np.uint8))
    assert len(frame) == 0
    assert list(frame.columns) == ["label", "plane", *SHAPE_COLUMNS[1:]]
