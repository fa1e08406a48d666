"""Reading JSON that may be broken or hostile: bounded in size, depth and memory."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from numbers import Real
from pathlib import Path
from typing import Any

from napari_maskrcnn.formats.limits import check_bytes

#: Most bytes of a file, and most lists, mappings and values in it: Python needs up to 70 bytes for
#: each. 100,000 polygons have 20 million.
MOST_BYTES = 2**29
MOST_VALUES = 2**26
_PART = 2**24


def load_json(path: Path, pack: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """Parse a JSON file.

    Parameters
    ----------
    path : Path
        The file, in UTF-8.
    pack : callable, optional
        Gets every mapping as soon as it is read, and returns what takes its place. Coordinates
        that become arrays at once need a tenth of the memory of lists.

    Raises
    ------
    ValueError
        It is broken, nested absurdly deep, or so large that its values fill the memory.
    """
    check_bytes(path, MOST_BYTES)
    values = 0
    with path.open("rb") as file:
        while part := file.read(_PART):
            values += part.count(b",") + part.count(b"[") + part.count(b"{")
            if values > MOST_VALUES:
                raise ValueError(f"it has more than {MOST_VALUES:,} values")
    text = path.read_bytes()
    try:
        return json.loads(text, object_hook=pack)
    except RecursionError:
        raise ValueError("its lists or mappings are nested too deep") from None


def begins_with(path: Path, *words: bytes) -> bool:
    """Whether the first 64 KB of a JSON file contain one of the words; never raises."""
    try:
        with path.open("rb") as file:
            head = file.read(2**16)
    except OSError:
        return False
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and any(
        word in head for word in words
    )


def whole(value: Any) -> int | None:
    """Return a value as an int when it is a whole number (2, 2.0), else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, int) or value.is_integer() else None


def number(value: Any) -> float:
    """Return a value as a float, NaN when it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value) if math.isfinite(value) else math.nan
    except OverflowError:
        return math.nan


def text(value: Any) -> str:
    """Return a value that is text, else an empty one."""
    return value if isinstance(value, str) else ""


def sizes(value: Any) -> tuple[int, ...] | None:
    """Return a list of whole numbers, as a shape is, else None."""
    if not isinstance(value, list) or not 2 <= len(value) <= 16:
        return None
    found = [whole(size) for size in value]
    return tuple(size for size in found if size is not None) if None not in found else None
