"""Tests of the metrics: hand-made cases, invariants, and pycocotools as the reference."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_maskrcnn.train.metrics import (
    THRESHOLDS,
    average_precision,
    evaluate,
    match_labels,
)

LABELS = arrays(np.int32, (4, 5), elements=st.integers(0, 4))
SCORES = st.lists(st.integers(1, 9), min_size=4, max_size=4)


def halves() -> tuple[np.ndarray, np.ndarray]:
    """One true object of 16 pixels that the prediction cuts into two of 8."""
    true = np.zeros((8, 8), dtype=np.int32)
    true[2:6, 2:6] = 7
    predicted = np.zeros_like(true)
    predicted[2:4, 2:6] = 1
    predicted[4:6, 2:6] = 2
    return true, predicted


def chain() -> tuple[np.ndarray, np.ndarray]:
    """Greedy pairing by IoU finds one pair at 0.3 here, the largest pairing two."""
    true = np.array([[1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0, 0]])
    predicted = np.array([[3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0, 0]])
    return true, predicted


def brute_force(true: np.ndarray, predicted: np.ndarray, threshold: float) -> int:
    """Size of the largest one-to-one pairing, by trying all."""
    pairs = []
    for t in set(true[true > 0].tolist()):
        for p in set(predicted[predicted > 0].tolist()):
            a, b = true == t, predicted == p
            if (a & b).sum() / (a | b).sum() >= threshold:
                pairs.append((t, p))
    for size in range(len(pairs), 0, -1):
        for chosen in combinations(pairs, size):
            if len({t for t, _ in chosen}) == len({p for _, p in chosen}) == size:
                return size
    return 0


def pycocotools_ap(images: list[tuple[np.ndarray, np.ndarray, dict[int, float]]]) -> float:
    """COCO mask AP by pycocotools, with the limit of detections raised."""
    from pycocotools import mask as mask_api
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def annotations(number: int, labels: np.ndarray) -> list[dict]:
        ids, first = np.unique(labels, return_index=True)
        rows = []
        for label in ids[np.argsort(first)]:
            if label:
                mask = mask_api.encode(np.asfortranarray(labels == label, dtype=np.uint8))
                area = int((labels == label).sum())
                box = mask_api.toBbox(mask).tolist()
                row = {"image_id": number, "category_id": 1, "segmentation": mask, "bbox": box}
                rows.append({**row, "area": area, "iscrowd": 0, "label": int(label)})
        return rows

    true, found = [], []
    for number, (truth, predicted, scores) in enumerate(images, 1):
        true += annotations(number, truth)
        found += [{**row, "score": scores[row["label"]]} for row in annotations(number, predicted)]
    for position, row in enumerate(true, 1):
        row["id"] = position
    shapes = [truth.shape for truth, _, _ in images]
    with redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = {
            "images": [{"id": n, "height": h, "width": w} for n, (h, w) in enumerate(shapes, 1)],
            "categories": [{"id": 1}],
            "annotations": true,
            "info": {},
        }
        reference.createIndex()
        evaluation = COCOeval(reference, reference.loadRes(found), "segm")
        evaluation.params.maxDets = [1, 10, 1000]
        evaluation.evaluate()
        evaluation.accumulate()
    return float(evaluation.eval["precision"][:, :, 0, 0, -1].mean())


class TestMatchLabels:
    def test_pairs_ids(self) -> None:
        true = np.array([[5, 5, 0, 9, 9, 9]])
        predicted = np.array([[2, 2, 0, 0, 4, 4]])
        assert sorted(match_labels(true, predicted, 0.6).tolist()) == [[5, 2], [9, 4]]
        assert match_labels(true, predicted, 0.7).tolist() == [[5, 2]]

    def test_half_an_object_is_paired_once(self) -> None:
        assert len(match_labels(*halves(), 0.5)) == 1

    def test_is_maximal_where_greedy_is_not(self) -> None:
        true, predicted = chain()
        assert sorted(match_labels(true, predicted, 0.2).tolist()) == [[1, 3], [2, 4]]

    def test_threshold_is_included(self) -> None:
        true = np.array([[1, 1, 1, 1, 1]])
        for covered, threshold in ((3, 0.6), (4, 0.8)):
            predicted = np.where(np.arange(5) < covered, 1, 0)[None]
            assert len(match_labels(true, predicted, threshold)) == 1

    def test_huge_ids(self) -> None:
        true = np.array([[0, 2**40, 2**40, 3]])
        assert match_labels(true, true, 0.9).tolist() == [[2**40, 2**40], [3, 3]]

    @given(LABELS, LABELS, st.sampled_from([0.1, 0.25, 0.5, 0.75]))
    @settings(max_examples=60, deadline=None)
    def test_one_to_one_and_maximal(
        self, true: np.ndarray, predicted: np.ndarray, threshold: float
    ) -> None:
        pairs = match_labels(true, predicted, threshold)
        assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
        assert len(pairs) == brute_force(true, predicted, threshold)

    @pytest.mark.parametrize("threshold", [0.0, -1.0, 1.01, float("nan")])
    def test_refuses_thresholds(self, threshold: float) -> None:
        with pytest.raises(ValueError, match=f"at most at 1, got {threshold}"):
            match_labels(*halves(), threshold)


class TestAveragePrecision:
    def test_known_value(self) -> None:
        true = np.array([[1, 1, 0, 2, 2, 0, 3]])
        predicted = np.array([[1, 1, 0, 2, 0, 4, 0]])
        result = average_precision(true, predicted, (0.5, 0.75))
        assert result == {"0.50": 0.5, "0.75": 0.2}

    def test_tie_at_one_half(self) -> None:
        assert average_precision(*halves())["0.50"] == 0.5
        assert average_precision(*halves())["0.55"] == 0.0

    def test_default_thresholds(self) -> None:
        keys = list(average_precision(*halves()))
        assert keys == ["0.50", "0.55", "0.60", "0.65", "0.70", "0.75", "0.80", "0.85", "0.90"]

    def test_empty(self) -> None:
        empty, one = np.zeros((3, 3), dtype=int), np.eye(3, dtype=int)
        assert set(average_precision(empty, empty).values()) == {1.0}
        assert set(average_precision(empty, one).values()) == {0.0}
        assert set(average_precision(one, empty).values()) == {0.0}

    def test_volumes(self) -> None:
        volume = np.zeros((3, 4, 4), dtype=np.uint8)
        volume[:2, :2] = 1
        assert average_precision(volume, volume > 0)["0.90"] == 1.0

    @given(LABELS, LABELS)
    @settings(max_examples=40, deadline=None)
    def test_symmetric(self, true: np.ndarray, predicted: np.ndarray) -> None:
        assert average_precision(true, predicted) == average_precision(predicted, true)

    @given(LABELS, LABELS, st.permutations(range(1, 5)), SCORES)
    @settings(max_examples=40, deadline=None)
    def test_label_ids_do_not_matter(
        self, true: np.ndarray, predicted: np.ndarray, new_ids: list[int], scores: list[int]
    ) -> None:
        renumber = np.array([0, *new_ids])
        before = dict(enumerate(scores, 1))
        after = {int(renumber[label]): score for label, score in before.items()}
        assert evaluate(renumber[true], renumber[predicted], after) == evaluate(
            true, predicted, before
        )

    @given(LABELS)
    @settings(max_examples=20, deadline=None)
    def test_perfect_with_itself(self, labels: np.ndarray) -> None:
        result = evaluate(labels, labels)
        assert set(result["ap"].values()) == {1.0}
        assert result["coco_mask_ap"] == 1.0


class TestCoco:
    @given(
        st.lists(st.tuples(LABELS, LABELS, SCORES), min_size=1, max_size=3).filter(
            lambda images: any(t.any() for t, _, _ in images) and any(p.any() for _, p, _ in images)
        )
    )
    @settings(max_examples=60, deadline=None)
    def test_equals_pycocotools(self, images: list) -> None:
        cases = [(t, p, dict(enumerate(map(float, s), 1))) for t, p, s in images]
        result = evaluate(*map(list, zip(*cases, strict=True)))
        assert result["coco_mask_ap"] == pytest.approx(pycocotools_ap(cases), abs=1e-9)

    def test_more_than_a_hundred_objects(self) -> None:
        labels = np.arange(1, 401, dtype=np.int32).reshape(20, 20).repeat(3, 0).repeat(3, 1)
        assert evaluate(labels, labels)["coco_mask_ap"] == 1.0

    def test_wrong_objects_cost_less_when_they_score_low(self) -> None:
        true = np.array([[1, 1, 0, 0, 0]])
        predicted = np.array([[1, 1, 0, 2, 2]])
        assert evaluate(true, predicted, [0.9, 0.1])["coco_mask_ap"] == 1.0
        assert evaluate(true, predicted, [0.1, 0.9])["coco_mask_ap"] == 0.5
        assert evaluate(true, predicted, {2: 0.9, 1: 0.1})["coco_mask_ap"] == 0.5

    def test_nothing_to_find(self) -> None:
        empty, one = np.zeros((3, 3), dtype=int), np.eye(3, dtype=int)
        assert evaluate(empty, empty)["coco_mask_ap"] == 1.0
        assert evaluate(empty, one)["coco_mask_ap"] == 0.0
        assert evaluate(one, empty)["coco_mask_ap"] == 0.0


class TestEvaluate:
    def test_is_the_documented_json(self) -> None:
        true, predicted = halves()
        result = json.loads(json.dumps(evaluate(true, predicted)))
        ap = {f"{threshold:.2f}": 0.0 for threshold in THRESHOLDS} | {"0.50": 0.5}
        assert result == {
            "images": 1,
            "ap": ap,
            "coco_mask_ap": pytest.approx(0.1),
            "per_image": [{"true": 1, "predicted": 2, "ap": ap}],
        }

    def test_is_the_mean_over_images(self) -> None:
        true, predicted = halves()
        result = evaluate([true, true], [predicted, true], names=["bad.tif", "good.tif"])
        assert result["images"] == 2
        assert result["ap"]["0.50"] == 0.75
        assert result["ap"]["0.90"] == 0.5
        assert [row["name"] for row in result["per_image"]] == ["bad.tif", "good.tif"]

    def test_scores_for_some_images_only(self) -> None:
        true = np.array([[1, 1, 0, 0, 0]])
        predicted = np.array([[1, 1, 0, 2, 2]])
        result = evaluate([true, true], [predicted, true], scores=[[0.9, 0.1], None])
        assert result["coco_mask_ap"] == 1.0

    def test_shapes_differ(self) -> None:
        true, predicted = halves()
        with pytest.raises(ValueError, match=r"b\.tif: .*\(8, 8\) and \(8, 7\)"):
            evaluate([true, true], [true, predicted[:, :7]], names=["a.tif", "b.tif"])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([], []), "no image"),
            (([halves()[0]], halves()[0]), "both be a list"),
            (([halves()[0]], [halves()[0]] * 2), "1 true_labels, 2 predicted_labels"),
            ((halves()[0].astype(float), halves()[0]), "dtype float64"),
            ((-halves()[0], halves()[0]), "the smallest here is -7"),
            ((*halves(), [0.5]), "2 labels are present but the scores have shape"),
            ((*halves(), {1: 0.5}), "1 predicted labels have no score, the first is 2"),
            ((*halves(), [0.5, float("nan")]), "not finite"),
        ],
    )
    def test_refuses(self, arguments: tuple, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            evaluate(*arguments)
