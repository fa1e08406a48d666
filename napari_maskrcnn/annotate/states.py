"""Class and state of objects: assigned and taken back in the features table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from napari_maskrcnn.annotate.rows import ACCEPTED, ADDED, PREDICTED

if TYPE_CHECKING:
    import pandas as pd


def values_of(table: pd.DataFrame, column: str, ids: Iterable[int]) -> dict[int, str]:
    """Text of a column for some objects; "" for those without a row or without text.

    Parameters
    ----------
    table : pandas.DataFrame
        Features with the column ``index``, one row a label.
    column : str
        ``class`` or ``state``.
    ids : iterable of int
        Objects.
    """
    wanted = [int(i) for i in ids]
    if not {"index", column} <= set(table.columns):
        return dict.fromkeys(wanted, "")
    chosen = table.loc[table["index"].isin(wanted), ["index", column]]
    found = {int(i): v for i, v in zip(chosen["index"], chosen[column], strict=True)}
    texts = {i: found.get(i) for i in wanted}
    return {i: text if isinstance(text, str) else "" for i, text in texts.items()}


def with_values(table: pd.DataFrame, column: str, values: Mapping[int, str]) -> pd.DataFrame:
    """A new table with other text in a column for some objects, which have rows."""
    texts = table[column].to_numpy(object, copy=True)
    rows = np.flatnonzero(table["index"].isin(list(values)))
    texts[rows] = [values[int(i)] for i in table["index"].to_numpy()[rows]]
    return table.assign(**{column: texts})


def toggled(
    now: Mapping[int, str], wanted: str, before: Mapping[int, str]
) -> tuple[dict[int, str], bool]:
    """What the same key does next: give objects a value or, when all have it, the one before.

    Parameters
    ----------
    now : mapping of int to str
        The value of each object now.
    wanted : str
        The value to give.
    before : mapping of int to str
        Earlier values; objects without one keep theirs.

    Returns
    -------
    values : dict of int to str
        The new value of each object.
    given : bool
        Whether `wanted` was given rather than taken back.
    """
    given = any(value != wanted for value in now.values())
    return {i: wanted if given else before.get(i, now[i]) for i in now}, given


def state_before(table: pd.DataFrame, i: int) -> str:
    """State that an accepted object had, by its score: predicted, or added by hand."""
    if "score" not in table:
        return ADDED
    scores = table.loc[table["index"] == i, "score"].to_numpy(float)
    return PREDICTED if np.isfinite(scores).any() else ADDED


def class_names(table: pd.DataFrame) -> list[str]:
    """Names of the classes of objects that are there, in the order of the alphabet."""
    if not {"area", "class"} <= set(table.columns):
        return []
    names = table.loc[table["area"] > 0, "class"]
    return sorted({name for name in names if isinstance(name, str) and name})


def count_accepted(table: pd.DataFrame) -> int:
    """Number of accepted objects that are still there."""
    if not {"area", "state"} <= set(table.columns):
        return 0
    return int(((table["state"] == ACCEPTED) & (table["area"] > 0)).sum())
