"""What an export needs, taken from the layers when the button is pressed; and the job itself."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats import Format, export
from napari_maskrcnn.jobs import Job, Progress

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Labels


@dataclass
class ExportRequest:
    """One export.

    Parameters
    ----------
    name : str
        Name of the labels layer.
    labels : array of int
        A copy of its labels.
    path : Path
        The file to write.
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
    overwrite : bool
        Replace the file; only after asking.
    """

    name: str
    labels: NDArray[Any]
    path: Path
    format: Format
    image: Any = None
    image_source: Path | None = None
    table: pd.DataFrame | None = None
    scale: tuple[float, ...] | None = None
    source: Path | None = None
    overwrite: bool = False


def check_path(path: Path, format: Format) -> None:
    """Raise ValueError when `path` cannot be a file of `format`."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Name a file in it.")
    if not path.name.lower().endswith(format.suffixes):
        raise ValueError(
            f"{path.name} does not end like a file of the format {format.title}. Let it end in "
            f"{' or '.join(format.suffixes)}, or choose another format."
        )


def export_job(request: ExportRequest) -> Job[Path]:
    """Write the file; return its path."""
    yield Progress(0, 0, f"Writing {request.path.name}")
    return export(
        request.labels,
        request.path,
        image=None if request.image is None else np.asarray(request.image),
        table=request.table,
        format=request.format.name,
        overwrite=request.overwrite,
        scale=request.scale,
    )


def command(source: Path, request: ExportRequest) -> str:
    """Return the command line that exports the labels of a file as requested."""
    words = ["napari-maskrcnn", "export", str(source), "--output", str(request.path)]
    if request.image_source is not None:
        words += ["--image", str(request.image_source)]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def suggested_path(now: str, labels: Labels, image_source: str | None, format: Format) -> Path:
    """Return a file name for labels: beside the image, or where the last one was."""
    beside = now or image_source
    folder = Path(beside).parent if beside else Path.home()
    stem = labels.name.removesuffix(" instances").replace(" ", "_").replace("/", "_")
    return folder / f"{stem}_labels{format.suffixes[0]}"
