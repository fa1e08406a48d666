"""What was corrected: two label images compared object by object, whatever their ids.

Corrections are counted from the result, not from events: undo, paint and scripts all end in pixels.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from napari_maskrcnn.annotate.kinds import Counts, Kinds, Pairs, kinds_of
from napari_maskrcnn.annotate.present import areas_of
from napari_maskrcnn.overlaps import label_array

__all__ = ["Counts", "compare", "difference"]


def difference(before: ArrayLike, after: ArrayLike) -> Counts:
    """Count what changed from one label image to another, as `compare` tells it."""
    return compare(before, after).counts


def compare(before: ArrayLike, after: ArrayLike) -> Kinds:
    """Say what became of each object from one label image to another.

    Parameters
    ----------
    before, after : integers of equal shape, any number of axes
        0 is the background.

    Raises
    ------
    ValueError
        For different shapes, or labels that are no integers.
    """
    old, new = label_array(before), label_array(after)
    if old.shape != new.shape:
        raise ValueError(
            f"The labels before have shape {old.shape}, those after {new.shape}. Compare labels "
            "of the same image."
        )
    return kinds_of(Pairs.between(old, new), *areas_of(old))
