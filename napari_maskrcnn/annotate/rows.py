"""Rows of the features table that follow corrections: ids are never reused, rows never removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.instances import COLUMNS, table_from_labels

if TYPE_CHECKING:
    import pandas as pd

ADDED = "added"
PREDICTED = "predicted"
ACCEPTED = "accepted"

#: Rows and columns of a plane between which an object lies.
Window = tuple[slice, slice]
_BLANK: dict[str, Any] = {"class": "", "score": np.nan, "area": 0, "bbox": "", "state": ""}


def updated_rows(
    labels: NDArray[Any],
    table: pd.DataFrame,
    ids: Iterable[int],
    class_name: str = "",
    changed: Window | None = None,
) -> pd.DataFrame:
    """Table after the objects `ids` changed.

    Parameters
    ----------
    labels : (…, H, W) integers
        The labels as they are now.
    table : pandas.DataFrame
        Features so far; without the column ``index`` it is made anew.
    ids : iterable of int
        Objects that were added, reshaped or removed; only these are measured.
    class_name : str
        Class of those that have no row yet.
    changed : (slice, slice), optional
        Rows and columns between which pixels changed. With it an object is looked for only there
        and in the box that the table has of it, which must be right.

    Returns
    -------
    pandas.DataFrame
        A new table. Removed objects keep their row, with area 0, so that Undo finds it; columns
        of other origin are kept.
    """
    if "index" not in table:
        return synced_rows(labels, table, class_name)
    wanted = sorted({int(i) for i in ids} - {0})
    table = _with_rows(table, wanted, class_name)
    row_of = {int(index): row for row, index in enumerate(table["index"])}
    areas, boxes = table["area"].to_numpy(copy=True), table["bbox"].to_numpy(object, copy=True)
    for i in wanted:
        row = row_of[i]
        window = None if changed is None else _joined(_parsed(boxes[row]), changed)
        areas[row], boxes[row] = _measure(labels, i, window)
    return table.assign(area=areas, bbox=boxes)


def synced_rows(labels: NDArray[Any], table: pd.DataFrame, class_name: str = "") -> pd.DataFrame:
    """Table with every object of the labels measured, and a row for each.

    Parameters
    ----------
    labels : (…, H, W) integers
        The labels.
    table : pandas.DataFrame
        Features so far. Without the column ``index`` row ``i`` is label ``i``, as napari has it.
    class_name : str
        Class of the objects that have no row yet.

    Returns
    -------
    pandas.DataFrame
        A new table with at least the columns of `COLUMNS`; those of other origin are kept.
    """
    measured = table_from_labels(labels)
    present = measured["area"] > 0
    if not len(table.columns):
        measured.loc[present, "class"] = class_name
        measured.loc[present, "state"] = ADDED
        return measured
    if "index" not in table:
        table = table.assign(index=np.arange(len(table)))
    table = _with_rows(table, measured["index"][present].tolist(), class_name)
    found = measured.set_index("index").reindex(table["index"])
    return table.assign(
        area=found["area"].fillna(0).to_numpy(np.int64),
        bbox=found["bbox"].fillna("").to_numpy(object),
    )


def listed(table: pd.DataFrame) -> pd.Series:
    """Ids in a table of objects that are there or once were; other rows only fill gaps."""
    if not {"area", "class", "score", "state"} <= set(table.columns):
        return table["index"]
    said = (table["class"] != "") | (table["state"] != "")
    return table.loc[said | (table["area"] > 0) | table["score"].notna(), "index"]


def joined_box(table: pd.DataFrame, ids: Iterable[int]) -> Window | None:
    """Rows and columns between which objects lie, by the table; None if it has no box of one."""
    joined: Window | None = None
    wanted = [int(i) for i in ids]
    boxes = table.loc[table["index"].isin(wanted), "bbox"].map(_parsed).tolist()
    if len(boxes) < len(wanted) or None in boxes:
        return None
    for box in boxes:
        joined = _joined(joined, box)
    return joined


def _with_rows(table: pd.DataFrame, ids: list[int], class_name: str) -> pd.DataFrame:
    """A copy with all columns, and with a row for each of some ids."""
    import pandas as pd

    missing = {name: _BLANK[name] for name in COLUMNS if name not in table}
    objects = {int(index) for index in listed(table)}
    table = table.assign(**missing) if missing else table.copy()
    fresh = [i for i in ids if i not in objects]
    if not fresh:
        return table
    known = {int(index) for index in table["index"]}
    if absent := [i for i in fresh if i not in known]:
        rows = pd.DataFrame({"index": _up_to(known, absent), **_BLANK})
        table = pd.concat([table, rows], ignore_index=True)
    new = table["index"].isin(fresh).to_numpy()
    table.loc[new, "class"] = class_name
    table.loc[new, "state"] = ADDED
    return table


def _up_to(known: set[int], fresh: list[int]) -> list[int]:
    """Ids that get a row: all up to the largest, so that row i stays label i, if that is cheap."""
    between = range(max(known, default=-1) + 1, fresh[-1] + 1)
    # A range knows its length without being built: ids may be in the billions.
    return sorted({*fresh, *between}) if len(between) <= 1000 + len(fresh) else fresh


def _parsed(box: object) -> Window | None:
    """The text ``x1 y1 x2 y2`` as rows and columns; None for no box."""
    if not isinstance(box, str) or not box:
        return None
    x1, y1, x2, y2 = map(int, box.split())
    return slice(y1, y2), slice(x1, x2)


def _joined(first: Window | None, second: Window) -> Window:
    if first is None:
        return second
    rows, columns = (
        slice(min(a.start, b.start), max(a.stop, b.stop))
        for a, b in zip(first, second, strict=True)
    )
    return rows, columns


def _measure(labels: NDArray[Any], i: int, window: Window | None) -> tuple[int, str]:
    """Area in pixels and box ``x1 y1 x2 y2`` of an object; 0 and "" when it is gone."""
    top, left = (0, 0) if window is None else (window[0].start, window[1].start)
    part = labels if window is None else labels[(..., *window)]
    own = np.asarray(part) == i
    area = int(np.count_nonzero(own))
    if area == 0:
        return 0, ""
    flat = own.reshape(-1, *own.shape[-2:]).any(axis=0)
    y, x = np.flatnonzero(flat.any(axis=1)) + top, np.flatnonzero(flat.any(axis=0)) + left
    return area, f"{x[0]} {y[0]} {x[-1] + 1} {y[-1] + 1}"
