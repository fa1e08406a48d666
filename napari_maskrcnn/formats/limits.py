"""How much a file may ask for: what a hostile one says of its size is not believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = TypeVar("Picture", bound="Image")
#: Most pixels that labels read from a file may have; a plane of 46,340 × 46,340.
MOST_PIXELS = 2**31
#: Most objects that a file may hold.
MOST_OBJECTS = 10_000_000
#: Most bytes of a text file (JSON, YOLO) that is parsed in memory.
MOST_TEXT_BYTES = 2**31

#: Most bytes of what a file says about where its labels come from.
MOST_PROVENANCE_BYTES = 2**24


def check_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a label image that a file asks for, or say what is wrong with it.

    Raises
    ------
    ValueError
        It has fewer than two axes, no pixels, or too many.
    """
    if len(shape) < 2 or not all(isinstance(size, int) and size > 0 for size in shape):
        raise ValueError(f"it says that its image has the shape {_short(shape)}")
    pixels = math.prod(shape)
    if pixels > MOST_PIXELS:
        raise ValueError(
            f"it says that its image has {_short(shape)} pixels; more than {MOST_PIXELS:,} "
            "are not read"
        )
    return tuple(shape)


def checked(picture: Picture) -> Picture:
    """Return a picture that Pillow opened, unread, or close it and say what is wrong with its size.

    Pillow's own limit is below the size of many microscopes' pictures.
    """
    try:
        check_shape(picture.size[::-1])
    except ValueError:
        picture.close()
        raise
    return picture


def check_bytes(path: Path, most: int = MOST_TEXT_BYTES) -> None:
    """Raise ValueError when a file is larger than what is parsed in memory."""
    size = path.stat().st_size
    if size > most:
        raise ValueError(f"it has {size:,} bytes; more than {most:,} are not read")


def _short(shape: Sequence[int]) -> str:
    text = " × ".join(str(size)[:24] for size in shape[:6])
    return text + (" × …" if len(shape) > 6 else "")
