"""Labels from plain arrays and pages of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.limits import check_shape


def read_pages(path: Path) -> NDArray[Any]:
    """Read all pages of a picture with Pillow, (H, W) or (pages, H, W).

    A palette's entries are labels: the numbers are kept, not their colours.

    Raises
    ------
    ValueError
        For a colour picture.
    """
    from PIL import Image, ImageSequence

    with Image.open(path) as picture:
        if len(picture.getbands()) > 1:
            raise ValueError("it is a colour picture; labels have one number a pixel")
        pages = [np.array(page) for page in ImageSequence.Iterator(picture)]
    return pages[0] if len(pages) == 1 else np.stack(pages)


def read_array(path: Path, shape: tuple[int, ...] | None = None) -> LabelData:
    """Read an array that numpy saved; pickled objects, which could run code, are refused."""
    with path.open("rb") as file:
        saved_shape, dtype = read_header(file)
        if dtype.kind != "O":
            check_shape(saved_shape)
        file.seek(0)
        return LabelData(np.load(file, allow_pickle=False))


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array that numpy saved; the file is then at its values."""
    major, _ = np.lib.format.read_magic(file)
    read: Any = np.lib.format.read_array_header_1_0
    if major > 1:
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype
