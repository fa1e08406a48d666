"""Labels and predictions of a project as files, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.project.history import keep, replacing
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.table import read_table, write_table
from napari_maskrcnn.formats.tiff import read_tiff, write_tiff
from napari_maskrcnn.jobs import run
from napari_maskrcnn.predict.kept import Choice, Kept
from napari_maskrcnn.predict.stored import kept_from_bytes, kept_to_bytes

if TYPE_CHECKING:
    import pandas as pd

LABELS = "labels"
PREDICTIONS = "predictions"
REGIONS = "regions"
#: Columns of the table that a person's work may change without a change of pixels.
SPOKEN = ("index", "class", "state")
_BACKGROUND: dict[str, Any] = {"index": 0, "class": "", "area": 0, "bbox": "", "state": ""}


@dataclass(frozen=True, eq=False)
class Stored:
    """Labels of an image with their table.

    Attributes
    ----------
    labels : (…, H, W) integers
        At least int32, so that there is room for new objects.
    table : pandas.DataFrame, optional
        Features, with the column ``index``.
    """

    labels: NDArray[Any]
    table: pd.DataFrame | None


def read_labels_of(project: Project, name: str, folder: str = LABELS) -> Stored | None:
    """Read the labels of an image; None when there are none yet.

    Raises
    ------
    ValueError
        A file is damaged or no label image; the message names it.
    """
    path = project.file(folder, name, ".tif")
    if not path.is_file():
        return None
    try:
        data = read_tiff(path)
    except Exception as error:
        # Decoders raise whatever they like on a broken file; people need the file's name.
        raise ValueError(
            f"{path} cannot be read as labels ({error}). Earlier copies are in "
            f"{project.root / 'history' / folder}."
        ) from error
    # Types of files hold just what is in them: there must be room for new objects.
    wide = np.int32 if data.labels.max() < np.iinfo(np.int32).max // 2 else np.int64
    labels = data.labels.astype(wide, copy=False)
    return Stored(labels, _read_table(path.with_suffix(".csv")))


def write_labels_of(
    project: Project,
    name: str,
    stored: Stored,
    scale: tuple[float, ...] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> bool:
    """Write the labels of an image, keeping a copy of what they replace.

    Nothing is written when they are as they were.

    Returns
    -------
    bool
        Whether there was something new.

    Raises
    ------
    WriteError
        The disk is full or read-only: what was there before is as it was.
    """
    try:
        before = read_labels_of(project, name)
    except ValueError:
        before = None  # damaged: it is kept in the history, and what is right takes its place
    if before is not None and same(before, stored):
        return False
    _write(project, LABELS, name, stored, scale, provenance)
    return True


def same(first: Stored, second: Stored) -> bool:
    """Whether two hold the same objects, of the same classes and in the same state."""
    if not np.array_equal(first.labels, second.labels):
        return False
    return _spoken(first.table) == _spoken(second.table)


def read_prediction(project: Project, name: str) -> tuple[Kept, Choice] | None:
    """Return every candidate of an image and what counted of them; None when it is not known."""
    path = project.file(PREDICTIONS, name, ".npz")
    try:
        return kept_from_bytes(path.read_bytes())
    except FileNotFoundError:
        return None
    except Exception:
        # Made by another version, or damaged: it can be made again.
        return None


def write_prediction(project: Project, name: str, kept: Kept, choice: Choice) -> None:
    """Write a prediction: labels and table for other programs, every candidate for us.

    Raises
    ------
    WriteError
        The disk is full or read-only.
    """
    path = project.file(PREDICTIONS, name, ".npz")
    # First the one that says which prediction it is goes: what stops in between is made again.
    if keep(project.root, path) is not None:
        path.unlink()
    chosen = kept.choose(choice)
    labels = stacked(chosen.labels)
    _write(project, PREDICTIONS, name, Stored(labels, chosen.table), None, None)
    with replacing(project.root, path) as part:
        part.write_bytes(kept_to_bytes(kept, choice))


def read_regions(project: Project, name: str) -> Any:
    """Return the finished regions of an image in the plain form of a layer's metadata; or None."""
    try:
        return json.loads(project.file(REGIONS, name, ".json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def write_regions(project: Project, name: str, regions: Any) -> None:
    """Write the finished regions of an image, if they are others than before.

    Raises
    ------
    WriteError
        The disk is full or read-only.
    """
    if (regions or None) == (read_regions(project, name) or None):
        return
    with replacing(project.root, project.file(REGIONS, name, ".json")) as part:
        part.write_text(json.dumps(regions, indent=1) + "\n", encoding="utf-8")


def certainty(kept: Kept, choice: Choice) -> float:
    """How certain a prediction is of its objects: a tenth of them have a lower score."""
    scores = kept.choose(choice).table["score"].to_numpy(float)
    scores = scores[np.isfinite(scores)]
    return float(np.quantile(scores, 0.1)) if len(scores) else 0.0


def count_objects(labels: NDArray[Any]) -> int:
    """Number of objects."""
    from napari_maskrcnn.annotate.present import ids_of

    return len(ids_of(labels))


def stacked(planes: Mapping[Any, NDArray[np.int32]]) -> NDArray[np.int32]:
    """Put the label images of all planes, (H, W) each, into one array by their index."""
    keys = list(planes)
    shape = list(planes[keys[0]].shape)
    for axis, at in enumerate(keys[0]):
        if at is not None:
            shape.insert(axis, 1 + max(key[axis] for key in keys))
    array = np.zeros(shape, np.int32)
    for key, labels in planes.items():
        array[tuple(slice(None) if at is None else at for at in key)] = labels
    return array


def _write(
    project: Project,
    folder: str,
    name: str,
    stored: Stored,
    scale: tuple[float, ...] | None,
    provenance: Mapping[str, Any] | None,
) -> None:
    path = project.file(folder, name, ".tif")
    table = path.with_suffix(".csv")
    data = LabelData.checked(
        stored.labels, table=stored.table, scale=scale, provenance=provenance, name=name
    )
    with replacing(project.root, path) as part:
        run(write_tiff(data, part))
        if stored.table is not None:
            # Together: labels whose table could not be written are not there either.
            with replacing(project.root, table) as beside:
                write_table(_known_rows(stored.table), beside)


def _known_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of objects; numbers are never used twice, so those of removed ones stay too."""
    return table[table["index"] > 0] if "index" in table else table


def _read_table(path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    try:
        table = read_table(path)
    except ValueError:
        return None  # the labels are worth more than what goes with them
    for column in ("state", "bbox"):
        if column in table:
            table[column] = table[column].fillna("").astype(object)
    # The background is no object to other programs, but here row i is label i.
    background = {name: _BACKGROUND.get(name, np.nan) for name in table.columns}
    table.loc[-1] = background
    return table.sort_index().reset_index(drop=True).astype({"index": np.int64})


def _spoken(table: pd.DataFrame | None) -> dict[int, tuple[str, str]]:
    if table is None or not set(SPOKEN) <= set(table.columns):
        return {}
    rows = table[table["index"] > 0]
    columns = (rows[name] for name in SPOKEN)
    return {
        int(i): (kind if isinstance(kind, str) else "", said if isinstance(said, str) else "")
        for i, kind, said in zip(*columns, strict=True)
    }
