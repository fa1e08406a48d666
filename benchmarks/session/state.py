"""Labels under repair: what is right, what is wrong, and what was done so far."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.edit import Edit

#: IoU from which a label is right. More than a half, so a label and an object fit one to one.
GOOD = 0.7

Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass
class Session:
    """Labels under repair, the truth, and the actions so far.

    Parameters
    ----------
    labels, truth : (H, W) int32
        0 is the background.
    actions : Counter
        How often each kind of action was done.
    """

    labels: Labels
    truth: Labels
    actions: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """All actions so far."""
        return self.actions.total()

    def do(self, action: str, edit: Edit | None = None) -> None:
        """Count an action, and apply what it changes."""
        self.actions[action] += 1
        if edit is not None:
            edit.apply(self.labels)

    def other(self, labels: Labels) -> Session:
        """The same truth with other labels, and nothing done yet."""
        return Session(labels, self.truth)

    def copy(self) -> Session:
        """A session that goes on by itself."""
        return deepcopy(self)

    def fits(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
        """True objects (T,), labels (L,), and the IoU of each with each, (T, L)."""
        # A table of all pairs of numbers, for both have few: sorting takes longer.
        rows, columns = int(self.truth.max(initial=0)) + 1, int(self.labels.max(initial=0)) + 1
        pairs = self.truth.ravel().astype(np.int64) * columns + self.labels.ravel()
        shared = np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)
        mine, theirs = shared.sum(1), shared.sum(0)
        objects, labels = (1 + np.flatnonzero(n[1:]) for n in (mine, theirs))
        both = shared[np.ix_(objects, labels)]
        either = mine[objects, None] + theirs[labels] - both
        return objects, labels, both / either

    def wrong(self) -> list[int]:
        """True objects that no label fits well."""
        objects, _, iou = self.fits()
        return [int(i) for i in objects[iou.max(1, initial=0) < GOOD]]

    def extra(self) -> list[int]:
        """Labels that fit no true object well."""
        _, labels, iou = self.fits()
        return [int(i) for i in labels[iou.max(0, initial=0) < GOOD]]

    def errors(self) -> int:
        """Objects and labels that are wrong: about the actions that the rest takes."""
        return len(self.wrong()) + len(self.extra())

    def best(self, true: int) -> tuple[int, float]:
        """The label that fits an object best, and its IoU; 0 for none."""
        objects, labels, iou = self.fits()
        row = iou[list(objects).index(true)]
        at = int(row.argmax()) if len(labels) else 0
        return (int(labels[at]), float(row[at])) if len(labels) and row[at] else (0, 0.0)

    def next_id(self) -> int:
        """A number that no label has."""
        return int(self.labels.max(initial=0)) + 1
