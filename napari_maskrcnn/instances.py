"""Instances: the objects of one image, as one frozen value that is filtered as a unit.

A mask is kept as a small boolean crop and the pixel where it starts, never as a full image: a
thousand objects cost kilobytes, and exact masks of any engine fit without knowing its paste rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

#: What to tell about `Instances.limited`.
LIMITED = "there may be more objects than one prediction returns; predict parts of the image"
COLUMNS = ("index", "class", "score", "area", "bbox", "state")


@dataclass(frozen=True, eq=False)
class Instances:
    """Objects of one image, best score first.

    Parameters
    ----------
    boxes : (N, 4) float32
        ``x1 y1 x2 y2`` in pixels, half-open: pixel (0, 0) alone is ``0 0 1 1``.
    scores : (N,) float32
        Confidence in [0, 1], descending.
    classes : (N,) int64
        Class of each object, from 1.
    class_names : tuple of str
        Name of class ``k`` is ``class_names[k - 1]``.
    shape : (int, int)
        Height and width of the image.
    crops : tuple of (h, w) bool
        Mask of each object, cropped.
    origins : (N, 2) int32
        Row and column in the image of each crop's first pixel.
    complete_above : float
        Objects up to this score may be missing because a limit on their number was hit; 0: none.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    class_names: tuple[str, ...]
    shape: tuple[int, int]
    crops: tuple[NDArray[np.bool_], ...]
    origins: NDArray[np.int32]
    complete_above: float = 0.0

    def __post_init__(self) -> None:
        counts = {
            "boxes": len(self.boxes),
            "scores": len(self.scores),
            "classes": len(self.classes),
            "crops": len(self.crops),
            "origins": len(self.origins),
        }
        if len(set(counts.values())) > 1:
            raise ValueError(f"Every field of Instances has one entry an object; got {counts}.")

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def limited(self) -> bool:
        """Whether a limit on the number of objects was hit, so that some may be missing."""
        return self.complete_above > 0

    def __getitem__(self, keep: Any) -> Instances:
        """Select objects by a boolean mask, a slice or indices."""
        index = np.atleast_1d(np.arange(len(self))[keep])
        return Instances(
            self.boxes[index],
            self.scores[index],
            self.classes[index],
            self.class_names,
            self.shape,
            tuple(self.crops[i] for i in index),
            self.origins[index],
            self.complete_above,
        )

    def masks(self, i: int) -> NDArray[np.bool_]:
        """Mask of object `i` inside its box: (h, w) bool, first pixel at ``origins[i]``."""
        return self.crops[i]

    def to_labels(self) -> NDArray[np.int32]:
        """Label image, (H, W) int32: object ``i`` is ``i + 1``, the better score on top."""
        labels = np.zeros(self.shape, dtype=np.int32)
        for i in np.argsort(-self.scores, kind="stable")[::-1]:
            crop = self.crops[i]
            y, x = self.origins[i]
            labels[y : y + crop.shape[0], x : x + crop.shape[1]][crop] = i + 1
        return labels

    def above(self, score: float) -> Instances:
        """Objects of at least `score` that keep a pixel under better ones.

        Those that better objects hide entirely are dropped, so object ``k`` of the result is
        label ``k + 1`` of its label image. What a limit dropped below `score` is not missing here.
        """
        kept = self[self.scores >= score]
        covered = np.zeros(self.shape, bool)
        seen = np.zeros(len(kept), bool)
        for i in np.argsort(-kept.scores, kind="stable"):
            crop, (y, x) = kept.crops[i], kept.origins[i]
            below = covered[y : y + crop.shape[0], x : x + crop.shape[1]]
            seen[i] = bool((crop & ~below).any())
            below |= crop
        complete_above = self.complete_above if self.complete_above >= score else 0.0
        return replace(kept[seen], complete_above=complete_above)

    def to_table(self) -> pd.DataFrame:
        """Table of the objects; row ``i`` is label ``i``, row 0 the background.

        Returns
        -------
        pandas.DataFrame
            Columns ``index, class, score, area, bbox, state``: area in pixels of the label image
            (overlaps go to the better object), bbox as the text ``"x1 y1 x2 y2"`` in pixels.
        """
        names = np.asarray(("", *self.class_names), dtype=object)
        table = table_from_labels(self.to_labels(), size=len(self))
        table.loc[1:, "class"] = names[self.classes]
        table.loc[1:, "score"] = self.scores.astype(float)
        table.loc[1:, "state"] = "predicted"
        return table

    @classmethod
    def empty(cls, shape: tuple[int, int], class_names: tuple[str, ...] = ("object",)) -> Instances:
        """No object in an image of `shape` (H, W)."""
        return cls(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros(0, np.int64),
            class_names,
            shape,
            (),
            np.zeros((0, 2), np.int32),
        )

    @classmethod
    def from_labels(
        cls, labels: ArrayLike, class_names: tuple[str, ...] = ("object",)
    ) -> Instances:
        """Objects of a label image, (H, W) integers, each of score 1 and class 1.

        Values need not be consecutive; objects come in the order of their value.
        """
        image = np.asarray(labels)
        if image.ndim != 2:
            raise ValueError(f"Labels of one image are (H, W); got shape {image.shape}.")
        ids, slices = label_boxes(image)
        if len(ids) == 0:
            return cls.empty((image.shape[0], image.shape[1]), class_names)
        crops = tuple(image[s] == i for i, s in zip(ids, slices, strict=True))
        corners = [[s[1].start, s[0].start, s[1].stop, s[0].stop] for s in slices]
        boxes = np.asarray(corners, np.float32)
        return cls(
            boxes,
            np.ones(len(ids), np.float32),
            np.ones(len(ids), np.int64),
            class_names,
            (image.shape[0], image.shape[1]),
            crops,
            boxes[:, [1, 0]].astype(np.int32),
        )


def joined(parts: Sequence[Instances]) -> Instances:
    """Return the objects of several predictions of one image as one, best score first."""
    every = concatenated(parts)
    return every[np.argsort(-every.scores, kind="stable")]


def concatenated(parts: Sequence[Instances]) -> Instances:
    """Return the objects of several predictions of one image as one, in their order."""
    return Instances(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.classes for part in parts]),
        parts[0].class_names,
        parts[0].shape,
        tuple(crop for part in parts for crop in part.crops),
        np.concatenate([part.origins for part in parts]),
        max(part.complete_above for part in parts),
    )


def label_boxes(labels: NDArray[Any]) -> tuple[NDArray[Any], list[tuple[slice, ...]]]:
    """Values above 0, the background, in a label image and the slices of their boxes.

    What other programs mark with numbers below 0, often what is to be ignored, is no object. Values
    larger than the image has pixels are ranked first, so that an id in the millions costs
    no table of millions.
    """
    from scipy import ndimage

    if (
        labels.dtype.kind in "ui"
        and labels.size
        and 0 <= labels.min() <= labels.max() < labels.size
    ):
        found = ndimage.find_objects(labels)
        ids = np.asarray([k + 1 for k, where in enumerate(found) if where is not None], np.int64)
        return ids, [where for where in found if where is not None]
    values, dense = np.unique(labels, return_inverse=True)
    dense = dense.reshape(labels.shape).astype(np.int32)
    none = int(np.count_nonzero(values <= 0))
    values, dense = values[none:], np.maximum(dense + (1 - none), 0)
    return values, ndimage.find_objects(dense, max_label=len(values))


def table_from_labels(labels: NDArray[Any], size: int = 0) -> pd.DataFrame:
    """Table of the objects in a label image of any dimension.

    Row ``i`` is label ``i`` up to the largest id (at least `size`), absent ids with area 0, for
    napari's own features table selects by row number. Where ids are so sparse that this would be
    wasteful, only present ids get a row; readers go by the ``index`` column in both cases.
    """
    import pandas as pd

    ids, slices = label_boxes(labels)
    largest = max(int(ids[-1]) if len(ids) else 0, size)
    dense = largest <= 100_000 + 4 * len(ids)
    index = np.arange(largest + 1) if dense else np.concatenate([[0], ids.astype(np.int64)])
    row_of = ids.astype(np.int64) if dense else np.arange(1, len(ids) + 1)
    area = np.zeros(len(index), np.int64)
    boxes = np.full(len(index), "", dtype=object)
    for row, i, where in zip(row_of, ids, slices, strict=True):
        area[row] = np.count_nonzero(labels[where] == i)
        y, x = where[-2], where[-1]
        boxes[row] = f"{x.start} {y.start} {x.stop} {y.stop}"
    text = np.full(len(index), "", dtype=object)
    columns = {
        "index": index,
        "class": text,
        "score": np.full(len(index), np.nan),
        "area": area,
        "bbox": boxes,
        "state": text.copy(),
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))
