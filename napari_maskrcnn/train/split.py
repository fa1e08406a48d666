"""What of the examples is learnt from, and what is held out to judge by."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_maskrcnn.images import SMALLEST_SIDE
from napari_maskrcnn.train.dataset import Example

Rectangle = tuple[int, int, int, int]
# Share of the objects that is held out.
HELD_OUT = 0.2


def split(examples: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """Part examples into training and validation by their number of objects.

    At least one image is held out as soon as two have objects; of a single image, a quarter at one
    end of its long side is.

    Returns
    -------
    (list, list)
        Training and validation; the second is empty when too few objects are there for both.
    """
    rich = [k for k, example in enumerate(examples) if len(example.objects)]
    if len(rich) < 2:
        return _part(examples, rich)
    order = np.random.default_rng(seed).permutation(rich).tolist()
    wanted = HELD_OUT * sum(len(examples[k].objects) for k in rich)
    held: list[int] = []
    while len(held) < len(rich) - 1 and (
        not held or sum(len(examples[k].objects) for k in held) < wanted
    ):
        held.append(order.pop())
    return [e for k, e in enumerate(examples) if k not in held], [examples[k] for k in held]


def _part(examples: Sequence[Example], rich: list[int]) -> tuple[list[Example], list[Example]]:
    """Cut the only image with objects in two."""
    if not rich:
        return list(examples), []
    whole = examples[rich[0]]
    height, width = whole.labels.shape
    seam = 3 * max(height, width) // 4
    if height >= width:
        first, second = (0, 0, seam, width), (seam, 0, height, width)
    else:
        first, second = (0, 0, height, seam), (0, seam, height, width)
    parts = [cut(whole, first), cut(whole, second)]
    small = any(min(part.labels.shape) < SMALLEST_SIDE for part in parts)
    if small or any(len(part.objects) == 0 for part in parts):
        return list(examples), []
    others = [e for k, e in enumerate(examples) if k != rich[0]]
    return [parts[0], *others], [parts[1]]


def cut(example: Example, rectangle: Rectangle) -> Example:
    """Part of an example: rows and columns ``top left bottom right``, half-open, pixels.

    Raises
    ------
    ValueError
        The rectangle leaves the image or has no pixel.
    """
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
    where = (slice(top, bottom), slice(left, right))
    name = f"{example.name} [{top}:{bottom}, {left}:{right}]"
    return replace(example, image=example.image[where], labels=example.labels[where], name=name)
