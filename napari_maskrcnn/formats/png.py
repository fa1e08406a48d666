"""Labels ↔ PNG: one picture of a whole plane, or a folder with a picture of every object.

A picture of an object is its mask inside its box; the standard's own *oFFs* chunk and the table
``objects.csv`` say where in the image the box is. Whole pictures of one object each would be as
many times larger as there are objects.
"""

from __future__ import annotations

import io
import json
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.limits import (
    MOST_OBJECTS,
    MOST_PROVENANCE_BYTES,
    check_bytes,
    check_shape,
    checked,
)
from napari_maskrcnn.formats.objects import Object, objects_of
from napari_maskrcnn.formats.table import known_rows
from napari_maskrcnn.jobs import Job, Progress

if TYPE_CHECKING:
    import pandas as pd
    from PIL.PngImagePlugin import PngImageFile

_OURS = "napari-maskrcnn"
_TABLE, _ABOUT = "objects.csv", "provenance.json"
_FOLDER = re.compile(r"plane(_\d+)+\Z")
_FILE = re.compile(r"(plane(_\d+)+/)?\d+\.png\Z")
_COLUMNS = ("label", "file", "x1", "y1", "x2", "y2", "class", "score")
#: Signature and first chunk of a PNG.
_HEADER_BYTES = 33
#: Objects between two steps of progress.
_STEP = 500


def write_png_labels(data: LabelData, path: Path) -> Job[None]:
    """Write a plane as one picture of 8 or 16 bits.

    Raises
    ------
    ValueError
        For a stack, or a label that 16 bits do not hold.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    yield Progress(0, 1, "Writing")
    labels = data.labels
    if labels.ndim != 2:
        raise ValueError(
            f"A PNG holds one plane, but the labels have the shape {labels.shape}. Export them as "
            "TIFF or OME-Zarr, or as a folder of PNGs with the format 'png'."
        )
    largest = int(labels.max())
    if largest > 2**16 - 1:
        raise ValueError(
            f"The largest label is {largest}, but a PNG holds at most {2**16 - 1}. Export as TIFF."
        )
    info = PngInfo()
    info.add_itxt(_OURS, json.dumps(_about(data)))
    picture = Image.fromarray(labels.astype(np.uint8 if largest < 256 else np.uint16))
    picture.save(path, format="png", pnginfo=info)


def read_png_labels(path: Path, shape: tuple[int, ...] | None = None) -> LabelData:
    """Read a picture of one channel; a palette's entries are labels, whatever their colours."""
    with _open(path) as picture:
        if len(picture.getbands()) > 1:
            raise ValueError("it is a colour picture; labels have one number a pixel")
        labels = np.array(picture)
        try:
            own = json.loads(picture.text[_OURS])
        except (KeyError, ValueError, RecursionError):
            own = None
    own = own if isinstance(own, dict) else {}
    return LabelData.from_file(labels, own.get("scale"), own.get("provenance"))


def write_png_folder(data: LabelData, path: Path) -> Job[None]:
    """Write a picture of every object, of stacks in a folder a plane, and a table of them."""
    import pandas as pd

    labels, classes, scores = known_rows(data)
    known = dict(zip(labels, zip(classes, scores, strict=True), strict=True))
    digits = len(str(max(labels, default=0)))
    rows: list[tuple[Any, ...]] = []
    for index in np.ndindex(data.labels.shape[:-2]):
        folder = f"plane_{'_'.join(map(str, index))}/" if index else ""
        for number, item in enumerate(objects_of(data.labels[index])):
            if number == 0 and folder:
                (path / folder).mkdir()
            if len(rows) % _STEP == 0:
                yield Progress(len(rows), max(len(rows), len(labels)), "Writing")
            file = f"{folder}{item.label:0{digits}}.png"
            _write_mask(item, path / file)
            height, width = item.mask.shape
            box = (item.x, item.y, item.x + width, item.y + height)
            rows.append((item.label, file, *box, *known[item.label]))
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    table.to_csv(path / _TABLE, index=False, lineterminator="\n", encoding="utf-8")
    about = {_OURS: {"shape": list(data.labels.shape), **_about(data)}}
    (path / _ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def read_png_folder(path: Path, shape: tuple[int, ...] | None = None) -> LabelData:
    """Read what `write_png_folder` wrote."""
    about = path / _ABOUT
    check_bytes(about, MOST_PROVENANCE_BYTES)
    own = json.loads(about.read_text(encoding="utf-8"))[_OURS]
    size = check_shape(own["shape"])
    table = _read_table(path / _TABLE)
    labels = np.zeros(size, np.min_scalar_type(int(table["label"].max())) if len(table) else "u1")
    for number, (label, file, x1, y1, x2, y2) in enumerate(table[[*_COLUMNS[:6]]].values.tolist()):
        index = _plane_index(file, labels.ndim - 2)
        mask = _read_mask(path, file)
        if mask.shape != (y2 - y1, x2 - x1) or min(x1, y1) < 0 or label < 1:
            raise ValueError(f"line {number + 2} of {_TABLE} and the size of {file} differ")
        place = labels[index][y1:y2, x1:x2]
        if place.shape != mask.shape:
            raise ValueError(f"{file} lies outside of the image of {size}")
        place[mask] = label
    known = table.drop_duplicates("label")[["label", "class", "score"]]
    return LabelData.from_file(
        labels,
        own.get("scale"),
        own.get("provenance"),
        known.rename(columns={"label": "index"}).reset_index(drop=True),
        own.get("axes"),
    )


def is_png_folder(path: Path) -> bool:
    """Whether a folder has the two files that every export has."""
    return path.is_dir() and (path / _TABLE).is_file() and (path / _ABOUT).is_file()


def owns_png_folder(path: Path) -> bool:
    """Whether a folder holds nothing but an export."""
    return is_png_folder(path) and all(
        name in (_TABLE, _ABOUT) or _FILE.match(name) for name in _names(path)
    )


def _names(path: Path) -> Iterator[str]:
    for entry in path.iterdir():
        if _FOLDER.match(entry.name) and entry.is_dir():
            yield from (f"{entry.name}/{inner.name}" for inner in entry.iterdir())
        else:
            yield entry.name


def _about(data: LabelData) -> dict[str, Any]:
    return {
        "scale": None if data.scale is None else list(data.scale),
        "axes": data.axes,
        "provenance": None if data.provenance is None else dict(data.provenance),
    }


def _write_mask(item: Object, path: Path) -> None:
    from PIL import Image

    file = io.BytesIO()
    # Pixels of a crop are few: packing them harder costs more than it saves.
    Image.fromarray(item.mask).save(file, format="png", compress_level=1)
    # Pillow leaves out chunks that it does not know.
    chunk = struct.pack(">4siiB", b"oFFs", item.x, item.y, 0)
    content = file.getvalue()
    header, rest = content[:_HEADER_BYTES], content[_HEADER_BYTES:]
    placed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(header + placed + rest)


def _read_table(path: Path) -> pd.DataFrame:
    import pandas as pd

    check_bytes(path)
    whole = dict.fromkeys(("label", "x1", "y1", "x2", "y2"), np.int64)
    table = pd.read_csv(
        path,
        dtype={**whole, "file": str, "class": str, "score": np.float64},
        keep_default_na=False,
        na_values={"score": [""]},
        nrows=MOST_OBJECTS + 1,
    )
    if len(table) > MOST_OBJECTS:
        raise ValueError(f"it has more than {MOST_OBJECTS:,} objects")
    return table[[*_COLUMNS]]


def _plane_index(file: str, axes: int) -> tuple[int, ...]:
    if not _FILE.match(file):
        raise ValueError(f"{_TABLE} names {file[:80]!r}, which is no picture of an object here")
    parts = file.split("/")[0].split("_")[1:] if "/" in file else []
    if len(parts) != axes:
        raise ValueError(f"{file[:80]} is not where a picture of {axes + 2} axes lies")
    return tuple(map(int, parts))


def _read_mask(folder: Path, file: str) -> NDArray[np.bool_]:
    path = folder / file
    if os.path.islink(path) or os.path.islink(path.parent):
        raise ValueError(f"{file} is a link; the pictures themselves are needed")
    with _open(path) as picture:
        if len(picture.getbands()) > 1:
            raise ValueError(f"{file} is a colour picture")
        return np.array(picture) > 0


def _open(path: Path) -> PngImageFile:
    from PIL.PngImagePlugin import PngImageFile

    return checked(PngImageFile(path))
