"""Which object a click or a line means."""

from __future__ import annotations

import numpy as np
import pytest

from napari_maskrcnn.annotate.picking import object_at, object_under, objects_under


@pytest.fixture
def labels() -> np.ndarray:
    image = np.zeros((12, 30), np.int32)
    image[2:10, 2:6] = 7
    image[2:10, 8:26] = 3
    return image


@pytest.mark.parametrize(
    ("point", "label"),
    [((2, 2), 7), ((1.6, 2), 7), ((1.4, 2), 0), ((9, 25.4), 3), ((5, 7), 0)],
)
def test_a_click_means_the_pixel_under_it(
    labels: np.ndarray, point: tuple[float, float], label: int
) -> None:
    assert object_at(labels, point) == label


@pytest.mark.parametrize("point", [(-1, 3), (3, -0.6), (12, 3), (3, 30), (-5, -5)])
def test_outside_the_image_is_no_object(labels: np.ndarray, point: tuple[float, float]) -> None:
    assert object_at(labels, point) == 0


def test_a_line_means_the_object_it_crosses_longest(labels: np.ndarray) -> None:
    # Two points only: what lies between them counts, not the corners.
    assert object_under(labels, [(5, 0), (5, 29)]) == 3
    assert object_under(labels, [(0, 4), (11, 4)]) == 7
    assert object_under(labels, [(5, 0), (5, 10)]) == 7


def test_a_line_may_leave_the_image(labels: np.ndarray) -> None:
    assert object_under(labels, [(-20, 4), (40, 4)]) == 7


@pytest.mark.parametrize("line", [[(0, 0), (0, 29)], [(5, 6.9)], [(-9, -9), (-3, -3)]])
def test_a_line_beside_everything_means_nothing(
    labels: np.ndarray, line: list[tuple[float, float]]
) -> None:
    assert object_under(labels, line) == 0


def test_a_click_without_a_line_is_a_line_of_one_point(labels: np.ndarray) -> None:
    assert object_under(labels, [(5, 10)]) == 3


def test_a_line_meets_objects_in_its_order(labels: np.ndarray) -> None:
    assert objects_under(labels, [(5, 29), (5, 0), (5, 20)]) == [3, 7]
    assert objects_under(labels, [(5, 3)]) == [7]
    assert objects_under(labels, [(0, 0), (0, 29)]) == []
