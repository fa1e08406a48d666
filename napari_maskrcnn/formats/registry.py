"""Which file is which format: the table of formats, and how one is chosen.

A format is one entry of `FORMATS`. Its functions import their libraries when they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_maskrcnn.formats.cellpose import is_cellpose, read_cellpose, write_cellpose
from napari_maskrcnn.formats.coco import write_coco, write_coco_polygons
from napari_maskrcnn.formats.coco_reader import is_coco, read_coco
from napari_maskrcnn.formats.geojson import (
    is_geojson,
    read_geojson,
    write_geojson,
    write_geojson_annotations,
)
from napari_maskrcnn.formats.imagej import write_imagej
from napari_maskrcnn.formats.imagej_reader import is_imagej, read_imagej
from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.ome_zarr import (
    is_ome_zarr,
    owns_ome_zarr,
    read_ome_zarr,
    write_ome_zarr,
)
from napari_maskrcnn.formats.png import (
    is_png_folder,
    owns_png_folder,
    read_png_folder,
    read_png_labels,
    write_png_folder,
    write_png_labels,
)
from napari_maskrcnn.formats.raster import read_array
from napari_maskrcnn.formats.table import write_csv
from napari_maskrcnn.formats.tiff import read_tiff, write_tiff
from napari_maskrcnn.formats.yolo import read_yolo, write_yolo
from napari_maskrcnn.jobs import Job

Writer = Callable[[LabelData, Path], Job[None]]
Reader = Callable[[Path, tuple[int, ...] | None], LabelData]
Sniffer = Callable[[Path], bool]


@dataclass(frozen=True)
class Format:
    """A kind of file, or of folder.

    Attributes
    ----------
    name : str
        How it is called in Python and on the command line.
    title : str
        How it is called in a window.
    suffixes : tuple of str
        Endings of its files, lower case, the usual one first. None for a folder of any name.
    write : callable, optional
        Job that writes to the given path: a file that does not exist yet, or an empty folder.
        It may be closed at any step; what it wrote by then is removed by the caller.
    read : callable, optional
        Reads a path. Gets the shape of the image where it is known, for files that do not store
        it. Raises anything when the file is not of its kind; the caller names the file.
    sniff : callable, optional
        Whether a path is of this kind, by a short look inside; never raises for a foreign file.
    also : tuple of str
        Further endings that its files have when other programs write them. Only for reading,
        and only after a look inside where another format owns the ending.
    folder : bool
        It is a folder.
    owns : callable, optional
        Whether an existing folder holds only what `write` writes, so that it may be replaced.
    beside : bool
        The file has no place for provenance, which goes into one beside it.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    write: Writer | None = None
    read: Reader | None = None
    sniff: Sniffer | None = None
    also: tuple[str, ...] = ()
    folder: bool = False
    owns: Sniffer | None = None
    beside: bool = False


FORMATS: tuple[Format, ...] = (
    Format("tiff", "TIFF label image", (".tif", ".tiff"), write_tiff, read_tiff),
    Format(
        "ome-zarr",
        "OME-Zarr label image",
        (".ome.zarr", ".zarr"),
        write_ome_zarr,
        read_ome_zarr,
        is_ome_zarr,
        folder=True,
        owns=owns_ome_zarr,
    ),
    Format("coco", "COCO, exact masks", (".json",), write_coco, read_coco, is_coco),
    Format("coco-polygons", "COCO, outlines", (".json",), write_coco_polygons, read_coco, is_coco),
    Format("imagej", "ImageJ ROIs", (".zip",), write_imagej, read_imagej, is_imagej, (".roi",)),
    Format(
        "geojson",
        "GeoJSON for QuPath, detections",
        (".geojson",),
        write_geojson,
        read_geojson,
        is_geojson,
        (".json",),
    ),
    Format(
        "geojson-annotations",
        "GeoJSON for QuPath, annotations",
        (".geojson",),
        write_geojson_annotations,
        read_geojson,
        is_geojson,
        (".json",),
    ),
    Format("yolo", "YOLO segmentation", (".txt",), write_yolo, read_yolo, beside=True),
    Format("csv", "CSV table of measurements", (".csv",), write_csv, beside=True),
    Format(
        "png",
        "folder with a PNG of each object",
        (),
        write_png_folder,
        read_png_folder,
        is_png_folder,
        folder=True,
        owns=owns_png_folder,
    ),
    Format("png-labels", "PNG label image", (".png",), write_png_labels, read_png_labels),
    Format(
        "cellpose",
        "Cellpose segmentation",
        ("_seg.npy",),
        write_cellpose,
        read_cellpose,
        is_cellpose,
    ),
    Format("npy", "numpy array", (".npy",), read=read_array),
)


def writable() -> list[Format]:
    """Return the formats that labels can be exported to."""
    return [entry for entry in FORMATS if entry.write is not None]


def readable() -> list[Format]:
    """Return the formats that labels can be read from."""
    return [entry for entry in FORMATS if entry.read is not None]


def find_format(path: Path, name: str | None, among: Sequence[Format]) -> Format:
    """Return the format with this name or suffix, or else the one of the path's suffix.

    Of several suffixes that fit, the longest counts: ``x_seg.npy`` is no plain ``.npy``.

    Raises
    ------
    ValueError
        Listing the formats.
    """
    if name is not None:
        wanted = name.lower()
        named = [
            entry
            for entry in among
            if wanted == entry.name or f".{wanted.removeprefix('.')}" in entry.suffixes
        ]
        # "png" is a folder of objects, but x.png can only be one picture.
        fitting = [entry for entry in named if _match(path, entry.suffixes)]
        if not named:
            raise ValueError(f"There is no format {name!r}. Choose one of: {_listed(among)}.")
        return (fitting or named)[0]
    fitting = sorted(
        (entry for entry in among if _match(path, entry.suffixes)),
        key=lambda entry: -_match(path, entry.suffixes),
    )
    if fitting:
        return fitting[0]
    received = f"the ending {path.suffix!r}" if path.suffix else "no ending"
    raise ValueError(
        f"{path} has {received}, which is no format here. Choose one of: {_listed(among)}."
    )


def check_ending(path: Path, format: Format) -> None:
    """Raise ValueError when files of `format` do not end like `path`: nothing would read it."""
    if format.suffixes and not _match(path, format.suffixes):
        raise ValueError(
            f"{path.name} does not end like a file of the format {format.title}. Let it end in "
            f"{' or '.join(format.suffixes)}, or choose another format."
        )


def find_reader(path: Path, name: str | None = None) -> Format:
    """Return the format that reads an existing file or folder, after a look inside.

    Raises
    ------
    ValueError
        Listing the formats.
    """
    if name is not None:
        return find_format(path, name, readable())
    candidates = [
        entry
        for entry in sorted(readable(), key=lambda entry: -_match(path, entry.suffixes))
        if entry.folder == path.is_dir()
        and (_match(path, entry.suffixes + entry.also) or entry.folder)
    ]
    for entry in candidates:
        if entry.sniff is not None and entry.sniff(path):
            return entry
    if path.is_dir():
        folders = [entry.title for entry in readable() if entry.folder]
        raise ValueError(f"{path} is a folder that is no {' and no '.join(folders or ['format'])}.")
    # Without a look that settles it, the ending counts; the reader then says what is wrong.
    if candidates and not any(_match(path, entry.suffixes) for entry in candidates):
        return candidates[0]
    return find_format(path, None, readable())


def _match(path: Path, suffixes: tuple[str, ...]) -> int:
    """Length of the longest suffix that the name ends with; 0 without one."""
    name = path.name.lower()
    return max((len(suffix) for suffix in suffixes if name.endswith(suffix)), default=0)


def _listed(formats: Sequence[Format]) -> str:
    return ", ".join(
        f"{entry.name} ({', '.join(entry.suffixes) or 'a folder'})" for entry in formats
    )
