"""Labels ↔ Cellpose's ``_seg.npy``: what its window opens and its training learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.limits import check_shape
from napari_maskrcnn.formats.objects import present_labels
from napari_maskrcnn.formats.raster import read_array, read_header
from napari_maskrcnn.formats.table import known_rows, table_from_columns
from napari_maskrcnn.formats.tiff import smallest_type
from napari_maskrcnn.formats.unpickle import load_plain
from napari_maskrcnn.jobs import Job, Progress

_OURS = "napari-maskrcnn"


def write_cellpose(data: LabelData, path: Path) -> Job[None]:
    """Write the mapping that Cellpose saves, with masks and outlines in 16 or 32 bits.

    It finds the image by its name, beside the file; the image itself goes in where it has no name.
    Of pixel size, table and provenance Cellpose knows nothing: they have a key of their own.
    """
    yield Progress(0, 2, "Drawing outlines")
    masks = smallest_type(data.labels, "Cellpose's file")
    # From 65,535 on Cellpose itself takes 32 bits.
    masks = masks.astype(np.uint16 if masks.max() < 2**16 - 1 else np.uint32, copy=False)
    content: dict[str, Any] = {
        "masks": masks,
        "outlines": np.where(_is_outline(masks), masks, 0).astype(masks.dtype),
        "chan_choose": [0, 0],
        "ismanual": np.zeros(len(present_labels(masks)), bool),
        "filename": data.name or "",
        # As Cellpose's window has them before it has predicted anything.
        "flows": [[], [], [], [], [[]]],
        _OURS: _own(data),
    }
    if data.image is not None and not data.name and data.labels.ndim == 2:
        content["img"] = data.image
    yield Progress(1, 2, "Writing")
    with path.open("wb") as file:
        np.save(file, np.array(content, dtype=object), allow_pickle=True)


def read_cellpose(path: Path, shape: tuple[int, ...] | None = None) -> LabelData:
    """Read the masks of a ``_seg.npy``, or a plain array; nothing in it can run."""
    with path.open("rb") as file:
        _, dtype = read_header(file)
        if dtype.kind != "O":
            return read_array(path, shape)
        content = load_plain(file)
    masks = content.get("masks") if isinstance(content, dict) else None
    if not isinstance(masks, np.ndarray) or masks.dtype.kind not in "iu":
        raise ValueError("it has no array of whole numbers called 'masks'")
    check_shape(masks.shape)
    # Before version 0.1 the background was -1. A copy, as what was read cannot be painted on.
    masks = masks + 1 if masks.min() == -1 else np.array(masks)
    own = content.get(_OURS)
    own = own if isinstance(own, dict) else {}
    return LabelData.from_file(
        masks.astype(masks.dtype.newbyteorder("="), copy=False),
        scale=own.get("scale"),
        provenance=own.get("provenance"),
        table=table_from_columns(own.get("table")),
        axes=own.get("axes"),
    )


def is_cellpose(path: Path) -> bool:
    """Whether numpy saved objects in a file, as Cellpose has it do; only the header is read."""
    try:
        with path.open("rb") as file:
            return read_header(file)[1].kind == "O"
    except (OSError, ValueError):
        return False


def _own(data: LabelData) -> dict[str, Any]:
    own: dict[str, Any] = {
        "scale": None if data.scale is None else list(data.scale),
        "axes": data.axes,
        "provenance": None if data.provenance is None else dict(data.provenance),
    }
    if data.table is not None:
        labels, classes, scores = known_rows(data)
        own["table"] = {"index": labels, "class": classes, "score": scores}
    return own


def _is_outline(masks: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels of objects with a pixel of something else at one of the four sides, or at the edge."""
    outline = np.ones(masks.shape, bool)
    middle = masks[..., 1:-1, 1:-1]
    inner = (middle != masks[..., :-2, 1:-1]) | (middle != masks[..., 2:, 1:-1])
    inner |= (middle != masks[..., 1:-1, :-2]) | (middle != masks[..., 1:-1, 2:])
    outline[..., 1:-1, 1:-1] = inner
    return outline & (masks > 0)
