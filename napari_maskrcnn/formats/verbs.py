"""The verbs: export labels to a file, read labels from one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_maskrcnn.formats.atomic import atomic_folder, atomic_paths
from napari_maskrcnn.formats.json_file import sizes
from napari_maskrcnn.formats.label_data import LabelData, check_labels, is_whole
from napari_maskrcnn.formats.limits import MOST_PROVENANCE_BYTES, check_bytes
from napari_maskrcnn.formats.provenance import provenance as origin
from napari_maskrcnn.formats.registry import Format, find_format, find_reader, writable
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Job, Progress, run

if TYPE_CHECKING:
    import pandas as pd


class ExportCancelled(Exception):
    """An export was told to stop: nothing was written, and a file that was there is as it was."""


def export_job(
    labels: ArrayLike | Instances,
    path: str | Path,
    image: ArrayLike | None = None,
    table: pd.DataFrame | None = None,
    format: str | None = None,
    overwrite: bool = False,
    scale: Sequence[float] | None = None,
    provenance: Mapping[str, Any] | None = None,
    name: str | None = None,
    stop: threading.Event | None = None,
    axes: str | None = None,
) -> Job[Path]:
    """Job that writes labels to a file; see :func:`export` for the arguments and the result.

    Closing the job, like `stop`, leaves nothing behind.

    Raises
    ------
    ExportCancelled
        After `stop` was set.
    """
    path = Path(path)
    chosen = find_format(path, format, writable())
    if isinstance(labels, Instances):
        table = labels.to_table() if table is None else table
        labels = labels.to_labels()
    # A record beside a file is made for who asks; one that is there must not outlive its file.
    stale = chosen.beside and overwrite and provenance_path(path).exists()
    if provenance is None and (stale or not chosen.beside):
        provenance = origin()
    data = LabelData.checked(labels, image, table, scale, provenance, name, axes)
    yield Progress(0, 0, f"Writing {path.name}")
    with ExitStack() as stack:
        beside: list[Path] = []
        if chosen.folder:
            assert chosen.owns is not None
            part = stack.enter_context(atomic_folder(path, overwrite, chosen.owns))
        else:
            recorded = chosen.beside and data.provenance is not None
            places = [path, provenance_path(path)] if recorded else [path]
            part, *beside = stack.enter_context(atomic_paths(places, overwrite))
        assert chosen.write is not None
        steps = stack.enter_context(closing(chosen.write(data, part)))
        for step in steps:
            if stop is not None and stop.is_set():
                raise ExportCancelled(f"Cancelled; {path.name} was not written.")
            yield step
        for record in beside:
            text = json.dumps(_record(chosen, data), indent=2) + "\n"
            record.write_text(text, encoding="utf-8")
    return path


def export(
    labels: ArrayLike | Instances,
    path: str | Path,
    image: ArrayLike | None = None,
    table: pd.DataFrame | None = None,
    format: str | None = None,
    overwrite: bool = False,
    scale: Sequence[float] | None = None,
    provenance: Mapping[str, Any] | None = None,
    name: str | None = None,
    progress: Callable[[Progress], object] | None = None,
    stop: threading.Event | None = None,
    axes: str | None = None,
) -> Path:
    """Write labels to a file that other tools read.

    Parameters
    ----------
    labels : (H, W) or (…, H, W) integers, or Instances
        0 is the background; instances bring their own table.
    path : str or Path
        The file or folder; its suffix chooses the format.
    image : array of the labels' shape, optionally with channels last
        Adds intensities to tables.
    table : DataFrame, optional
        Class and score of the objects, found by the column ``index``.
    format : str, optional
        Name or suffix of the format, when the path's suffix should not choose it.
    overwrite : bool
        Replace an existing file, or an existing folder of the same format.
    scale : one float an axis of the labels, optional
        Size of a pixel in micrometres, kept where the format has a place for it.
    provenance : mapping, optional
        Where the labels come from, in values that JSON knows; kept in the file, or beside it
        where it has no place for them. Without it a file says with which versions and when it was
        written.
    name : str, optional
        Name of the image, for formats that refer to it.
    progress : callable, optional
        Called with each `Progress`.
    stop : threading.Event, optional
        Ends the export at its next step.
    axes : str, optional
        One letter an axis of the labels, such as ``TYX`` for a series, which TIFF and OME-Zarr
        keep; without it three axes are a stack of slices, four a series of stacks.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        For an unknown suffix or format, or labels, image or table that do not fit.
    FileExistsError
        The file exists and ``overwrite`` is false.
    WriteError
        The disk is full, or the folder is missing or read-only. Nothing is left behind, and a
        file that was there stays as it was.
    ExportCancelled
        After `stop` was set; likewise.
    """
    about = (image, table, format, overwrite, scale, provenance, name)
    return run(export_job(labels, path, *about, stop, axes), progress)


def read_file(
    path: str | Path, format: str | None = None, shape: tuple[int, ...] | None = None
) -> LabelData:
    """Read labels with all that their file knows about them.

    Parameters
    ----------
    path : str or Path
        A file or folder of any format that can be read back.
    format : str, optional
        Name or suffix of the format; else the suffix and a look inside decide.
    shape : tuple of int, optional
        Shape of the labels, for files that do not store it, as (H, W) or (…, H, W). Without it
        those give the smallest image that holds their objects.

    Returns
    -------
    LabelData
        ``labels`` in the file's own type (whole numbers stored as floats become int32);
        ``table`` with ``index, class, score``, ``scale`` and ``provenance`` where the file has
        them, else None.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        For an unknown suffix, a damaged or hostile file, or one that holds no labels.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    chosen = find_reader(path, format)
    assert chosen.read is not None
    record = (read_provenance(path) if chosen.beside else None) or {}
    own = record.pop("labels", None)
    if shape is None and isinstance(own, dict):
        shape = sizes(own.get("shape"))
    try:
        data = chosen.read(path, shape)
    except MemoryError:
        raise
    except Exception as error:
        # What a parser raises for a damaged file is anything from KeyError to zlib.error.
        text = str(error) or type(error).__name__
        raise ValueError(
            f"{path} cannot be read as {chosen.title}: {text}. If another program opens it, "
            "save it from there again."
        ) from error
    if chosen.beside and data.provenance is None:
        data = replace(data, provenance=record or None)
    try:
        return replace(data, labels=_integers(data.labels))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_labels(
    path: str | Path, format: str | None = None, shape: tuple[int, ...] | None = None
) -> NDArray[Any]:
    """Read a label image from any format that :func:`export` writes, except tables.

    Parameters and errors are those of :func:`read_file`.

    Returns
    -------
    (H, W) or (…, H, W) integers
        In the file's own type. Whole numbers stored as floats become int32.
    """
    return read_file(path, format, shape).labels


def provenance_path(path: Path) -> Path:
    """Return the file beside an export that says where its labels come from."""
    return path.with_name(f"{path.name}.provenance.json")


def read_provenance(path: Path) -> dict[str, Any] | None:
    """Return what lies beside a file about where its labels come from; None without it."""
    try:
        check_bytes(provenance_path(path), MOST_PROVENANCE_BYTES)
        said = json.loads(provenance_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _record(chosen: Format, data: LabelData) -> dict[str, Any]:
    """Return what is said beside a file: the provenance, and the size that it cannot say itself."""
    record = dict(data.provenance or {})
    return record | ({"labels": {"shape": list(data.labels.shape)}} if chosen.read else {})


def _integers(labels: NDArray[Any]) -> NDArray[Any]:
    if labels.dtype.kind == "f" and is_whole(labels) and abs(labels).max(initial=0) < 2**31:
        labels = labels.astype(np.int32)
    return check_labels(labels)
