from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_maskrcnn.instances import COLUMNS, Instances, label_boxes, table_from_labels


def _three() -> Instances:
    """Two overlapping squares and one that the first hides; best first."""
    return Instances(
        boxes=np.array([[1, 1, 5, 5], [3, 3, 8, 8], [2, 2, 4, 4]], np.float32),
        scores=np.array([0.9, 0.6, 0.5], np.float32),
        classes=np.array([2, 1, 1]),
        class_names=("cell", "debris"),
        shape=(10, 12),
        crops=tuple(np.ones((n, n), bool) for n in (4, 5, 2)),
        origins=np.array([[1, 1], [3, 3], [2, 2]], np.int32),
    )


def test_the_better_score_is_on_top() -> None:
    labels = _three().to_labels()
    assert labels.dtype == np.int32
    assert labels.shape == (10, 12)
    assert np.bincount(labels.ravel()).tolist() == [120 - 16 - 21, 16, 21]
    assert labels[4, 4] == 1
    assert labels[5, 5] == 2


def test_above_drops_what_is_hidden_so_that_numbers_are_dense() -> None:
    found = _three().above(0.5)
    assert len(found) == 2
    assert np.unique(found.to_labels()).tolist() == [0, 1, 2]
    assert len(_three().above(0.7)) == 1
    assert len(_three().above(0.95)) == 0


@pytest.mark.parametrize(
    "keep", [np.array([False, True, True]), [1, 2], slice(1, None), np.array([1, 2])]
)
def test_objects_are_selected_as_a_unit(keep: object) -> None:
    part = _three()[keep]
    assert part.scores.tolist() == pytest.approx([0.6, 0.5])
    assert part.classes.tolist() == [1, 1]
    assert part.masks(0).shape == (5, 5)
    assert part.origins.tolist() == [[3, 3], [2, 2]]


def test_one_index_selects_one_object() -> None:
    assert len(_three()[1]) == 1


def test_the_table_has_a_row_for_each_label() -> None:
    table = _three().above(0.5).to_table()
    assert tuple(table.columns) == COLUMNS
    assert table["index"].tolist() == [0, 1, 2]
    assert table["class"].tolist() == ["", "debris", "cell"]
    assert table["area"].tolist() == [0, 16, 21]
    assert table["bbox"].tolist() == ["", "1 1 5 5", "3 3 8 8"]
    assert table["state"].tolist() == ["", "predicted", "predicted"]
    assert np.isnan(table["score"][0])
    assert table["score"][1] == pytest.approx(0.9)


def test_fields_of_different_length_are_refused() -> None:
    three = _three()
    with pytest.raises(ValueError, match="'scores': 2"):
        Instances(
            three.boxes,
            three.scores[:2],
            three.classes,
            three.class_names,
            three.shape,
            three.crops,
            three.origins,
        )


def test_empty() -> None:
    none = Instances.empty((4, 5))
    assert len(none) == 0
    assert none.to_labels().shape == (4, 5)
    assert len(none.to_table()) == 1
    assert len(none.above(0.5)) == 0


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.uint16, (7, 9), elements=st.sampled_from([0, 0, 3, 9, 70, 65535])))
def test_labels_come_back_from_their_instances(labels: np.ndarray) -> None:
    found = Instances.from_labels(labels)
    back = found.to_labels()
    ids = np.unique(labels)[np.unique(labels) > 0]
    assert len(found) == len(ids)
    for k, i in enumerate(ids):
        assert ((back == k + 1) == (labels == i)).all()
        x1, y1, x2, y2 = found.boxes[k].astype(int)
        assert found.masks(k).shape == (y2 - y1, x2 - x1)


def test_labels_of_a_stack_are_no_single_image() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3, 4\)"):
        Instances.from_labels(np.zeros((2, 3, 4), int))


def test_sparse_ids_cost_no_giant_table() -> None:
    labels = np.zeros((5, 5), np.int64)
    labels[1:3, 1:4] = 2**40
    table = table_from_labels(labels)
    assert table["index"].tolist() == [0, 2**40]
    assert table["area"].tolist() == [0, 6]


def test_a_selection_keeps_whether_objects_are_missing() -> None:
    found = replace(Instances.from_labels(np.eye(3, dtype=int)), complete_above=0.5)
    assert found[:0].limited
    assert found.above(0.5).limited
    assert not found.above(0.6).limited
    assert not Instances.empty((3, 3)).limited


@pytest.mark.parametrize("values", [(-3, 4, 9), (-1, 4, 2**40)])
def test_what_is_below_the_background_is_no_object(values: tuple[int, ...]) -> None:
    labels = np.zeros((20, 20), np.int64)
    labels[:5, :5], labels[6:10, 6:10], labels[12:14, 12:15] = values
    ids, boxes = label_boxes(labels)
    assert ids.tolist() == list(values[1:])
    assert boxes == [(slice(6, 10), slice(6, 10)), (slice(12, 14), slice(12, 15))]
    table = table_from_labels(labels)
    there = table[table["area"] > 0]
    assert there["index"].tolist() == list(values[1:])
    assert there["area"].tolist() == [16, 6]
