"""COCO's mask AP of one class, from sparse overlaps and without a limit on the objects.

The same number as pycocotools' ``COCOeval`` with its limit of detections raised: objects claim
true ones greedily in the order of their scores, precision is made non-increasing and read at 101
recalls, and the mean is taken over ten IoU thresholds. pycocotools itself compares every predicted
with every true object in Python and prints to the standard output of the whole process, which a
background thread must not redirect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.overlaps import Overlaps

#: IoU thresholds that COCO's AP is the mean over, 0.50 to 0.95.
COCO_THRESHOLDS: tuple[float, ...] = tuple(float(x) for x in np.linspace(0.5, 0.95, 10))
_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, eq=False)
class CocoImage:
    """One image's true (first) and predicted (second) objects with the predictions' scores (N,)."""

    shared: Overlaps
    scores: NDArray[np.float64]


def coco_average_precision(images: Sequence[CocoImage]) -> float:
    """Mean over IoU 0.50 … 0.95 of the interpolated precision, over all images at once.

    Parameters
    ----------
    images : sequence of CocoImage
        Objects of equal score are ranked in the order of the images and of their first pixels.

    Returns
    -------
    float
        In [0, 1]. Without any true object, where COCO's AP is undefined, 1.0 if nothing was
        predicted either, else 0.0.
    """
    total = sum(len(image.shared.first_ids) for image in images)
    ranked = [np.argsort(-image.scores, kind="stable") for image in images]
    scores = np.concatenate(
        [image.scores[order] for image, order in zip(images, ranked, strict=True)]
    )
    if total == 0:
        return 0.0 if len(scores) else 1.0
    hits = np.concatenate(
        [_hits(image.shared, order) for image, order in zip(images, ranked, strict=True)], axis=1
    )
    overall = np.argsort(-scores, kind="stable")
    return float(np.mean([_interpolated(row[overall], total) for row in hits]))


def _hits(shared: Overlaps, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether each object, best score first, claims a true one; (thresholds, objects)."""
    iou = shared.iou
    by_column = np.lexsort((shared.rows, shared.columns))
    rows, iou = shared.rows[by_column], iou[by_column]
    bounds = np.searchsorted(shared.columns[by_column], np.arange(len(order) + 1))
    hits = np.zeros((len(COCO_THRESHOLDS), len(order)), dtype=bool)
    for step, threshold in enumerate(COCO_THRESHOLDS):
        claimed: set[int] = set()
        for rank, column in enumerate(order):
            best, best_iou = -1, threshold
            for pair in range(bounds[column], bounds[column + 1]):
                # Among equal overlaps COCO takes the last one, hence >= and not >.
                if iou[pair] >= best_iou and int(rows[pair]) not in claimed:
                    best, best_iou = int(rows[pair]), iou[pair]
            if best >= 0:
                claimed.add(best)
                hits[step, rank] = True
    return hits


def _interpolated(hits: NDArray[np.bool_], total: int) -> float:
    """Mean of the non-increasing precision at the 101 recalls."""
    found = np.cumsum(hits)
    recall = found / total
    precision = found / (np.arange(len(hits)) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.append(precision, 0.0)[np.minimum(at, len(precision))].mean())
