"""The outline of objects as straight lines between pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def outline(framed: NDArray[Any], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Lines along the border of objects, also where another one touches them.

    Parameters
    ----------
    framed : (H + 2, W + 2) integers
        Labels with those of the pixels around them, 0 beyond the image.
    own : (H, W) bool
        Pixels of the objects to outline.

    Returns
    -------
    (N, 2, 2) float
        Start (row, column) and direction of each line in the coordinates of `own`; pixel centres
        are whole numbers, so lines lie at halves.
    """
    middle = framed[1:-1, 1:-1]
    across = np.zeros((own.shape[0] + 1, own.shape[1]), bool)
    across[:-1] = own & (middle != framed[:-2, 1:-1])
    across[1:] |= own & (middle != framed[2:, 1:-1])
    down = np.zeros((own.shape[0], own.shape[1] + 1), bool)
    down[:, :-1] = own & (middle != framed[1:-1, :-2])
    down[:, 1:] |= own & (middle != framed[1:-1, 2:])
    return np.concatenate([_runs(across), _runs(down.T)[..., ::-1]])


def _runs(edges: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Start and direction of the runs of true values along the rows, (N, 2, 2)."""
    steps = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(steps == 1)
    _, stop = np.nonzero(steps == -1)
    lines = np.zeros((len(row), 2, 2))
    lines[:, 0] = np.stack([row, start], axis=1) - 0.5
    lines[:, 1, 1] = stop - start
    return lines
