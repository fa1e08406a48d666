"""What a stroke of a tool meant: the plane, the objects, and the part of the labels around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate import edits
from napari_maskrcnn.annotate.picking import object_at
from napari_maskrcnn.annotate.polygon import objects_inside
from napari_maskrcnn.widgets.layers import PlaneIndex, as_slices
from napari_maskrcnn.widgets.ledger import Ledger
from napari_maskrcnn.widgets.tools import Stroke

if TYPE_CHECKING:
    from napari.layers import Labels

#: Pixels around an object that tools look at: more than any of them widens it by.
AROUND = 8


def shown(stroke: Stroke) -> NDArray[np.integer]:
    """Labels of the plane that was struck, (H, W)."""
    return np.asarray(stroke.layer.data[as_slices(stroke.plane)])


def clicked(stroke: Stroke) -> int:
    """Object under a click; 0 for the background."""
    return object_at(shown(stroke), stroke.points[0])


def chosen(stroke: Stroke, ledger: Ledger) -> list[int]:
    """Return the clicked object, or those inside the outline.

    Raises
    ------
    ValueError
        When there is none.
    """
    if stroke.clicked:
        found = clicked(stroke)
        ids = [found] if found else []
    else:
        where = ledger.window if _is_flat(stroke.plane) else None
        ids = objects_inside(shown(stroke), stroke.points, where)
    if not ids:
        raise ValueError("There is no object here. Click on one, or draw around several.")
    return ids


def _is_flat(plane: PlaneIndex) -> bool:
    """Whether a plane consists of the last two axes, whose rows and columns the table knows."""
    return plane[-2:] == (None, None)


def near(stroke: Stroke, ledger: Ledger, ids: Sequence[int]) -> tuple[int | slice, ...]:
    """Return the plane of a stroke, but only where objects lie in it, and a little around them."""
    window = ledger.window(ids)
    if window is None or not _is_flat(stroke.plane):
        return as_slices(stroke.plane)
    around = (slice(max(0, cut.start - AROUND), cut.stop + AROUND) for cut in window)
    return (*as_slices(stroke.plane)[:-2], *around)


def slider(plane: PlaneIndex) -> tuple[int, int]:
    """Axis along which planes follow each other, the last one with a slider, and where it is.

    Raises
    ------
    ValueError
        When there is no such axis.
    """
    fixed = [(axis, at) for axis, at in enumerate(plane) if at is not None]
    if not fixed:
        raise ValueError("These labels are one plane. Open a stack for this tool.")
    return fixed[-1]


def everywhere(ledger: Ledger, ids: Sequence[int]) -> edits.Plane:
    """Return all planes, but only where the objects lie in them."""
    window = ledger.window(ids)
    axes = ledger.layer.ndim - 2
    return None if window is None else (*[slice(None)] * axes, *window)


def objects(count: int) -> str:
    """Say how many objects."""
    return f"{count} object{'' if count == 1 else 's'}"


def named(ids: Sequence[int]) -> str:
    """Say which objects, or how many."""
    return str(ids[0]) if len(ids) == 1 else objects(len(ids))


def check_editable(layer: Labels) -> None:
    """Raise ValueError when the tools cannot write into a layer."""
    from dask.base import is_dask_collection

    if layer.multiscale:
        raise ValueError(
            f"{layer.name!r} is multiscale, which napari cannot edit. Use a plain copy."
        )
    if not layer.visible:
        raise ValueError(f"{layer.name!r} is hidden. Show it with the eye in the layer list first.")
    if not layer.editable:
        raise ValueError(f"{layer.name!r} is locked. Unlock it in the layer list first.")
    if is_dask_collection(layer.data):
        raise ValueError(
            f"The pixels of {layer.name!r} are computed when they are looked at (dask), and the "
            "tools cannot write there. Save it (File, Save Selected Layers) and open that file."
        )
    flags = getattr(layer.data, "flags", None)
    if flags is not None and not flags.writeable:
        raise ValueError(f"The pixels of {layer.name!r} are read-only. Use a plain copy.")
