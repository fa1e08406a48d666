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


def updated_rows(
    labels: NDArray[Any], table: pd.DataFrame, ids: Iterable[int], class_name: str = ""
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

    Returns
    -------
    pandas.DataFrame
        A new table. Removed objects keep their row, with area 0, so that Undo finds it; columns
        of other origin are kept.
    """
    import pandas as pd

    if "index" not in table:
        table = table_from_labels(labels)
        present = table["area"] > 0
        table.loc[present, "class"] = class_name
        table.loc[present, "state"] = ADDED
    rows = {int(index): row for row, index in enumerate(table["index"])}
    fresh = sorted({int(i) for i in ids} - rows.keys() - {0})
    if fresh:
        table = pd.concat([table, _blank(_up_to(rows, fresh), table)], ignore_index=True)
        rows = {int(index): row for row, index in enumerate(table["index"])}
        new = [rows[i] for i in fresh]
        table.loc[new, "class"] = class_name
        table.loc[new, "state"] = ADDED
    else:
        table = table.copy()
    for i in set(ids) - {0}:
        area, box = _measure(labels, i)
        table.loc[rows[int(i)], "area"] = area
        table.loc[rows[int(i)], "bbox"] = box
    return table


def _up_to(rows: dict[int, int], fresh: list[int]) -> list[int]:
    """Ids that get a row: all up to the largest, so that row i stays label i, if that is cheap."""
    between = range(max(rows, default=-1) + 1, fresh[-1] + 1)
    # A range knows its length without being built: ids may be in the billions.
    return sorted({*fresh, *between}) if len(between) <= 1000 + len(fresh) else fresh


def _blank(ids: list[int], like: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    values: dict[str, Any] = dict.fromkeys(("class", "bbox", "state"), "")
    frame = pd.DataFrame({"index": ids, **values, "score": np.nan, "area": 0})
    return frame[[name for name in COLUMNS if name in like]]


def _measure(labels: NDArray[Any], i: int) -> tuple[int, str]:
    """Area in pixels and box ``x1 y1 x2 y2`` of an object; 0 and "" when it is gone."""
    where = np.nonzero(labels == i)
    if len(where[0]) == 0:
        return 0, ""
    y, x = where[-2], where[-1]
    return len(y), f"{x.min()} {y.min()} {x.max() + 1} {y.max() + 1}"
