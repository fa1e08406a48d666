"""Which of a plane's candidates count, and the label image they make, in one pass.

The network runs once and keeps every candidate; this runs whenever a slider moves, so it is quick:
objects are painted best first, and what is left free of each tells its area, its box and how much
of it better ones hide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.instances import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from napari_maskrcnn.instances import Instances


@dataclass(frozen=True)
class Choice:
    """What of the candidates counts.

    Parameters
    ----------
    score : float
        Lowest score, from 0 to 1.
    smallest, largest : float
        Diameter in pixels of the circle with the object's area, inclusive.
    hidden : float
        Largest share of an object, from 0 to 1, that better ones may hide. What is hidden entirely
        never counts.
    border : bool
        Whether objects count that touch the border of the image.
    """

    score: float
    smallest: float = 0.0
    largest: float = np.inf
    hidden: float = 1.0
    border: bool = True


@dataclass(frozen=True, eq=False)
class Facts:
    """What a choice asks of each of N candidates.

    Attributes
    ----------
    areas : (N,) int64
        Pixels of the mask.
    diameters : (N,) float64
        Of the circle with that area, pixels.
    at_border : (N,) bool
        Whether the mask touches the border of the image.
    """

    areas: NDArray[np.int64]
    diameters: NDArray[np.float64]
    at_border: NDArray[np.bool_]

    @classmethod
    def of(cls, found: Instances) -> Facts:
        """Measure candidates."""
        areas = np.array([np.count_nonzero(crop) for crop in found.crops], np.int64)
        sizes = np.array([crop.shape for crop in found.crops], np.int64).reshape(-1, 2)
        ends = found.origins + sizes
        at_border = np.zeros(len(found), bool)
        # A crop that reaches the border may still be empty along it.
        for i in np.flatnonzero((found.origins <= 0).any(1) | (ends >= found.shape).any(1)):
            crop, (top, left), (bottom, right) = found.crops[i], found.origins[i], ends[i]
            edges = (
                (top <= 0, crop[0]),
                (left <= 0, crop[:, 0]),
                (bottom >= found.shape[0], crop[-1]),
                (right >= found.shape[1], crop[:, -1]),
            )
            at_border[i] = any(at and edge.any() for at, edge in edges)
        return cls(areas, np.sqrt(areas * 4 / np.pi), at_border)

    def counting(self, scores: NDArray[np.float32], choice: Choice) -> NDArray[np.bool_]:
        """Which candidates count, but for what better ones hide, (N,)."""
        counts = (scores >= choice.score) & (self.areas > 0)
        counts &= (self.diameters >= choice.smallest) & (self.diameters <= choice.largest)
        return counts if choice.border else counts & ~self.at_border


@dataclass(frozen=True, eq=False)
class Painted:
    """The objects of one plane that count.

    Attributes
    ----------
    labels : (H, W) int32
        Object ``k`` is ``first + k + 1``, the better score on top.
    objects : (K,) int64
        Which candidates they are, best first.
    areas : (K,) int64
        Pixels that better objects leave of each.
    boxes : (K, 4) int64
        ``x1 y1 x2 y2`` around these pixels, half-open.
    """

    labels: NDArray[np.int32]
    objects: NDArray[np.int64]
    areas: NDArray[np.int64]
    boxes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.objects)


def paint(found: Instances, facts: Facts, choice: Choice, first: int = 0) -> Painted:
    """Paint the candidates that count, best first.

    Parameters
    ----------
    found : Instances
        The candidates of a plane.
    facts : Facts
        Theirs.
    choice : Choice
        What counts.
    first : int
        Label before the first.
    """
    labels = np.zeros(found.shape, np.int32)
    counts = facts.counting(found.scores, choice)
    order = np.argsort(-found.scores, kind="stable")
    objects, areas, boxes = [], [], []
    for i in order[counts[order]]:
        crop = found.crops[i]
        y, x = (int(start) for start in found.origins[i])
        below = labels[y : y + crop.shape[0], x : x + crop.shape[1]]
        free = crop & (below == 0)
        area = np.count_nonzero(free)
        if not area or 1 - area / facts.areas[i] > choice.hidden:
            continue
        rows, columns = np.flatnonzero(free.any(1)), np.flatnonzero(free.any(0))
        objects.append(i)
        areas.append(area)
        boxes.append((x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1))
        below[free] = first + len(objects)
    return Painted(
        labels,
        np.array(objects, np.int64),
        np.array(areas, np.int64),
        np.array(boxes, np.int64).reshape(-1, 4),
    )


def table_of(planes: list[tuple[Instances, Painted]]) -> pd.DataFrame:
    """Table of the objects of all planes, columns as in `Instances.to_table`; row 0 background."""
    import pandas as pd

    count = sum(len(painted) for _, painted in planes)
    names: list[str] = [""]
    scores: list[float] = [np.nan]
    boxes: list[str] = [""]
    for found, painted in planes:
        names += [found.class_names[k - 1] for k in found.classes[painted.objects]]
        scores += found.scores[painted.objects].astype(float).tolist()
        boxes += [f"{x1} {y1} {x2} {y2}" for x1, y1, x2, y2 in painted.boxes.tolist()]
    columns = {
        "index": np.arange(count + 1),
        "class": np.array(names, object),
        "score": np.array(scores),
        "area": np.concatenate([[0], *(painted.areas for _, painted in planes)]).astype(np.int64),
        "bbox": np.array(boxes, object),
        "state": np.array(["", *["predicted"] * count], object),
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))
