"""Which object a click or a drawn line means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Distance in pixels between the points at which a line is looked at.
SAMPLE = 0.5


def object_at(labels: NDArray[Any], point: ArrayLike) -> int:
    """Label at a point.

    Parameters
    ----------
    labels : (H, W) integers
        0 is background.
    point : (2,) float
        Row and column; pixel centres are whole numbers.

    Returns
    -------
    int
        0 on the background and outside the image.
    """
    y, x = np.rint(np.asarray(point, dtype=float)).astype(int)
    inside = 0 <= y < labels.shape[0] and 0 <= x < labels.shape[1]
    return int(labels[y, x]) if inside else 0


def object_under(labels: NDArray[Any], line: ArrayLike) -> int:
    """Object that a line runs over for the longest way.

    Parameters
    ----------
    labels : (H, W) integers
        0 is background.
    line : (n, 2) float
        Rows and columns of the line's points.

    Returns
    -------
    int
        0 when the line meets no object.
    """
    ids, counts = np.unique(_labels_under(labels, line), return_counts=True)
    return int(ids[counts.argmax()]) if len(ids) else 0


def objects_under(labels: NDArray[Any], line: ArrayLike) -> list[int]:
    """Objects that a line runs over, each once, in its order.

    Parameters
    ----------
    labels, line
        As for :func:`object_under`.
    """
    return list(dict.fromkeys(_labels_under(labels, line).tolist()))


def _labels_under(labels: NDArray[Any], line: ArrayLike) -> NDArray[Any]:
    """Labels along a line, without the background."""
    points = np.rint(_resampled(np.asarray(line, dtype=float))).astype(int)
    inside = ((points >= 0) & (points < labels.shape)).all(axis=1)
    ids = labels[tuple(points[inside].T)]
    return ids[ids > 0]


def _resampled(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of a line at equal distances of at most `SAMPLE` pixels."""
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(0.0, way[-1], int(way[-1] / SAMPLE) + 2)
    return np.stack([np.interp(at, way, axis) for axis in line.T], axis=1)
