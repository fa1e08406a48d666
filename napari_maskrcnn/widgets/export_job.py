"""What an export needs, taken from the layers when the button is pressed; and the job itself."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_maskrcnn.formats import ExportCancelled, Format
from napari_maskrcnn.formats import export_job as file_job
from napari_maskrcnn.formats.registry import check_ending
from napari_maskrcnn.formats.verbs import provenance_path
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.widgets.origin import Origin

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Labels

#: Formats whose files the next tool finds by the name of the image.
NAMED_AS_IMAGE = ("cellpose", "yolo")


@dataclass
class ExportRequest:
    """One export.

    Parameters
    ----------
    name : str
        Name of the labels layer.
    labels : array of int
        A copy of its labels; lazy ones as they are, for the job to read.
    path : Path
        The file or folder to write.
    format : Format
        Kind of file.
    image : array, optional
        The image below, where its shape fits.
    image_source, source : Path, optional
        Files that the image and the labels were opened from.
    table : pandas.DataFrame, optional
        Features of the labels, by the column ``index``.
    scale : tuple of float, optional
        Micrometres a pixel along every axis.
    origin : Origin
        Where the labels come from.
    axes : str, optional
        Letters of the axes, where the layer says that one is time.
    overwrite : bool
        Replace the file; only after asking.
    """

    name: str
    labels: Any
    path: Path
    format: Format
    image: Any = None
    image_source: Path | None = None
    table: pd.DataFrame | None = None
    scale: tuple[float, ...] | None = None
    source: Path | None = None
    origin: Origin = field(default_factory=Origin)
    axes: str | None = None
    overwrite: bool = False


def check_path(path: Path, format: Format) -> None:
    """Raise ValueError when `path` cannot be a file, or a folder, of `format`."""
    if format.folder:
        owns = format.owns
        if path.is_file():
            raise ValueError(f"{path} is a file. Name a folder that is not there yet.")
        if path.is_dir() and owns is not None and any(path.iterdir()) and not owns(path):
            raise ValueError(
                f"{path} is a folder that holds something else. Name a folder that is not there "
                "yet."
            )
    elif path.is_dir():
        raise ValueError(f"{path} is a folder. Name a file in it.")
    check_ending(path, format)


def in_the_way(path: Path, format: Format) -> Path | None:
    """Return what an export to `path` would replace."""
    beside = [provenance_path(path)] if format.beside else []
    return next((place for place in (path, *beside) if place.exists()), None)


def export_job(request: ExportRequest, stop: threading.Event) -> Job[Path | None]:
    """Write the file; return its path, or None when it was cancelled: then nothing is written."""
    yield Progress(0, 0, "Looking where the labels come from")
    labels = np.asarray(request.labels)
    said = request.origin.provenance(labels)
    # Where it cannot be made, the export says so with a remedy.
    with suppress(OSError):
        request.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return (
            yield from file_job(
                labels,
                request.path,
                image=None if request.image is None else np.asarray(request.image),
                table=request.table,
                format=request.format.name,
                overwrite=request.overwrite,
                scale=request.scale,
                provenance=said,
                name=request.origin.image_name,
                stop=stop,
                axes=request.axes,
            )
        )
    except ExportCancelled:
        return None


def suggested_path(folder: Path, labels: Labels, image_file: str | None, format: Format) -> Path:
    """Return a file name in a folder, of the labels or, where the next tool wants it, the image."""
    ending = format.suffixes[0] if format.suffixes else ""
    stem = labels.name.removesuffix(" instances").replace(" ", "_").replace("/", "_")
    if format.name in NAMED_AS_IMAGE:
        return folder / f"{Path(image_file).stem if image_file else stem}{ending}"
    return folder / f"{stem}_labels{ending}"
