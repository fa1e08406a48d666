"""What of the examples is learnt from, and what is held out to judge by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from napari_maskrcnn.train.classes import class_names, require_classes
from napari_maskrcnn.train.dataset import Example, require_objects
from napari_maskrcnn.train.regions import restrict

# Share of the objects that is held out.
HELD_OUT = 0.2
# Quarters of a single image that are learnt from.
TRAINED = 3
# Objects that a part of an image needs: fewer say nothing, and the others are better learnt from.
LEAST = 2
NOTHING_TO_JUDGE = (
    "The images for validation hold no object, so nothing can be judged by them. Add one with "
    "objects, or learn from them: give them the role “train”."
)


def split(examples: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """Part examples into training and validation by their number of objects.

    Where somebody said which are to judge by, these are held out. Otherwise at least one image is
    as soon as two have objects, and no class loses all its objects by that. Where that cannot be, a
    quarter of the image with the most objects is held out, at one end of its long side.

    Returns
    -------
    (list, list)
        Training and validation; the second is empty when too few objects are there for both.

    Raises
    ------
    ValueError
        All is held out that has objects, or all that has objects of some class; or what somebody
        holds out has none.
    """
    said = [example for example in examples if example.held_out]
    if said:
        rest = [example for example in examples if not example.held_out]
        if not any(example.labels.any() for example in said):
            raise ValueError(NOTHING_TO_JUDGE)
        require_objects(rest)
        require_classes(rest, class_names(said))
        return rest, said
    counts = [len(example.objects) for example in examples]
    rich = np.flatnonzero(counts)
    held = _held(examples, np.random.default_rng(seed).permutation(rich).tolist(), counts)
    if not held:
        return _part(examples, int(np.argmax(counts))) if len(rich) else (list(examples), [])
    return [e for k, e in enumerate(examples) if k not in held], [examples[k] for k in held]


def _held(examples: Sequence[Example], order: Sequence[int], counts: Sequence[int]) -> list[int]:
    """Images with about the wanted share of the objects, but never all; tried in this order."""
    if len(order) < 2:
        return []
    wanted = HELD_OUT * sum(counts)
    kinds = [set(class_names([example])) for example in examples]
    classes = set().union(*kinds)

    def fits(held: Iterable[int]) -> bool:
        rest = set(range(len(examples))) - set(held)
        return any(counts[k] for k in rest) and set().union(*(kinds[k] for k in rest)) == classes

    held: list[int] = []
    for k in order:
        missing = wanted - sum(counts[j] for j in held)
        if abs(missing - counts[k]) < abs(missing) and fits([*held, k]):
            held.append(k)
    if held:
        return held
    # Each of them has more than wanted.
    nearest = sorted(order, key=lambda k: abs(wanted - counts[k]))
    return next(([k] for k in nearest if fits([k])), [])


def _part(examples: Sequence[Example], number: int) -> tuple[list[Example], list[Example]]:
    """Part one image in two; what lies on the seam is in neither."""
    whole = examples[number]
    height, width = whole.labels.shape
    first = np.zeros((height, width), bool)
    if height >= width:
        first[: TRAINED * height // 4] = True
    else:
        first[:, : TRAINED * width // 4] = True
    learnt, held = restrict(whole, first), restrict(whole, ~first)
    training = [*learnt, *(e for k, e in enumerate(examples) if k != number)]
    enough = all(sum(len(e.objects) for e in part) >= LEAST for part in (learnt, held))
    if not enough or class_names(training) != class_names(examples):
        return list(examples), []
    return training, held
