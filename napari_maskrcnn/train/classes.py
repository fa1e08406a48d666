"""The kinds of objects in the examples: which there are, how many of each, and objects of none.

Only objects that are there count: the table of a labels layer keeps the rows of removed ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from napari_maskrcnn.instances import label_boxes
from napari_maskrcnn.train.dataset import Example

#: Stands for the class of objects that have none.
NO_CLASS = ""


def class_counts(examples: Iterable[Example]) -> dict[str, int]:
    """Number of objects of each class, in alphabetical order.

    Objects without a class are counted under ``""``, which comes last and is left out when every
    object has one.
    """
    counts: Counter[str] = Counter()
    for example in examples:
        counts.update(_kinds(example))
    unnamed = counts.pop(NO_CLASS, 0)
    found = {name: counts[name] for name in sorted(counts)}
    return found | ({NO_CLASS: unnamed} if unnamed else {})


def class_names(examples: Iterable[Example]) -> tuple[str, ...]:
    """Names of all classes that an object has, in alphabetical order; empty when none is named."""
    return tuple(name for name in class_counts(examples) if name != NO_CLASS)


def require_classes(examples: Iterable[Example], names: Iterable[str]) -> None:
    """Raise ValueError when a class of these names has no object to learn from."""
    counts = class_counts(examples)
    if missing := [name for name in dict.fromkeys(names) if name not in counts]:
        has = ", ".join(f"{name} ({count})" for name, count in counts.items() if name)
        raise ValueError(
            f"No object has the class {', '.join(map(repr, missing))}, so it cannot be learnt. "
            f"Give it to some objects, or remove the class. Classes with objects: {has or 'none'}."
        )


def settle_classes(
    examples: Sequence[Example], validation: Sequence[Example] | None
) -> tuple[list[Example], list[Example] | None]:
    """See to it that every object that is trained on or judged by has a class that can be learnt.

    Raises
    ------
    ValueError
        See `with_known_classes`; or a class is only in `validation`.
    """
    known = with_known_classes([*examples, *(validation or ())])
    learnt, held = known[: len(examples)], known[len(examples) :]
    require_classes(learnt, class_names(held))
    return learnt, None if validation is None else held


def with_known_classes(examples: Sequence[Example]) -> list[Example]:
    """Examples in which every object has a class, where there is more than one class.

    An object without one could be any of them: it becomes unknown area, neither object nor
    background. With one class or none, every object is of it.

    Raises
    ------
    ValueError
        Of all the objects in an image none has a class, while others do: its classes are missing.
    """
    names = class_names(examples)
    if len(names) < 2:
        return list(examples)
    return [_named_only(example, names) for example in examples]


def _named_only(example: Example, names: Sequence[str]) -> Example:
    kinds = _kinds(example)
    bare = kinds[NO_CLASS]
    if not bare:
        return example
    if bare == kinds.total():
        raise ValueError(
            f"{example.name}: none of its {bare} objects has a class, while those of other images "
            f"are {', '.join(names)}. Give each object a class, or leave this image out."
        )
    named = [label for label, name in example.classes.items() if name]
    gone = (example.labels > 0) & ~np.isin(example.labels, named)
    ignored = gone if example.ignored is None else example.ignored | gone
    labels = np.where(gone, 0, example.labels).astype(example.labels.dtype)
    return replace(example, labels=labels, ignored=ignored, intensities=example.limits)


def _kinds(example: Example) -> Counter[str]:
    """Number of objects of each class in one example, under ``""`` those without."""
    ids, _ = label_boxes(example.labels)
    return Counter(example.classes.get(int(i)) or NO_CLASS for i in ids)
