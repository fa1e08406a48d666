"""Which file suffix is which format, and the two verbs: export labels, read labels.

A format is one entry of `FORMATS`. Its functions import their libraries when they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_maskrcnn.formats.atomic import atomic_path
from napari_maskrcnn.formats.label_data import LabelData, check_labels, is_whole
from napari_maskrcnn.formats.raster import read_array, read_pages
from napari_maskrcnn.formats.table import write_csv
from napari_maskrcnn.formats.tiff import read_tiff, write_tiff
from napari_maskrcnn.instances import Instances

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes
    ----------
    name : str
        How it is called in Python and on the command line.
    title : str
        How it is called in a window.
    suffixes : tuple of str
        Endings of its files, lower case, the usual one first.
    write : callable, optional
        Writes to a path that does not exist yet.
    read : callable, optional
        Reads labels; raises anything when the file is not of its kind.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    write: Callable[[LabelData, Path], None] | None = None
    read: Callable[[Path], NDArray[Any]] | None = None


FORMATS: tuple[Format, ...] = (
    Format("tiff", "TIFF label image", (".tif", ".tiff"), write_tiff, read_tiff),
    Format("csv", "CSV table of measurements", (".csv",), write=write_csv),
    Format("png", "PNG label image", (".png",), read=read_pages),
    Format("npy", "numpy array", (".npy",), read=read_array),
)


def export(
    labels: ArrayLike | Instances,
    path: str | Path,
    image: ArrayLike | None = None,
    table: pd.DataFrame | None = None,
    format: str | None = None,
    overwrite: bool = False,
    scale: Sequence[float] | None = None,
) -> Path:
    """Write labels to a file that other tools read.

    Parameters
    ----------
    labels : (H, W) or (…, H, W) integers, or Instances
        0 is the background; instances bring their own table.
    path : str or Path
        The file; its suffix chooses the format (``.tif``, ``.csv``).
    image : array of the labels' shape, optionally with channels last
        Adds intensities to tables.
    table : DataFrame, optional
        Class and score of the objects, found by the column ``index``.
    format : str, optional
        Name or suffix of the format, when the path's suffix should not choose it.
    overwrite : bool
        Replace an existing file.
    scale : one float an axis of the labels, optional
        Size of a pixel in micrometres, kept in TIFF files.

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
    """
    path = Path(path)
    chosen = find_format(path, format, [entry for entry in FORMATS if entry.write])
    if isinstance(labels, Instances):
        table = labels.to_table() if table is None else table
        labels = labels.to_labels()
    data = LabelData.checked(labels, image, table, scale)
    assert chosen.write is not None
    with atomic_path(path, overwrite) as part:
        chosen.write(data, part)
    return path


def read_labels(path: str | Path) -> NDArray[Any]:
    """Read a label image: TIFF, PNG or .npy.

    Returns
    -------
    (H, W) or (…, H, W) integers
        In the file's own type. Whole numbers stored as floats become int32.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        For an unknown suffix, a damaged file, or one that holds no labels.
    """
    path = Path(path)
    chosen = find_format(path, None, [entry for entry in FORMATS if entry.read])
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    assert chosen.read is not None
    try:
        labels = chosen.read(path)
    except MemoryError:
        raise
    except Exception as error:
        # What a parser raises for a damaged file is anything from KeyError to zlib.error.
        raise ValueError(
            f"{path} cannot be read as a {chosen.title}: {error}. If another program opens it, "
            "save it from there as TIFF again."
        ) from error
    try:
        if labels.dtype.kind == "f" and is_whole(labels) and abs(labels).max(initial=0) < 2**31:
            labels = labels.astype(np.int32)
        return check_labels(labels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def find_format(path: Path, name: str | None, among: Sequence[Format]) -> Format:
    """Return the format with this name or suffix, or else the one of the path's suffix.

    Raises
    ------
    ValueError
        Listing the formats.
    """
    listed = ", ".join(f"{entry.name} ({', '.join(entry.suffixes)})" for entry in among)
    if name is not None:
        wanted = name.lower()
        for entry in among:
            if wanted == entry.name or f".{wanted.removeprefix('.')}" in entry.suffixes:
                return entry
        raise ValueError(f"There is no format {name!r}. Choose one of: {listed}.")
    for entry in among:
        if path.name.lower().endswith(entry.suffixes):
            return entry
    received = f"the ending {path.suffix!r}" if path.suffix else "no ending"
    raise ValueError(f"{path} has {received}, which is no format here. Choose one of: {listed}.")
