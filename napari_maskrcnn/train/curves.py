"""The curves of a training, short enough for a model's card."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

#: Parts of the loss in a row of the history, in the order of the network.
PARTS = ("rpn_class", "rpn_box", "class", "box", "mask")
MOST_POINTS = 100
DIGITS = 4


def curves(history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Shorten a history of a row a step to means over even stretches of it.

    Parameters
    ----------
    history : sequence of dict
        As of `Trained`.

    Returns
    -------
    dict
        ``{"loss": {"step": [...], "loss": [...], "rpn_class": [...], …}, "validation": {"step":
        [...], "ap50": [...], "ap75": [...]}}``, JSON-able; at most 100 points a curve, `step` the
        last of each stretch. Of the validations, when there are more, evenly many.
    """
    losses = [row for row in history if "loss" in row]
    validated = [row for row in history if "ap50" in row]
    stretches = [losses[a:b] for a, b in _bounds(len(losses))]
    names = [name for name in ("loss", *PARTS) if losses and name in losses[0]]
    loss: dict[str, list[float]] = {"step": [stretch[-1]["step"] for stretch in stretches]}
    for name in names:
        loss[name] = [
            round(sum(row[name] for row in stretch) / len(stretch), DIGITS) for stretch in stretches
        ]
    told = [validated[b - 1] for _, b in _bounds(len(validated))]
    proof = {key: [round(row[key], DIGITS) for row in told] for key in ("step", "ap50", "ap75")}
    return {"loss": loss, "validation": proof}


def _bounds(count: int) -> list[tuple[int, int]]:
    """Begin and end of at most `MOST_POINTS` even stretches of `count` rows."""
    points = min(count, MOST_POINTS)
    edges = [count * k // points for k in range(points + 1)] if points else [0]
    return list(itertools.pairwise(edges))
