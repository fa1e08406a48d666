"""An edit: which pixels of a label image change, and to which label.

Making an edit is apart from applying it: the window writes it through napari, so that it is one
step to undo; scripts and tests write it straight into the array.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.checks import check_fits
from napari_maskrcnn.annotate.present import ids_of, is_any

#: Where in a stack: an index for each axis that is fixed and a slice for the others; axes left out
#: at the end are whole. None is the whole array. Slices of a part only say that nothing outside
#: needs to be looked at; points are then counted from their start.
Plane = Sequence[int | slice] | None


@dataclass(frozen=True, eq=False)
class Edit:
    """Pixels that change, and their new labels.

    Attributes
    ----------
    slices : tuple of slice, one an axis
        The window of the label image that the edit touches.
    mask : bool array of the window's shape
        Pixels that change; at least one.
    values : (K,) integers
        New label of each of the K pixels that change, in C order.
    """

    slices: tuple[slice, ...]
    mask: NDArray[np.bool_]
    values: NDArray[Any]

    @property
    def indices(self) -> tuple[NDArray[np.intp], ...]:
        """Index arrays of the pixels that change, one an axis, as ``layer.data_setitem`` takes."""
        inside = np.nonzero(self.mask)
        return tuple(axis + cut.start for axis, cut in zip(inside, self.slices, strict=True))

    def apply(self, labels: NDArray[Any]) -> None:
        """Write the edit into a label image, in place."""
        labels[self.slices][self.mask] = self.values


@dataclass(frozen=True, eq=False)
class Region:
    """The part of a label image that an edit may look at: all of it, or one plane of a stack.

    Attributes
    ----------
    view : integers
        Labels of that part.
    plane : tuple of int or slice, one an axis of the label image
        Where the part lies; slices have a start and a stop.
    """

    view: NDArray[Any]
    plane: tuple[int | slice, ...]

    @classmethod
    def of(cls, labels: Any, plane: Plane = None, axes: int | None = None) -> Region:
        """Take a part of a label image (numpy, dask or zarr).

        Raises
        ------
        ValueError
            The plane does not exist, or the part has not this many axes.
        """
        chosen = tuple(plane or ())
        if len(chosen) > labels.ndim:
            raise ValueError(f"The plane {chosen} has more axes than the labels, {labels.ndim}.")
        chosen += (slice(None),) * (labels.ndim - len(chosen))
        full = tuple(
            _checked_index(where, length, axis)
            for axis, (where, length) in enumerate(zip(chosen, labels.shape, strict=True))
        )
        view = np.asarray(labels[full])
        if view.dtype.kind not in "ui":
            raise ValueError(f"Labels are whole numbers, but the dtype is {view.dtype}.")
        if axes is not None and view.ndim != axes:
            raise ValueError(
                f"This edit works on one plane of {axes} axes, but there are {view.ndim}. Choose "
                "the plane of the stack that is shown."
            )
        return cls(view, full)

    def find(self, ids: Iterable[int]) -> tuple[tuple[slice, ...], NDArray[np.bool_]]:
        """Box of all objects with these ids together, and their pixels in it.

        Raises
        ------
        ValueError
            Naming the ids that are not there.
        """
        wanted = sorted({operator.index(label) for label in ids})
        if wanted and wanted[0] <= 0:
            raise ValueError(f"{wanted[0]} is no object: 0 is the background. Click on an object.")
        mask = is_any(self.view, np.asarray(wanted, dtype=np.int64))
        box = bounding_box(mask)
        missing = sorted(set(wanted) - set(ids_of(self.view[box][mask[box]]).tolist()))
        if missing:
            raise ValueError(
                f"There is no label {', '.join(map(str, missing))} here. Click on an object that "
                "is shown."
            )
        return box, mask[box]

    def edit(self, box: tuple[slice, ...], mask: NDArray[np.bool_], values: Any) -> Edit:
        """Make an edit of the whole label image from one of this part.

        Parameters
        ----------
        box, mask
            Window and pixels in the part; trimmed to the pixels that change.
        values : int or (K,) integers
            New label of each pixel.
        """
        dtype = self.view.dtype
        values = np.broadcast_to(np.asarray(values, dtype=np.int64), (int(mask.sum()),))
        check_fits(int(values.max(initial=0)), dtype)
        trimmed = bounding_box(mask)
        mask = mask[trimmed]
        slices: list[slice] = []
        axis = 0
        for where in self.plane:
            if isinstance(where, slice):
                start = where.start + box[axis].start + trimmed[axis].start
                slices.append(slice(start, start + mask.shape[len(slices)]))
                axis += 1
            else:
                mask = np.expand_dims(mask, len(slices))
                slices.append(slice(where, where + 1))
        return Edit(tuple(slices), mask, values.astype(dtype))


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Smallest window that holds all true pixels; empty at the origin when there are none."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0))
    return tuple(box)


def _checked_index(where: int | slice, length: int, axis: int) -> int | slice:
    if isinstance(where, slice):
        if where.step not in (None, 1):
            raise ValueError(f"A plane is made of indices and slices without steps, got {where}.")
        start, stop, _ = where.indices(length)
        return slice(start, max(start, stop))
    index = operator.index(where)
    if not -length <= index < length:
        raise ValueError(f"There is no plane {index} on axis {axis}, which has {length}.")
    return index % length
