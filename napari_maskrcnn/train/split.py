"""What of the examples is learnt from, and what is held out to judge by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.regions import restrict

# Share of the objects that is held out.
HELD_OUT = 0.2
# Quarters of a single image that are learnt from.
TRAINED = 3


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
    """Part the only image with objects in two; what lies on the seam is in neither."""
    if not rich:
        return list(examples), []
    whole = examples[rich[0]]
    height, width = whole.labels.shape
    first = np.zeros((height, width), bool)
    if height >= width:
        first[: TRAINED * height // 4] = True
    else:
        first[:, : TRAINED * width // 4] = True
    parts = [restrict(whole, first), restrict(whole, ~first)]
    if not all(any(len(example.objects) for example in part) for part in parts):
        return list(examples), []
    others = [e for k, e in enumerate(examples) if k != rich[0]]
    return [*parts[0], *others], parts[1]
