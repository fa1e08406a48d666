"""The outline of objects as straight lines between pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def outline(labels: NDArray[Any]) -> NDArray[np.float64]:
    """Lines along the border of every object, also where two of them touch.

    Parameters
    ----------
    labels : (H, W) integers
        0 is the background.

    Returns
    -------
    (N, 2, 2) float
        Start (row, column) and direction of each line; pixel centres are whole numbers, so lines
        lie at halves.
    """
    framed = np.pad(labels, 1)
    across = _runs(framed[:-1, 1:-1] != framed[1:, 1:-1])
    down = _runs((framed[1:-1, :-1] != framed[1:-1, 1:]).T)[..., ::-1]
    return np.concatenate([across, down])


def _runs(edges: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Start and direction of the runs of true values along the rows, (N, 2, 2)."""
    steps = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(steps == 1)
    _, stop = np.nonzero(steps == -1)
    lines = np.zeros((len(row), 2, 2))
    lines[:, 0] = np.stack([row, start], axis=1) - 0.5
    lines[:, 1, 1] = stop - start
    return lines
