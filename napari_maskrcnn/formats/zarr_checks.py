"""What a foreign zarr folder may ask for: nothing outside of it, no code, no absurd sizes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from napari_maskrcnn.formats.limits import check_bytes, check_shape

_MOST_JSON_BYTES = 2**30
#: Most pixels of one chunk: it is unpacked whole.
_MOST_CHUNK = 2**28
#: Ways to store numbers that are only arithmetic; pickle is a way to store numbers, too.
_CODECS = {
    *("blosc", "bz2", "crc32", "crc32c", "delta", "gzip", "lz4", "lzma", "shuffle", "zlib", "zstd"),
    *("bytes", "transpose", "sharding_indexed", "adler32", "fletcher32", "bitround", "packbits"),
}


def check_links(folder: Path) -> None:
    """Raise ValueError when anything in a folder is a link to a place outside of it."""
    root = Path(os.path.realpath(folder))
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                raise ValueError(f"{path.relative_to(folder)} is a link to a place outside of it")


def inside(folder: Path, name: object) -> Path:
    """Return the path of a part of a folder, by the name that its metadata give.

    Raises
    ------
    ValueError
        The name is no text or leads out of the folder.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts if isinstance(name, str) else ()
    if not parts or ".." in parts or parts[0] == "/" or ":" in parts[0]:
        raise ValueError(f"it names {str(name)[:80]!r} as a part of itself")
    return folder.joinpath(*parts)


def read_attributes(folder: Path) -> dict[str, Any]:
    """Return the attributes of a group: of zarr format 2, or of 3 where OME-Zarr 0.5 has them.

    Empty where there is no group.

    Raises
    ------
    ValueError
        They are damaged or too large.
    """
    if (folder / ".zattrs").is_file():
        return _read_json(folder / ".zattrs")
    if (folder / "zarr.json").is_file():
        attributes = _read_json(folder / "zarr.json").get("attributes")
        attributes = attributes if isinstance(attributes, dict) else {}
        ome = attributes.get("ome")
        return attributes | (ome if isinstance(ome, dict) else {})
    return {}


def check_array(folder: Path, whole: bool = True) -> None:
    """Raise ValueError when an array is stored in a way that is not plain, or is too large.

    `whole`: it is to be read whole; otherwise its size does not matter.
    """
    if (folder / ".zarray").is_file():
        described = _read_json(folder / ".zarray")
        codecs = [described.get("compressor"), described.get("filters")]
        chunks = described["chunks"]
    else:
        described = _read_json(folder / "zarr.json")
        codecs = [described.get("codecs")]
        chunks = described["chunk_grid"]["configuration"]["chunk_shape"]
    if whole:
        check_shape(described["shape"])
    if not all(isinstance(side, int) and side > 0 for side in chunks):
        raise ValueError(f"its chunks have the shape {str(chunks)[:80]}")
    if math.prod(chunks) > _MOST_CHUNK:
        raise ValueError(f"its chunks have more than {_MOST_CHUNK:,} pixels")
    for name in _names(codecs):
        if name.removeprefix("numcodecs.") not in _CODECS:
            raise ValueError(f"its pixels are stored with {name[:40]!r}, which is not read")


def _names(codecs: Any) -> Iterator[str]:
    """Yield the names of codecs, also of those inside of others."""
    if isinstance(codecs, list):
        for codec in codecs:
            yield from _names(codec)
    elif isinstance(codecs, dict):
        yield str(codecs.get("id", codecs.get("name")))
        inner = codecs.get("configuration")
        if isinstance(inner, dict):
            yield from _names([inner.get("codecs"), inner.get("index_codecs")])


def _read_json(path: Path) -> dict[str, Any]:
    check_bytes(path, _MOST_JSON_BYTES)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} is no mapping")
    return content
