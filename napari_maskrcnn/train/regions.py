"""What of an image is correct: everything, finished regions, or the surroundings of corrections.

The rest is unknown, neither object nor background, and labels there change nothing. An object that
touches unknown area may go on there, so it is unknown as well.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_maskrcnn.images import SMALLEST_SIDE
from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.train.dataset import Example

Rectangle = tuple[int, int, int, int]
# What is correct in an image: None for all of it.
Region = Sequence[Rectangle] | NDArray[np.bool_] | None
# Image pixels around a region that the network sees beside it.
CONTEXT = 96
# Neighbours that share an edge or a corner.
EIGHT = np.ones((3, 3), bool)


def finished(examples: Sequence[Example], regions: Sequence[Region]) -> list[Example]:
    """Restrict examples to what is correct in each.

    Parameters
    ----------
    examples : sequence of Example
    regions : sequence
        For each example rectangles ``(top, left, bottom, right)`` in pixels, half-open, or an
        (H, W) mask, True where the labels are complete; None where they are everywhere.

    Returns
    -------
    list of Example
        One for each connected region, so that regions can be held out; overlapping ones are one.

    Raises
    ------
    ValueError
        Not one region an image; a rectangle or mask that does not fit its image.
    """
    if len(regions) != len(examples):
        raise ValueError(
            f"{len(regions)} regions are given for {len(examples)} images; give one an image, "
            "None where all of it is finished."
        )
    found: list[Example] = []
    for example, region in zip(examples, regions, strict=True):
        if region is None:
            found.append(example)
            continue
        known = region_mask(example, region)
        found += restrict(replace(example, correct=Answer.REGIONS.value), known)
    return found


def region_mask(example: Example, region: Sequence[Rectangle] | NDArray[Any]) -> NDArray[np.bool_]:
    """Mask (H, W) of rectangles; a mask is checked and returned."""
    shape = example.labels.shape
    if isinstance(region, np.ndarray) and region.dtype == bool:
        if region.shape != shape:
            raise ValueError(
                f"{example.name}: the mask of what is finished has shape {region.shape}, the "
                f"labels {shape}; they must be the same."
            )
        return region
    mask = np.zeros(shape, bool)
    for rectangle in region:
        top, left, bottom, right = check_rectangle(example, rectangle)
        mask[top:bottom, left:right] = True
    return mask


def restrict(example: Example, known: NDArray[np.bool_]) -> list[Example]:
    """Example of each connected piece of the known area (H, W), with its surroundings.

    What lies outside a piece is `ignored` there, and so are objects that touch its edge. Pieces of
    which nothing is left are left out.
    """
    if example.ignored is not None:
        known = known & ~example.ignored
    pieces, _ = ndimage.label(known, EIGHT)
    whole, top, left = example.cut_from or (example.name, 0, 0)
    found = []
    for number, where in enumerate(ndimage.find_objects(pieces), start=1):
        window = tuple(
            slice(max(0, s.start - CONTEXT), min(length, s.stop + CONTEXT))
            for s, length in zip(where, known.shape, strict=True)
        )
        rows, columns = where
        name = f"{example.name} [{rows.start}:{rows.stop}, {columns.start}:{columns.stop}]"
        labels, ignored = without_cut(example.labels[window], pieces[window] != number)
        if ignored.all():
            continue
        found.append(
            replace(
                example,
                image=example.image[window],
                labels=labels,
                name=name,
                ignored=ignored,
                intensities=example.limits,
                cut_from=(whole, top + window[0].start, left + window[1].start),
            )
        )
    return found


def without_cut(
    labels: NDArray[Any], ignored: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Move objects that touch unknown area into it.

    Returns
    -------
    (array, array)
        Labels, 0 where nothing is known, and the larger unknown area; both (H, W).
    """
    clean = np.where(ignored, 0, labels)
    cut = np.unique(clean[ndimage.binary_dilation(ignored, EIGHT)])
    gone = np.isin(clean, cut[cut > 0])
    clean[gone] = 0
    return clean, ignored | gone


def around_changes(before: NDArray[Any], after: NDArray[Any], margin: float) -> NDArray[np.bool_]:
    """Where somebody looked closely: the objects that a person changed, and what is around them.

    Parameters
    ----------
    before, after : (H, W) integer arrays
        Labels as predicted, and as they are now.
    margin : float
        How far around, pixels.

    Returns
    -------
    (H, W) bool
    """
    changed = before != after
    touched = np.isin(before, before[changed & (before > 0)])
    touched |= np.isin(after, after[changed & (after > 0)])
    side = 2 * max(1, round(margin)) + 1
    return np.asarray(ndimage.maximum_filter(touched | changed, side), bool)


def check_rectangle(example: Example, rectangle: Rectangle) -> Rectangle:
    """Return ``top left bottom right`` as whole numbers, or say why they are no region."""
    try:
        top, left, bottom, right = (operator.index(v) for v in rectangle)
    except (TypeError, ValueError):
        raise ValueError(
            f"{example.name}: a region is four whole numbers (top, left, bottom, right) in pixels; "
            f"got {rectangle!r}."
        ) from None
    height, width = example.labels.shape
    if min(bottom - top, right - left) < SMALLEST_SIDE:
        raise ValueError(
            f"{example.name}: the region {rectangle} is less than {SMALLEST_SIDE} px wide or high; "
            "draw a larger one."
        )
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise ValueError(
            f"{example.name}: the region {rectangle} (top, left, bottom, right) does not lie in "
            f"the image of {height} × {width} px."
        )
    return top, left, bottom, right
