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
    quarter of the image with the most objects is held out, at one end of its long side. The planes
    of a stack count as one image, of which each loses the same quarter: they show the same objects.

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
    images = _images(examples)
    counts = [sum(len(example.objects) for example in image) for image in images]
    rich = np.flatnonzero(counts)
    held = _held(images, np.random.default_rng(seed).permutation(rich).tolist(), counts)
    if not held:
        return _part(examples, images[int(np.argmax(counts))]) if len(rich) else ([*examples], [])
    training: list[Example] = []
    judging: list[Example] = []
    for number, image in enumerate(images):
        (judging if number in held else training).extend(image)
    return training, judging


def _images(examples: Sequence[Example]) -> list[list[Example]]:
    """Examples that show other objects than those of all other lists: images, or whole stacks."""
    images: dict[str | int, list[Example]] = {}
    for number, example in enumerate(examples):
        images.setdefault(example.stack or number, []).append(example)
    return list(images.values())


def _held(
    images: Sequence[Sequence[Example]], order: Sequence[int], counts: Sequence[int]
) -> list[int]:
    """Images with about the wanted share of the objects, but never all; tried in this order."""
    if len(order) < 2:
        return []
    wanted = HELD_OUT * sum(counts)
    kinds = [set(class_names(image)) for image in images]
    classes = set().union(*kinds)

    def fits(held: Iterable[int]) -> bool:
        rest = set(range(len(images))) - set(held)
        return any(counts[k] for k in rest) and set().union(*(kinds[k] for k in rest)) == classes

    held: list[int] = []
    for k in order:
        missing = wanted - sum(counts[j] for j in held)
        if abs(missing - counts[k]) < abs(missing) and fits([*held, k]):
            held.append(k)
    if sum(counts[k] for k in held) >= LEAST:
        return held
    # Each of them has more than wanted, or next to nothing.
    nearest = sorted(order, key=lambda k: abs(wanted - counts[k]))
    enough = (k for k in nearest if LEAST <= counts[k] <= sum(counts) / 2)
    return next(([k] for k in enough if fits([k])), [])


def _part(
    examples: Sequence[Example], image: Sequence[Example]
) -> tuple[list[Example], list[Example]]:
    """Part one image, or each plane of a stack, in two; what lies on the seam is in neither."""
    corners = np.array([(e.cut_from or ("", 0, 0))[1:] for e in image])
    low = corners.min(axis=0)
    sides = (corners + [e.labels.shape for e in image]).max(axis=0) - low
    axis = 0 if sides[0] >= sides[1] else 1
    seam = low[axis] + TRAINED * sides[axis] // 4
    learnt: list[Example] = []
    held: list[Example] = []
    for plane, corner in zip(image, corners, strict=True):
        first = np.indices(plane.labels.shape)[axis] + corner[axis] < seam
        learnt += restrict(plane, first)
        held += restrict(plane, ~first)
    of_image = {id(plane) for plane in image}
    training = [*learnt, *(e for e in examples if id(e) not in of_image)]
    enough = all(sum(len(e.objects) for e in part) >= LEAST for part in (learnt, held))
    if not enough or class_names(training) != class_names(examples):
        return list(examples), []
    return training, held
