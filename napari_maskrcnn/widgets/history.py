"""What a stroke, an undo or a redo touched: which objects, and between which rows and columns.

napari's ``paint`` event tells what a stroke changed; of undo and redo it tells nothing, and only
the history itself knows which of the two it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.present import ids_of
from napari_maskrcnn.annotate.rows import Window

if TYPE_CHECKING:
    from napari.layers import Labels

#: Part of a history step: where, the labels before, and those after (one or all).
Part = tuple[tuple[NDArray[np.intp], ...], NDArray[Any], NDArray[Any]]


def touched(atoms: Sequence[Any]) -> tuple[list[int], Window]:
    """Objects that a history step may have changed, and where it changed pixels in any plane."""
    parts = [_read(atom) for atom in atoms]
    ids = np.unique(np.concatenate([ids_of(values) for _, *both in parts for values in both]))
    rows, columns = (
        slice(
            min(int(at[axis].min()) for at, *_ in parts),
            max(int(at[axis].max()) + 1 for at, *_ in parts),
        )
        for axis in (-2, -1)
    )
    return ids.tolist(), (rows, columns)


def places(
    atoms: Sequence[Any],
) -> tuple[list[tuple[slice, ...]], list[tuple[NDArray[np.intp], ...]]]:
    """Where a history step changed labels: windows, and index arrays, one an axis."""
    windows, pixels = [], []
    for atom in atoms:
        if hasattr(atom, "slice_key"):
            windows.append(atom.slice_key)
        else:
            pixels.append(atom[0])
    return windows, pixels


def is_written(data: Any, atoms: Sequence[Any]) -> bool:
    """Whether labels show what a step wrote; napari tells of some edits before it makes them."""
    at, _, after = _read(atoms[-1])
    if not isinstance(data, np.ndarray) and len(at[0]):
        # Lazy arrays know no pixels here and there, only boxes of them.
        box = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in at)
        at = tuple(axis - cut.start for axis, cut in zip(at, box, strict=True))
        data = np.asarray(data[box])
    return bool((data[at] == after).all())


def undone_steps(layer: Labels) -> int | None:
    """Number of steps that Redo could do again; None where napari keeps them elsewhere."""
    undone = getattr(layer, "_redo_history", None)
    return None if undone is None else len(undone)


def moved_steps(layer: Labels, before: int) -> list[Sequence[Any]]:
    """Steps that were undone or done again since `before` steps could be done again."""
    undone, done = (list(getattr(layer, name)) for name in ("_redo_history", "_undo_history"))
    moved = len(undone) - before
    if moved > 0:
        return undone[-moved:]
    return done[moved:] if moved else []


def _read(atom: Any) -> Part:
    if not hasattr(atom, "slice_key"):
        indices, before, after = atom
        return tuple(map(np.ravel, indices)), np.ravel(before), np.atleast_1d(after)
    mask = atom.mask
    if mask is None:
        mask = np.ones([cut.stop - cut.start for cut in atom.slice_key], dtype=bool)
    inside = np.nonzero(mask)
    at = tuple(axis + cut.start for axis, cut in zip(inside, atom.slice_key, strict=True))
    return at, np.ravel(atom.old_values), np.atleast_1d(np.asarray(atom.new_value))
