"""Corrections of the shape of objects, one or many at once, each within its own box.

What an object gains was background: neighbours keep their pixels. What it loses becomes background.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_maskrcnn.annotate.edit import Edit, Plane, Region
from napari_maskrcnn.annotate.present import FEW
from napari_maskrcnn.instances import label_boxes

_DIAGONAL = np.ones((3, 3), dtype=bool)
#: Smoothing blurs by this part of the object's diameter, and by at least a pixel.
_BLUR = 0.05

Act = Callable[[NDArray[np.bool_]], NDArray[np.bool_]]


def fill_holes(labels: NDArray[Any], ids: Sequence[int], plane: Plane = None) -> Edit:
    """Give objects the background that they enclose.

    Parameters
    ----------
    labels : (H, W) integers, or more axes with ``plane``
        0 is the background.
    ids : sequence of int
        The objects, one or more.
    plane : tuple of int or slice(None), optional
        The plane of a stack.

    Raises
    ------
    ValueError
        For no id, one that is not there, or objects without holes.
    """
    nothing = "There is no hole to fill. Click on an object with background inside."
    return _reshaped(labels, ids, plane, ndimage.binary_fill_holes, 0, nothing)


def smooth(labels: NDArray[Any], ids: Sequence[int], plane: Plane = None) -> Edit:
    """Round off the outline of objects, by more the larger they are.

    Parameters
    ----------
    labels, ids, plane
        As for :func:`fill_holes`.

    Raises
    ------
    ValueError
        For no id, one that is not there, objects that are smooth, or one that would vanish.
    """
    return _reshaped(labels, ids, plane, _blurred, 2, "This outline is as smooth as it gets.")


def grow(labels: NDArray[Any], ids: Sequence[int], plane: Plane = None, pixels: int = 1) -> Edit:
    """Widen objects on all sides, as far as there is background.

    Parameters
    ----------
    labels, ids, plane
        As for :func:`fill_holes`.
    pixels : int
        By how much.

    Raises
    ------
    ValueError
        For no id, one that is not there, or no background around.
    """

    def act(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return ndimage.binary_dilation(mask, iterations=pixels)

    nothing = "There is no background around this object to grow into."
    return _reshaped(labels, ids, plane, act, pixels, nothing)


def shrink(labels: NDArray[Any], ids: Sequence[int], plane: Plane = None, pixels: int = 1) -> Edit:
    """Narrow objects on all sides but along the border of the image.

    Parameters
    ----------
    labels, ids, plane, pixels
        As for :func:`grow`.

    Raises
    ------
    ValueError
        For no id, one that is not there, or one that would vanish.
    """

    def act(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        # A margin of background lies around the box, except where the image ends.
        return ndimage.binary_erosion(mask, iterations=pixels, border_value=1)

    return _reshaped(labels, ids, plane, act, 1, "There is nothing to shrink.")


def keep_largest(labels: NDArray[Any], ids: Sequence[int], plane: Plane = None) -> Edit:
    """Remove all but the largest piece of objects; pieces that touch at a corner are one.

    Parameters
    ----------
    labels, ids, plane
        As for :func:`fill_holes`.

    Raises
    ------
    ValueError
        For no id, one that is not there, or objects of one piece.
    """
    return _reshaped(labels, ids, plane, _largest, 0, "This object is already one piece.")


def _reshaped(
    labels: NDArray[Any], ids: Iterable[int], plane: Plane, act: Act, margin: int, nothing: str
) -> Edit:
    """Let a function of a mask change objects one after the other."""
    region = Region.of(labels, plane, axes=2)
    boxes = {
        label: _widened(box, margin, region.view.shape)
        for label, box in _boxes(region, ids).items()
    }
    window = _around(boxes.values())
    before = region.view[window]
    after = before.copy()
    for label, box in boxes.items():
        inner = tuple(
            slice(cut.start - outer.start, cut.stop - outer.start)
            for cut, outer in zip(box, window, strict=True)
        )
        _reshape(after[inner], label, act)
    changed = after != before
    if not changed.any():
        raise ValueError(nothing)
    return region.edit(window, changed, after[changed])


def _reshape(labels: NDArray[Any], label: int, act: Act) -> None:
    """Let a function of a mask change one object, in place."""
    mask = labels == label
    wanted = act(mask)
    if not (wanted & (mask | (labels == 0))).any():
        raise ValueError(f"Object {label} is so small that it would vanish. Use Delete for that.")
    gained = wanted & (labels == 0)
    labels[mask & ~wanted] = 0
    labels[gained] = label


def _boxes(region: Region, ids: Iterable[int]) -> dict[int, tuple[slice, ...]]:
    wanted = sorted({operator.index(label) for label in ids})
    if not wanted:
        raise ValueError("There is no object here. Click on one, or draw around several.")
    if len(wanted) <= FEW:
        return {label: region.find([label])[0] for label in wanted}
    region.find(wanted)
    present, boxes = label_boxes(region.view)
    found = dict(zip(present.tolist(), boxes, strict=True))
    return {label: found[label] for label in wanted}


def _widened(box: tuple[slice, ...], margin: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(max(0, cut.start - margin), min(length, cut.stop + margin))
        for cut, length in zip(box, shape, strict=True)
    )


def _around(boxes: Iterable[tuple[slice, ...]]) -> tuple[slice, ...]:
    """Smallest window that holds all boxes."""
    return tuple(
        slice(min(cut.start for cut in cuts), max(cut.stop for cut in cuts))
        for cuts in zip(*boxes, strict=True)
    )


def _blurred(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    diameter = np.sqrt(4 / np.pi * np.count_nonzero(mask))
    soft = ndimage.gaussian_filter(
        mask.astype(np.float32), max(1.0, _BLUR * diameter), mode="nearest"
    )
    smoothed: NDArray[np.bool_] = soft > 0.5
    return smoothed


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    pieces, count = ndimage.label(mask, structure=_DIAGONAL)
    if count < 2:
        return mask
    largest: NDArray[np.bool_] = pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()
    return largest
