"""Linking: one to one, the largest sum of overlaps, and 3-D objects that keep one number."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from napari_maskrcnn.instances import table_from_labels
from napari_maskrcnn.overlaps import Overlaps, overlaps
from napari_maskrcnn.predict.kept import Chosen
from napari_maskrcnn.predict.link import assign, link_chosen, link_planes, tracks
from napari_maskrcnn.predict.settings import PredictSettings

LABELS = hnp.arrays(np.int64, (6, 7), elements=st.integers(0, 6))


def test_linking_is_one_to_one_and_optimal() -> None:
    labels = np.zeros((2, 6, 12), int)
    labels[0, 1:5, 0:6] = 1
    labels[0, 1:5, 6:10] = 2
    # Both of the next plane overlap object 1; only one may be it.
    labels[1, 1:5, 0:5] = 3
    labels[1, 1:5, 5:10] = 4
    assert link_planes(labels).tolist() == [0, 1, 2, 1, 2]


def _pairs(shared: Overlaps, overlap: float) -> tuple[np.ndarray, np.ndarray]:
    good = shared.share >= overlap
    return shared.first_ids[shared.rows[good]], shared.second_ids[shared.columns[good]]


@given(LABELS, LABELS, st.floats(0.001, 0.6))
def test_pairs_have_the_largest_sum_of_overlaps(
    first: np.ndarray, second: np.ndarray, overlap: float
) -> None:
    ids, others = assign(first, second, overlap)
    assert len(set(ids)) == len(set(others)) == len(ids)
    shared = overlaps(first, second)
    gains = np.zeros((len(shared.first_ids), len(shared.second_ids)))
    gains[shared.rows, shared.columns] = np.where(shared.share >= overlap, shared.iou, 0)
    allowed = set(zip(*(side.tolist() for side in _pairs(shared, overlap)), strict=True))
    assert set(zip(ids.tolist(), others.tolist(), strict=True)) <= allowed
    found = [
        gains[list(shared.first_ids).index(a), list(shared.second_ids).index(b)]
        for a, b in zip(ids, others, strict=True)
    ]
    best = linear_sum_assignment(gains, maximize=True)
    assert sum(found) == pytest.approx(gains[best].sum(), abs=1e-6)


def test_too_little_overlap_is_no_link() -> None:
    labels = np.zeros((3, 4, 8), int)
    labels[0, :, 0:4], labels[1, :, 3:8], labels[2, :, 3:7] = 1, 2, 3
    assert link_planes(labels).tolist() == [0, 1, 2, 2]
    assert link_planes(labels, overlap=0.1).tolist() == [0, 1, 1, 1]
    assert link_planes(np.zeros((2, 3, 3), int)).tolist() == [0]
    assert link_planes([]).tolist() == [0]


def blinking(*seen: int) -> np.ndarray:
    """One object at one place, seen in some of six frames, under a new value each time."""
    labels = np.zeros((6, 5, 5), int)
    for value, t in enumerate(seen, start=1):
        labels[t, 1:4, 1:4] = value
    return labels


def test_an_object_may_be_missing_from_as_many_planes_as_the_gap() -> None:
    labels = blinking(0, 2, 5)
    assert link_planes(labels).tolist() == [0, 1, 2, 3]
    assert link_planes(labels, gap=1).tolist() == [0, 1, 1, 2]
    assert link_planes(labels, gap=2).tolist() == [0, 1, 1, 1]


def test_who_was_followed_already_is_not_followed_again() -> None:
    labels = np.zeros((3, 4, 8), int)
    labels[0, :, 0:4], labels[1, :, 0:4] = 1, 2
    labels[2, :, 0:4], labels[2, :, 4:8] = 3, 4
    labels[0, :, 4:8] = 5  # gone in the middle
    assert link_planes(labels, gap=1).tolist() == [0, 1, 1, 1, 2, 2]


def test_planes_that_are_left_out_count_as_missing() -> None:
    labels = blinking(0, 1)[:2]
    assert link_planes(labels, at=[3, 4]).tolist() == [0, 1, 1]
    assert link_planes(labels, at=[3, 5]).tolist() == [0, 1, 2]
    assert link_planes(labels, gap=1, at=[3, 5]).tolist() == [0, 1, 1]


def balls(rng: np.random.Generator, side: int = 160, planes: int = 24) -> np.ndarray:
    """Dense 3-D truth, (planes, side, side): three layers of ellipsoids, packed like oranges."""
    z, y, x = np.mgrid[:planes, :side, :side].astype(np.float32)
    truth = np.zeros((planes, side, side), int)
    nearest = np.ones(truth.shape, np.float32)
    grid = product(range(3), range(8, side, 18), range(8, side, 18))
    centres = [(4 + 8 * layer, a + 9 * (layer % 2), b + 9 * (layer % 2)) for layer, a, b in grid]
    for value, centre in enumerate(centres, start=1):
        cz, cy, cx = centre + rng.uniform((-1, -3, -3), (1, 3, 3))
        height, width, depth = rng.uniform((7, 7, 3), (11, 11, 4.5))
        box = np.s_[:, max(int(cy) - 14, 0) : int(cy) + 14, max(int(cx) - 14, 0) : int(cx) + 14]
        flat = ((y[box] - cy) / height) ** 2 + ((x[box] - cx) / width) ** 2
        distance = flat + ((z[box] - cz) / depth) ** 2
        mine = distance < nearest[box]
        nearest[box][mine], truth[box][mine] = distance[mine], value
    return truth


def seen(truth: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What a detector sees of the truth: every plane a little off, with holes, numbered anew."""
    moved, numbered = [], []
    for plane in truth:
        areas = np.bincount(plane.ravel())
        plane = np.roll(np.where(areas[plane] < 10, 0, plane), rng.integers(-1, 2, 2), (0, 1))
        plane[rng.random(plane.shape) < 0.03] = 0
        ids, dense = np.unique(plane, return_inverse=True)
        last = numbered[-1].max() if numbered else 0
        values = np.concatenate([[0], last + 1 + rng.permutation(len(ids) - 1)])
        moved.append(plane)
        numbered.append(values[dense.reshape(plane.shape)])
    return np.stack(moved), np.stack(numbered)


def test_objects_of_a_stack_keep_one_id_through_all_their_planes() -> None:
    rng = np.random.default_rng(1)
    truth, labels = seen(balls(rng), rng)
    assert len(np.unique(truth)) > 200
    found = link_planes(labels)[labels]
    pairs = np.unique(np.stack([truth[truth > 0], found[truth > 0]]), axis=1)
    ids_of, objects_of = (np.bincount(side) for side in pairs)
    count = len(np.unique(truth)) - 1
    assert (ids_of == 1).sum() / count >= 0.95
    alone = sum(ids_of[a] == 1 and objects_of[b] == 1 for a, b in pairs.T)
    assert alone / count >= 0.9


def test_linked_rows_say_the_whole_object() -> None:
    first, second = np.zeros((2, 8, 9), np.int32)
    first[1:4, 1:4], first[6, 6] = 1, 2
    second[1:5, 1:5] = 3
    table = table_from_labels(np.stack([first, second]))
    table["class"] = ["", "a", "b", "c"]
    table["score"] = [np.nan, 0.5, 0.7, 0.9]
    planes = {(None, None, 0): first, (None, None, 1): second}
    chosen = Chosen(planes, table, limited=True)
    linked = link_chosen(chosen, PredictSettings(link="z"), axis=2)
    assert linked.labels[None, None, 1].max() == 1
    np.testing.assert_array_equal(linked.labels[None, None, 0], first)
    assert linked.limited
    assert linked.table["index"].tolist() == [0, 1, 2]
    assert linked.table["class"].tolist() == ["", "c", "b"]
    assert linked.table["score"][1:].tolist() == [0.9, 0.7]
    assert linked.table["area"].tolist() == [0, 9 + 16, 1]
    assert linked.table["bbox"].tolist() == ["", "1 1 5 5", "6 6 7 7"]
    assert link_chosen(chosen, PredictSettings()) is chosen


def test_planes_that_differ_elsewhere_are_linked_among_themselves() -> None:
    square = np.zeros((6, 6), np.int32)
    square[1:4, 1:4] = 1
    keys = [(t, z, None, None) for t in range(2) for z in range(2)]
    planes = {key: square * value for value, key in enumerate(keys, start=1)}
    chosen = Chosen(planes, table_from_labels(np.stack(list(planes.values()))))
    along_z = link_chosen(chosen, PredictSettings(link="z"), axis=1)
    assert [along_z.labels[key].max() for key in keys] == [1, 1, 2, 2]
    along_t = link_chosen(chosen, PredictSettings(link="t"), axis=0)
    assert [along_t.labels[key].max() for key in keys] == [1, 2, 1, 2]
    assert along_t.table["area"].tolist() == [0, 18, 18]
    assert list(along_t.labels) == keys


def test_nothing_found_is_nothing_linked() -> None:
    empty = np.zeros((2, 6, 6), np.int32)
    chosen = Chosen({0: empty[0], 1: empty[1]}, table_from_labels(empty))
    linked = link_chosen(chosen, PredictSettings(link="t"))
    assert len(linked) == 0
    assert not linked.labels[1].any()
    nowhere = Chosen({}, table_from_labels(empty))
    assert len(link_chosen(nowhere, PredictSettings(link="t"))) == 0


def test_tracks_are_mean_positions_by_id_and_time() -> None:
    labels = np.zeros((3, 10, 10), np.int32)
    labels[0, 0:2, 0:4], labels[2, 4:5, 6:9], labels[1, 9, 9] = 7, 7, 2
    assert tracks(labels).tolist() == [[2, 1, 9, 9], [7, 0, 0.5, 1.5], [7, 2, 4, 7]]
    assert tracks(labels[:, None]).tolist()[1] == [7, 0, 0, 0.5, 1.5]
    assert tracks(np.zeros((2, 4, 4), int)).shape == (0, 4)
    with pytest.raises(ValueError, match=r"shape \(4, 4\); a series is"):
        tracks(np.zeros((4, 4), int))
