"""Tests of outlines and of filling them: exact pixels, and geometry that shapely calls valid."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_maskrcnn.formats.fill import MOST_CROSSINGS, as_ring, extent, fill
from napari_maskrcnn.formats.outlines import Piece, outlines_of
from napari_maskrcnn.formats.runs import Runs, paint, runs_of, top_last
from tests.formats.label_images import label_images, many_objects

PLANES = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=11), elements=st.integers(0, 3)
)


def outlines(plane: np.ndarray) -> dict[int, list[Piece]]:
    ids, runs = runs_of(plane)
    return dict(zip(ids.tolist(), outlines_of(runs, plane.shape), strict=True))


def as_shape(pieces: list[Piece]) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([shapely.Polygon(piece[0], piece[1:]) for piece in pieces])


def fields(runs: Runs) -> list[list[int]]:
    return [each.tolist() for each in (runs.objects, runs.rows, runs.starts, runs.stops)]


@given(PLANES)
def test_outlines_are_valid_and_hold_exactly_the_pixels(plane: np.ndarray) -> None:
    for label, pieces in outlines(plane).items():
        shape = as_shape(pieces)
        assert shape.is_valid, shapely.is_valid_reason(shape)
        assert shape.area == (plane == label).sum()
        for polygon in shape.geoms:
            assert polygon.exterior.is_ccw
            assert not any(hole.is_ccw for hole in polygon.interiors)


@given(PLANES)
def test_filling_outlines_gives_the_pixels_back(plane: np.ndarray) -> None:
    ids, runs = runs_of(plane)
    rings = [
        [ring for piece in pieces for ring in piece] for pieces in outlines_of(runs, plane.shape)
    ]
    filled = fill(rings, plane.shape)
    assert fields(filled) == fields(runs)
    painted = np.zeros_like(plane)
    paint(filled, ids, painted)
    assert np.array_equal(painted, plane)


@given(PLANES)
def test_pixels_are_inside_by_shapely_too(plane: np.ndarray) -> None:
    y, x = np.indices(plane.shape) + 0.5
    for label, pieces in outlines(plane).items():
        inside = shapely.contains_xy(as_shape(pieces), x, y)
        assert np.array_equal(inside, plane == label)


@pytest.mark.parametrize("labels", label_images(30, ndim=2))
def test_runs_measure_the_objects(labels: np.ndarray) -> None:
    ids, runs = runs_of(labels)
    assert ids.tolist() == [label for label in np.unique(labels).tolist() if label]
    for label, area, box in zip(ids, runs.areas, runs.boxes(), strict=True):
        y, x = np.nonzero(labels == label)
        assert area == len(y)
        assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]


def test_one_pixel_is_its_square() -> None:
    plane = np.zeros((3, 4), np.int32)
    plane[1, 2] = 5
    ((piece,),) = outlines(plane).values()
    assert sorted(map(tuple, piece[0].tolist())) == [(2, 1), (2, 2), (3, 1), (3, 2)]


def test_a_pinched_ring_becomes_a_shell_and_a_hole() -> None:
    plane = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]])
    ((piece,),) = outlines(plane).values()
    assert [len(ring) for ring in piece] == [6, 4]


def test_batches_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    plane = many_objects(50)
    whole = outlines(plane)
    monkeypatch.setattr("napari_maskrcnn.formats.outlines._BATCH", 7)
    parts = outlines(plane)
    for label, pieces in whole.items():
        for piece, part in zip(pieces, parts[label], strict=True):
            assert [ring.tolist() for ring in piece] == [ring.tolist() for ring in part]


def test_labels_beyond_64_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="largest label is 18446744073709551615"):
        runs_of(np.array([[0, 2**64 - 1]], np.uint64))


class TestFill:
    def test_a_slanted_triangle(self) -> None:
        runs = fill([[np.array([[0, 0], [4, 0], [0, 4]])]], (5, 5))
        # Centres on the slanted edge itself are outside: it is the end of the line.
        assert fields(runs) == [[0, 0, 0], [0, 1, 2], [0, 0, 0], [3, 2, 1]]

    def test_common_edges_give_each_pixel_once(self) -> None:
        rng = np.random.default_rng(0)
        points = rng.uniform(0, 40, (60, 2))
        triangles = shapely.delaunay_triangles(shapely.MultiPoint(points)).geoms
        rings = [[np.array(triangle.exterior.coords[:-1])] for triangle in triangles]
        runs = fill(rings, (40, 40))
        covered = np.zeros((40, 40), int)
        for y, start, stop in zip(runs.rows, runs.starts, runs.stops, strict=True):
            covered[y, start:stop] += 1
        y, x = np.indices(covered.shape) + 0.5
        hull = shapely.MultiPoint(points).convex_hull
        assert np.array_equal(covered == 1, shapely.contains_xy(hull, x, y))
        assert covered.max() == 1

    def test_what_lies_outside_is_cut_off(self) -> None:
        runs = fill([[np.array([[-9, -9], [99, -9], [99, 99], [-9, 99]])]], (2, 3))
        assert fields(runs) == [[0, 0], [0, 1], [0, 0], [3, 3]]

    def test_far_corners_cost_nothing(self) -> None:
        far = 2.0**30
        runs = fill([[np.array([[-far, -far], [far, -far], [far, far], [-far, far]])]], (4, 4))
        assert runs.areas.tolist() == [16]

    def test_too_small_for_a_centre(self) -> None:
        runs = fill([[np.array([[0.6, 0.6], [0.9, 0.6], [0.9, 0.9]])]], (2, 2))
        assert runs.count == 1
        assert runs.areas.tolist() == [0]

    def test_nothing(self) -> None:
        assert fill([], (3, 3)).count == 0
        assert extent([]) == (1, 1)

    def test_long_zigzags_are_refused_before_they_fill_the_memory(self) -> None:
        ring = np.zeros((6000, 2))
        ring[:, 0], ring[1::2, 1] = np.arange(6000), 20_000
        message = rf"cross 120,000,000 rows of pixels; more than {MOST_CROSSINGS:,} are not filled"
        with pytest.raises(ValueError, match=message):
            fill([[ring]], (20_000, 6000))

    @pytest.mark.parametrize(
        ("corners", "message"),
        [
            ([[0, 0], [1, 0], [float("nan"), 1]], "the coordinate nan"),
            ([[0, 0], [1, 0], [float("inf"), 1]], "the coordinate inf"),
            ([[0, 0], [1, 0], [-1e300, 1]], r"the coordinate -1e\+300"),
            ([[0, 0], [1, 0]], "fewer than three corners"),
            ([0, 0, 1, 0, 1], "fewer than three corners"),
            ([0, 0, 1, 0, 1, 10**400], "no numbers"),
            ([[0], [1], [2]], "corners without x and y"),
            ([[0, 0], [1, 0], [1]], "no numbers"),
            ([[0, 0], [1, 0], [1, "a"]], "no numbers"),
            ([[0, 0], [1, 0], [1, {}]], "no numbers"),
            (7, "fewer than three corners"),
            (None, "fewer than three corners"),
        ],
    )
    def test_what_is_no_ring(self, corners: object, message: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ValueError, match=message):
                as_ring(corners)

    def test_flat_and_three_dimensional_corners(self) -> None:
        assert as_ring([0, 0, 4, 0, 4, 4]).tolist() == [[0, 0], [4, 0], [4, 4]]
        assert as_ring([[0, 0, 7], [4, 0, 7], [4, 4, 7]]).tolist() == [[0, 0], [4, 0], [4, 4]]


class TestPaint:
    def test_the_better_score_lies_on_top_then_the_smaller(self) -> None:
        areas = np.array([50, 10, 30, 10, 5])
        assert top_last(areas).tolist() == [0, 2, 3, 1, 4]
        scores = np.array([0.9, 0.5, np.nan, 0.5, 0.5])
        assert top_last(areas, scores).tolist() == [2, 3, 1, 4, 0]

    def test_order(self) -> None:
        square = np.array([[0, 0], [3, 0], [3, 3], [0, 3]])
        runs = fill([[square], [square + 1]], (4, 4))
        for order, corner in (([0, 1], 8), ([1, 0], 7)):
            plane = np.zeros((4, 4), np.int32)
            paint(runs, np.array([7, 8]), plane, np.array(order))
            assert plane[1, 1] == corner
            assert np.count_nonzero(plane) == 14

    def test_absurd_overlap_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("napari_maskrcnn.formats.runs.MOST_PAINTED", 17)
        square = np.array([[0, 0], [3, 0], [3, 3], [0, 3]])
        runs = fill([[square], [square]], (4, 4))
        with pytest.raises(ValueError, match=r"have 18 pixels together.*more than 17"):
            paint(runs, np.array([1, 2]), np.zeros((4, 4), np.int32))
