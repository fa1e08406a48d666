"""Tables of objects ↔ CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_maskrcnn.formats.atomic import atomic_path
from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.measure import measure_job
from napari_maskrcnn.jobs import Job, Progress

if TYPE_CHECKING:
    import pandas as pd


class NoLabelsError(ValueError):
    """A table is none of labelled objects: it has no column that says which."""


def write_csv(data: LabelData, path: Path) -> Job[None]:
    """Write a row for every object: its label, class, score and measurements.

    The columns are ``label, class, score`` and those of `measure`; class and score stay empty for
    labels that the table does not know. Intensities have 15 digits, other measurements 7.
    """
    frame = yield from measure_job(data.labels, data.image, data.scale)
    yield Progress(0, 0, "Writing")
    classes, scores = _known(frame["label"], data.table)
    frame.insert(1, "class", classes)
    frame.insert(2, "score", scores)
    # Those of 32-bit pixels have more digits than a length needs.
    for name in frame.columns[frame.columns.str.startswith("intensity_")]:
        frame[name] = ["" if np.isnan(value) else f"{value:.15g}" for value in frame[name]]
    _write(frame, path)


def write_table(table: pd.DataFrame, path: str | Path, overwrite: bool = False) -> Path:
    """Write a table as it is.

    Raises
    ------
    FileExistsError
        The file exists and ``overwrite`` is false.
    WriteError
        The disk is full, or the folder is missing or read-only.
    """
    with atomic_path(path, overwrite) as part:
        _write(table, part)
    return Path(path)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table of objects: an exported one, or one with at least the column ``index``.

    Returns
    -------
    DataFrame
        Always with ``index`` (int64, each label once), ``class`` (text, "" where unknown) and
        ``score`` (float, NaN where unknown); other columns as they are. Of the rows that a stack
        has for one label the first is kept.

    Raises
    ------
    ValueError
        The file is no table, has neither ``index`` nor ``label``, labels that are no whole
        numbers, scores that are no numbers, or two classes for one label.
    """
    import pandas as pd

    path = Path(path)
    try:
        # "NA" and "None" are fine names for a class, so no text but the empty one is missing.
        table = pd.read_csv(path, dtype={"class": str}, keep_default_na=False, na_values=[""])
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a table: {error}") from error
    if "index" not in table.columns:
        table = table.rename(columns={"label": "index"})
    if "index" not in table.columns:
        raise NoLabelsError(
            f"{path} has no column 'index' or 'label'; its columns are {', '.join(table.columns)}."
        )
    table["index"] = _numbers(table["index"], path, whole=True)
    table["class"] = table["class"].fillna("") if "class" in table.columns else ""
    table["score"] = _numbers(table["score"], path) if "score" in table.columns else np.nan
    return _one_row_a_label(table, path)


def known_rows(data: LabelData) -> tuple[list[int], list[str], list[float]]:
    """Return the labels that are there with their class ("" if unknown) and score (NaN)."""
    from napari_maskrcnn.formats.objects import present_labels

    labels = present_labels(data.labels)
    classes, scores = _known(labels, data.table)
    return labels, classes, scores


def table_from_columns(columns: object) -> pd.DataFrame | None:
    """Make a table of ``index, class, score`` from lists of a file; None where it has none."""
    import pandas as pd

    if not isinstance(columns, Mapping):
        return None
    parts = [columns.get(name) for name in ("index", "class", "score")]
    lists = [part for part in parts if isinstance(part, list)]
    if len(lists) != 3 or len({len(part) for part in lists}) != 1:
        return None
    try:
        return pd.DataFrame(
            {
                "index": np.array(lists[0], dtype=np.int64),
                "class": [str(name) for name in lists[1]],
                "score": np.array(lists[2], dtype=np.float64),
            }
        ).drop_duplicates("index", ignore_index=True)
    except (TypeError, ValueError, OverflowError):
        return None


def _known(labels: Iterable[int], table: pd.DataFrame | None) -> tuple[list[str], list[float]]:
    """Class and score of each label, as far as the table has them."""
    rows = {} if table is None else table.set_index("index").to_dict("index")
    found = [rows.get(label, {}) for label in labels]
    classes = [row.get("class") for row in found]
    # Only text is a class: an unset entry may be None or NaN.
    return (
        [name if isinstance(name, str) else "" for name in classes],
        [np.nan if row.get("score") is None else float(row["score"]) for row in found],
    )


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, float_format="%.7g", lineterminator="\n", encoding="utf-8")


def _numbers(column: pd.Series, path: Path, whole: bool = False) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & (column.notna() | whole)
    if whole:
        wrong |= numbers != np.floor(numbers)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{path}: column {column.name!r} has '{column.iloc[row]}' in line {row + 2}, "
            f"where a {'whole ' if whole else ''}number is needed."
        )
    return numbers.astype(np.int64 if whole else np.float64)


def _one_row_a_label(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    first = table.drop_duplicates("index", ignore_index=True)
    pairs = table[["index", "class"]].drop_duplicates()
    if len(pairs) > len(first):
        label = pairs["index"][pairs["index"].duplicated()].iloc[0]
        raise ValueError(f"{path} gives label {label} more than one class. Keep one of them.")
    return first
