"""Link the objects of neighbouring planes, by an optimal assignment of their overlaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from napari_maskrcnn.overlaps import overlaps

# Least IoU of one object in two neighbouring planes.
LEAST_IOU = 0.25


def link_planes(labels: NDArray[Any], least_iou: float = LEAST_IOU) -> NDArray[np.int64]:
    """Find which label values of a stack are one object.

    Parameters
    ----------
    labels : (Z or T, H, W) integer array
        Values are unique through the stack, 1…n, in no plane twice for two objects.
    least_iou : float
        Overlap from which two objects of neighbouring planes may be one.

    Returns
    -------
    (n + 1,) int64
        New value of each old one, consecutive from 1 by first appearance; 0 stays 0.
    """
    count = int(labels.max(initial=0))
    parent = np.arange(count + 1)
    for k in range(len(labels) - 1):
        shared = overlaps(labels[k], labels[k + 1])
        iou = np.where(shared.iou >= least_iou, shared.iou, 0.0)
        matrix = np.zeros((len(shared.first_ids), len(shared.second_ids)))
        matrix[shared.rows, shared.columns] = iou
        rows, columns = linear_sum_assignment(matrix, maximize=True)
        good = matrix[rows, columns] > 0
        upper, lower = shared.first_ids[rows[good]], shared.second_ids[columns[good]]
        parent[lower] = parent[upper]
    present = np.unique(parent[1:])
    numbers = np.zeros(count + 1, np.int64)
    numbers[present] = np.arange(1, len(present) + 1)
    return numbers[parent]
