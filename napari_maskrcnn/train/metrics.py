"""How well predicted labels agree with true ones: AP as in the StarDist paper, and COCO's.

AP at a threshold is TP / (TP + FP + FN), where TP is the largest number of one-to-one pairs whose
intersection over union reaches the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_maskrcnn.overlaps import Overlaps, overlaps
from napari_maskrcnn.train.coco import CocoImage, coco_average_precision

#: IoU thresholds of the ``"ap"`` entries, 0.50 to 0.90.
THRESHOLDS: tuple[float, ...] = tuple(round(0.5 + 0.05 * step, 2) for step in range(9))


def match_labels(
    true: ArrayLike, predicted: ArrayLike, threshold: float = 0.5
) -> NDArray[np.int64]:
    """Pair true with predicted objects, one to one.

    The pairing is the largest there is among the pairs whose IoU is at least the threshold. Above
    0.5 it is unique: two objects cannot both cover more than half of a third.

    Parameters
    ----------
    true, predicted : array of integers, equal shapes
        Label images of any number of dimensions; 0 is the background.
    threshold : float in (0, 1]
        Smallest intersection over union that counts as found.

    Returns
    -------
    (K, 2) int64
        Label ids (true, predicted) of each pair.

    Raises
    ------
    ValueError
        For different shapes, labels that are no integers, or a threshold outside (0, 1].
    """
    shared = overlaps(true, predicted)
    rows, columns = _pairs(shared, threshold)
    return np.column_stack([shared.first_ids[rows], shared.second_ids[columns]])


def average_precision(
    true: ArrayLike, predicted: ArrayLike, thresholds: Sequence[float] = THRESHOLDS
) -> dict[str, float]:
    """AP of one image: TP / (TP + FP + FN) at each threshold.

    Parameters
    ----------
    true, predicted : array of integers, equal shapes
        Label images of any number of dimensions; 0 is the background.
    thresholds : sequence of float in (0, 1]
        Smallest intersection over union that counts as found.

    Returns
    -------
    dict
        Threshold with two decimals (``"0.50"``) to AP in [0, 1]. Two empty images agree: 1.0.

    Raises
    ------
    ValueError
        For different shapes, labels that are no integers, or a threshold outside (0, 1].
    """
    return _average_precision(overlaps(true, predicted), thresholds)


def count_errors(true: ArrayLike, predicted: ArrayLike, threshold: float = 0.5) -> dict[str, int]:
    """Objects of one image, how many of them are missed, and how many predicted ones are extra.

    Parameters and errors are those of `match_labels`.

    Returns
    -------
    dict
        ``{"objects": n, "missed": n, "extra": n}``.
    """
    shared = overlaps(true, predicted)
    found = len(_pairs(shared, threshold)[0])
    objects, seen = len(shared.first_ids), len(shared.second_ids)
    return {"objects": objects, "missed": objects - found, "extra": seen - found}


def evaluate(
    true_labels: ArrayLike | Sequence[ArrayLike],
    predicted_labels: ArrayLike | Sequence[ArrayLike],
    scores: Any = None,
    names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Compare predicted with true labels, of one image or of many.

    Parameters
    ----------
    true_labels, predicted_labels : array of integers, or list of such arrays
        Label images; an array is one image whatever its dimensions, a list or tuple is many.
    scores : array or mapping, or list of them (None for an image without), optional
        Confidence of the predicted objects of an image: one number for each label present, in the
        order of the ids, or a mapping from label id to score. Without it all objects score 1.
        Only ``"coco_mask_ap"`` depends on it.
    names : list of str, optional
        Name of each image, repeated in ``"per_image"`` and in error messages.

    Returns
    -------
    dict
        ``{"images": n, "ap": {"0.50": x, … "0.90": x}, "coco_mask_ap": x, "per_image": [{"true":
        objects, "predicted": objects, "ap": {…}}, …]}``, ready for JSON. ``"ap"`` is the mean
        over the images; ``"coco_mask_ap"`` ranks the objects of all images together.

    Raises
    ------
    ValueError
        For no image, lists of different lengths, shapes that differ, labels that are no
        integers, or scores that do not fit the labels.
    """
    per_image: list[dict[str, Any]] = []
    coco: list[CocoImage] = []
    for name, true, predicted, score in _cases(true_labels, predicted_labels, scores, names):
        try:
            shared = overlaps(true, predicted)
            coco.append(CocoImage(shared, _object_scores(shared.second_ids, score)))
        except ValueError as error:
            raise ValueError(f"{name}: {error}" if name else str(error)) from error
        row = {
            "true": len(shared.first_ids),
            "predicted": len(shared.second_ids),
            "ap": _average_precision(shared, THRESHOLDS),
        }
        per_image.append({"name": name, **row} if names is not None else row)
    mean = {
        key: float(np.mean([row["ap"][key] for row in per_image])) for key in per_image[0]["ap"]
    }
    return {
        "images": len(per_image),
        "ap": mean,
        "coco_mask_ap": coco_average_precision(coco),
        "per_image": per_image,
    }


def _cases(
    true: Any, predicted: Any, scores: Any, names: Sequence[str] | None
) -> Iterator[tuple[str, Any, Any, Any]]:
    """(name or "", true labels, predicted labels, scores or None) of every image."""
    many = isinstance(true, list | tuple)
    if many != isinstance(predicted, list | tuple):
        raise ValueError(
            "true_labels and predicted_labels must both be one array or both be a list of arrays."
        )
    if not many:
        true, predicted, scores = [true], [predicted], [scores]
    if not true:
        raise ValueError("There is no image to evaluate: the list of true labels is empty.")
    if scores is None:
        scores = [None] * len(true)
    counts = {"true_labels": len(true), "predicted_labels": len(predicted), "scores": len(scores)}
    if names is not None:
        counts["names"] = len(names)
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} {what}" for what, count in counts.items())
        raise ValueError(f"Every image needs its own entry, but there are {listed}.")
    if names is None:
        names = [f"Image {number} of {len(true)}" for number in range(1, len(true) + 1)]
        names = names if many else [""]
    return zip(names, true, predicted, scores, strict=True)


def _object_scores(ids: NDArray[np.int64], scores: Any) -> NDArray[np.float64]:
    """Score of each object, in the order of ``ids``."""
    if scores is None:
        return np.ones(len(ids))
    if isinstance(scores, Mapping):
        missing = [int(label) for label in ids if int(label) not in scores]
        if missing:
            raise ValueError(
                f"{len(missing)} predicted labels have no score, the first is {missing[0]}. "
                "Give a score for every label, or none at all."
            )
        values = np.array([scores[int(label)] for label in ids], dtype=np.float64)
    else:
        given = np.asarray(scores, dtype=np.float64)
        if given.shape != ids.shape:
            raise ValueError(
                f"{len(ids)} labels are present but the scores have shape {given.shape}. "
                "Give one score for each label present, in the order of their ids."
            )
        values = given[np.argsort(np.argsort(ids))]
    if not np.isfinite(values).all():
        raise ValueError("Some scores are not finite. Replace NaN and infinite scores, by 1 say.")
    return values


def _average_precision(shared: Overlaps, thresholds: Sequence[float]) -> dict[str, float]:
    objects = len(shared.first_ids) + len(shared.second_ids)
    result = {}
    for threshold in thresholds:
        found = len(_pairs(shared, threshold)[0])
        # TP + FP + FN: every pair is one object of each image.
        result[f"{threshold:.2f}"] = found / (objects - found) if objects else 1.0
    return result


def _pairs(shared: Overlaps, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of a largest one-to-one pairing among the pairs that reach the threshold."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    if not 0 < threshold <= 1:
        raise ValueError(f"An IoU threshold lies above 0 and at most at 1, got {threshold}.")
    reaching = shared.iou >= threshold
    rows, columns = shared.rows[reaching], shared.columns[reaching]
    if threshold > 0.5 or not len(rows):
        return rows, columns
    shape = (len(shared.first_ids), len(shared.second_ids))
    graph = csr_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=shape)
    partner = maximum_bipartite_matching(graph, perm_type="column").astype(np.int64)
    rows = np.flatnonzero(partner >= 0)
    return rows, partner[rows]
