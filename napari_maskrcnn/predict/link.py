"""Link the objects of neighbouring planes, by an optimal assignment of their overlaps.

In z the planes of one body become one object, in t the frames of one cell become one track. Both
are the same question: which object of a plane is which of the planes before? Every pair of planes
is answered at once, one to one, so that the sum of all overlaps (intersection over union) is the
largest there is. Who may be one is decided by the share of the smaller object that overlaps: the
last slices of a ball are much smaller than the ones below, so their intersection over union is low.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.overlaps import overlaps
from napari_maskrcnn.predict.settings import OVERLAP

if TYPE_CHECKING:
    import pandas as pd

    from napari_maskrcnn.predict.kept import Chosen
    from napari_maskrcnn.predict.settings import PredictSettings

# What an object gains by staying alone: less than any overlap, but something, for the solver takes
# what is nothing for no pair at all.
_ALONE = 1e-9


def link_planes(
    planes: Sequence[NDArray[Any]] | NDArray[Any],
    overlap: float = OVERLAP,
    gap: int = 0,
    at: Sequence[int] | None = None,
) -> NDArray[np.int64]:
    """Find which label values of a stack are one object.

    Parameters
    ----------
    planes : sequence of integer arrays of one shape, or one (Z or T, H, W) array
        Values are unique through the stack, 1…n, in no plane twice for two objects.
    overlap : float
        Share of the smaller object that lies in the larger one, from which the two may be one.
    gap : int
        Most planes in a row that an object may be missing from. Nearer planes come first: only who
        finds nobody in the plane before is looked for further back.
    at : sequence of int, optional
        Position of each plane along the axis, ascending, where some planes are left out; a plane
        that is left out counts as one that every object is missing from.

    Returns
    -------
    (n + 1,) int64
        New value of each old one, consecutive from 1 by first appearance; 0 stays 0.
    """
    where = range(len(planes)) if at is None else at
    count = max((int(plane.max(initial=0)) for plane in planes), default=0)
    same_as = np.arange(count + 1)
    followed = np.zeros(count + 1, bool)
    for k in range(1, len(planes)):
        begun = np.ones(count + 1, bool)
        for j in range(k - 1, -1, -1):
            if where[k] - where[j] > gap + 1:
                break
            ends = planes[j] if j == k - 1 else _only(planes[j], ~followed)
            starts = planes[k] if j == k - 1 else _only(planes[k], begun)
            before, after = assign(ends, starts, overlap)
            same_as[after] = same_as[before]
            followed[before], begun[after] = True, False
    present = np.unique(same_as[1:])
    numbers = np.zeros(count + 1, np.int64)
    numbers[present] = np.arange(1, len(present) + 1)
    return numbers[same_as]


def assign(
    first: NDArray[Any], second: NDArray[Any], overlap: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair the objects of two label images, one to one, with the largest sum of their IoU.

    Parameters
    ----------
    first, second : integer arrays of one shape
        0 is the background.
    overlap : float
        Least share of the smaller object of a pair that lies in the larger one.

    Returns
    -------
    first_ids, second_ids : (P,) int64
        Values of the pairs.
    """
    shared = overlaps(first, second)
    good = shared.share >= overlap
    rows, columns, iou = shared.rows[good], shared.columns[good], shared.iou[good]
    # Most have one partner only, which has no other: there is nothing to choose.
    sure = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    left, right = _largest_sum(rows[~sure], columns[~sure], iou[~sure])
    left, right = np.concatenate([rows[sure], left]), np.concatenate([columns[sure], right])
    return shared.first_ids[left], shared.second_ids[right]


def _largest_sum(
    rows: NDArray[np.int64], columns: NDArray[np.int64], gains: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose one to one among pairs, so that the sum of their gains, above 0, is the largest."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    taking, rows = np.unique(rows, return_inverse=True)
    wanted, columns = np.unique(columns, return_inverse=True)
    # Each may stay alone, in a column of its own.
    alone = np.arange(len(taking))
    matrix = coo_array(
        (
            np.concatenate([gains, np.full(len(taking), _ALONE)]),
            (np.concatenate([rows, alone]), np.concatenate([columns, len(wanted) + alone])),
        ),
        shape=(len(taking), len(wanted) + len(taking)),
    )
    left, right = min_weight_full_bipartite_matching(matrix.tocsr(), maximize=True)
    paired = right < len(wanted)
    return taking[left[paired]], wanted[right[paired]]


def link_chosen(chosen: Chosen, settings: PredictSettings, axis: int = 0) -> Chosen:
    """Give what is one object in several planes one number and one row.

    Parameters
    ----------
    chosen : Chosen
        Planes by their position along the stack, or by their index in an array: a tuple with the
        position along every axis, None for the two of the plane.
    settings : PredictSettings
        Its `link`, `overlap` and `gap`; without a `link` the objects stay as they are.
    axis : int
        Place in the index of the axis that is linked along. Planes that differ along another axis
        are linked among themselves.

    Returns
    -------
    Chosen
        A row for each object: class, score and state of its best plane, area over all planes.
    """
    if settings.link is None or len(chosen.labels) < 2:
        return chosen
    labels: dict[Any, NDArray[np.int32]] = {}
    numbers = np.arange(len(chosen.table), dtype=np.int64)
    last = 0
    for keys in _runs(chosen.labels, axis):
        planes = [chosen.labels[key] for key in keys]
        found = link_planes(planes, settings.overlap, settings.gap, [_at(k, axis) for k in keys])
        here = np.zeros(len(found), bool)
        for plane in planes:
            here[plane] = True
        own = np.flatnonzero(here[1:]) + 1
        # Objects of other runs have numbers of their own among these.
        ranks = np.unique(found[own], return_inverse=True)[1]
        numbers[own] = last + 1 + ranks
        last += int(ranks.max(initial=-1)) + 1
        labels |= {
            key: numbers[plane].astype(np.int32) for key, plane in zip(keys, planes, strict=True)
        }
    in_order = {key: labels[key] for key in chosen.labels}
    return replace(chosen, labels=in_order, table=_join_rows(chosen.table, numbers))


def tracks(labels: NDArray[Any]) -> NDArray[np.float64]:
    """Return where each object of a linked series is, frame by frame, for napari's Tracks layer.

    Parameters
    ----------
    labels : (T, H, W) or (T, Z, H, W) integer array
        numpy, dask or zarr, one frame is read at a time; an object has one value in all frames.

    Returns
    -------
    (N, 4) or (N, 5) float64
        Columns id, t, [z,] y, x: the mean position of its pixels, by id and then by t.

    Raises
    ------
    ValueError
        `labels` is no series of frames.
    """
    if len(labels.shape) < 3:
        raise ValueError(
            f"labels has shape {tuple(labels.shape)}; a series is (T, H, W) or (T, Z, H, W)."
        )
    points = [np.zeros((0, len(labels.shape) + 1))]
    for t in range(labels.shape[0]):
        frame = np.asarray(labels[t])
        where = np.nonzero(frame)
        ids, inverse = np.unique(frame[where], return_inverse=True)
        areas = np.bincount(inverse)
        means = [np.bincount(inverse, weights=axis) / areas for axis in where]
        points.append(np.stack([ids, np.full(len(ids), t), *means], axis=1).astype(float))
    every = np.concatenate(points)
    return every[np.argsort(every[:, 0], kind="stable")]


def _only(labels: NDArray[Any], wanted: NDArray[np.bool_]) -> NDArray[Any]:
    return np.where(wanted[labels], labels, 0)


def _at(key: Any, axis: int) -> int:
    return int(key[axis] if isinstance(key, tuple) else key)


def _runs(keys: Any, axis: int) -> list[list[Hashable]]:
    """Part the planes into runs that differ along one axis only, each in its order."""
    runs: dict[Any, list[Hashable]] = defaultdict(list)
    for key in keys:
        rest = (*key[:axis], *key[axis + 1 :]) if isinstance(key, tuple) else ()
        runs[rest].append(key)
    return [sorted(run, key=lambda key: _at(key, axis)) for run in runs.values()]


def _join_rows(table: pd.DataFrame, numbers: NDArray[np.int64]) -> pd.DataFrame:
    """One row for each linked object, from the rows of its planes; row 0 is the background."""
    import pandas as pd

    rows = table.iloc[1:].assign(index=numbers[table["index"].to_numpy()[1:]])
    best = rows.sort_values("score", ascending=False, kind="stable").drop_duplicates("index")
    best = best.sort_values("index").reset_index(drop=True)
    corners = np.array([box.split() for box in rows["bbox"]], np.int64).reshape(-1, 4)
    boxes = (
        pd.DataFrame(corners)
        .groupby(rows["index"].to_numpy())
        .agg({0: "min", 1: "min", 2: "max", 3: "max"})
    )
    best["area"] = rows.groupby("index")["area"].sum().to_numpy()
    best["bbox"] = [" ".join(map(str, box)) for box in boxes.to_numpy().tolist()]
    return pd.concat([table.iloc[:1], best], ignore_index=True)
