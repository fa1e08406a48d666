"""Examples: images with the labels of their objects, from arrays or from a folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_maskrcnn.formats import read_labels
from napari_maskrcnn.images import as_image, check_image, choose_channels, percentiles, to_chw
from napari_maskrcnn.instances import label_boxes
from napari_maskrcnn.sources.opening import open_image
from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.train.layouts import dataset_files

#: An image (H, W) or (H, W, C) and its labels (H, W).
Pair = tuple[ArrayLike, ArrayLike]
# Known pixels from which the place of a crop is drawn.
MOST_PLACES = 10_000
# One object may be split in two by another that lies over it; a mask has more pieces.
LEAST_PIECES = 3
STACK_TO_LEARN = "Save each plane as an image of its own, or annotate the stack in a project."


@dataclass(frozen=True)
class Example:
    """One image with its labels.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        As a reader gives it.
    labels : (H, W) integer array
        0 is background; values need not be consecutive.
    name : str
        For messages.
    classes : dict of int to str
        Class of each label value; empty when there is only one class.
    ignored : (H, W) bool array, optional
        True where nothing is known; labels are 0 there. None: all is known.
    intensities : (float, float), optional
        Those that become 0 and 1, for a part of a larger image; None: from this one.
    cut_from : (str, int, int), optional
        For a part of a larger image: the name of that, and row and column of the first pixel in it.
    stack : str
        Of which stack it is a plane, or a part of one; empty for an image of its own.
    correct : str
        What of the labels somebody said is correct, one of `Answer`; for the model's card.
    held_out : bool
        Whether it is to judge by rather than to learn from.
    aspect : float
        Height of a pixel by its width, as the file says; training looks at pixels as they are.
    """

    image: NDArray[Any]
    labels: NDArray[Any]
    name: str = ""
    classes: dict[int, str] = field(default_factory=dict)
    ignored: NDArray[np.bool_] | None = None
    intensities: tuple[float, float] | None = None
    cut_from: tuple[str, int, int] | None = None
    stack: str = ""
    correct: str = Answer.WHOLE.value
    held_out: bool = False
    aspect: float = 1.0

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Intensities that become 0 and 1, from the whole image."""
        return self.intensities or percentiles(to_chw(self.image))

    @cached_property
    def area(self) -> int:
        """Pixels of which something is known."""
        if self.ignored is None:
            return self.labels.size
        return self.labels.size - int(np.count_nonzero(self.ignored))

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Some of the pixels of which something is known, (N, 2) y x, spread evenly."""
        if self.ignored is None:
            raise ValueError("all places are known; draw one from the shape instead")
        step = max(1, int(np.sqrt(self.area / MOST_PLACES)))
        places = np.argwhere(~self.ignored[::step, ::step]) * step
        return places if len(places) else np.argwhere(~self.ignored)

    @cached_property
    def objects(self) -> NDArray[np.float32]:
        """Centres of the objects, (N, 2) y x in pixels."""
        _, boxes = label_boxes(self.labels)
        centres = [[(s.start + s.stop) / 2 for s in box] for box in boxes]
        return np.asarray(centres, np.float32).reshape(-1, 2)

    @property
    def is_colour(self) -> bool:
        """Whether the image has three colour channels that differ."""
        if self.image.ndim != 3 or self.image.shape[2] < 3:
            return False
        return bool((self.image[..., :1] != self.image[..., 1:3]).any())

    def judged(self, labels: NDArray[np.int32]) -> NDArray[np.int32]:
        """Predicted labels (H, W) without the objects that lie half or more in unknown area."""
        if self.ignored is None:
            return labels
        areas = np.bincount(labels.ravel())
        unknown = np.bincount(labels[self.ignored], minlength=len(areas))
        return np.where((2 * unknown >= areas)[labels], 0, labels).astype(np.int32)


def make_example(
    image: ArrayLike,
    labels: ArrayLike,
    name: str,
    classes: dict[int, str] | None = None,
    channels: Sequence[int] | None = None,
) -> Example:
    """Check one image and its labels; of its channels those are kept that are chosen.

    Raises
    ------
    ValueError
        The image cannot be used or lacks a channel, labels are not integers, negative or beyond 63
        bits, or shapes differ.
    """
    try:
        array = check_image(as_image(image), STACK_TO_LEARN)
        if channels is not None or array.dtype.kind == "f":
            # Those that are looked at need a finite pixel, whatever the others have.
            chosen = check_image(choose_channels(np.atleast_3d(array), channels))
            array = array if channels is None else chosen
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    truth = np.asarray(labels)
    if truth.dtype.kind not in "uib":
        raise ValueError(
            f"{name}: the labels have values of type {truth.dtype}; integers are needed, one "
            "value an object. Use a Labels layer or an integer image."
        )
    if truth.shape != array.shape[:2]:
        raise ValueError(
            f"{name}: the labels have shape {truth.shape}, the image {array.shape[:2]}; they must "
            "be the same. Choose the labels that belong to this image."
        )
    if truth.size and truth.min() < 0:
        raise ValueError(f"{name}: the labels go down to {truth.min()}; they start at 0.")
    if truth.size and truth.max() > np.iinfo(np.int64).max:
        raise ValueError(
            f"{name}: the labels go up to {truth.max()}; the largest that can be used is 2**63 - 1."
            " Renumber them."
        )
    return Example(array, truth, name, classes or {})


def make_examples(
    pairs: Iterable[Pair], argument: str, what: str, channels: Sequence[int] | None = None
) -> list[Example]:
    """Make an example of each pair of arrays, named `what` and its number.

    Raises
    ------
    ValueError
        `argument` holds what is no pair, a pair cannot be used, or its labels are a mask.
    """
    examples = []
    for number, pair in enumerate(pairs, start=1):
        try:
            image, labels = pair
        except (TypeError, ValueError):
            # A pair that is given by itself looks like two things: an image and labels.
            raise ValueError(
                f"{argument} is a list of pairs, such as [(image, labels)]; its entry {number} is "
                "no pair of an image and labels."
            ) from None
        require_numbered(labels, f"{what} {number}")
        examples.append(make_example(image, labels, f"{what} {number}", channels=channels))
    return examples


def require_numbered(labels: ArrayLike, name: str) -> None:
    """Raise ValueError for a mask: many pieces that all have one value, which would be one object.

    Parameters
    ----------
    labels : (H, W) array
        0 is background.
    name : str
        For the message.
    """
    truth = np.asarray(labels)
    value = truth.max(initial=0)
    there = truth != 0
    # Nearly all labels have more than one value, and need no search for pieces.
    if truth.ndim != 2 or not value or not np.array_equal(there, truth == value):
        return
    from scipy import ndimage

    pieces = ndimage.label(there, np.ones((3, 3), bool))[1]
    if pieces >= LEAST_PIECES:
        raise ValueError(
            f"{name} is a mask, not labels: all its {pieces} pieces have the value {int(value)}, "
            "so they would be one object. Number them first (skimage.measure.label in Python, "
            "Connected Components in Fiji)."
        )


def require_objects(examples: Sequence[Example]) -> None:
    """Raise ValueError when there is nothing to learn from: no example, or none with an object."""
    if not examples:
        raise ValueError("There is no image to train on; give at least one with its labels.")
    if not any(example.labels.any() for example in examples):
        names = ", ".join(example.name for example in examples[:3])
        raise ValueError(
            f"The labels of {names} hold no object; paint or predict some before training."
        )


def read_dataset(folder: str | Path, channels: Sequence[int] | None = None) -> list[Example]:
    """Read a dataset: a folder with ``images/`` and ``labels/`` holding files of the same stem.

    StarDist's and Cellpose's folders, and what `predict` wrote, do too: see `dataset_files`. An
    optional ``labels/<stem>.csv`` with the columns ``index`` and ``class`` names classes. One to
    three `channels` may be chosen.
    """
    return [read_example(image, labels, channels) for image, labels in dataset_files(folder)]


def read_example(image: Path, labels: Path, channels: Sequence[int] | None = None) -> Example:
    """Read one image with its labels (and their table of classes, if there is one).

    Raises
    ------
    OSError, ValueError
        A file cannot be read, image and labels do not fit, or the labels are a mask: many pieces of
        one value.
    """
    with open_image(image) as source:
        pixels, aspect = source.whole(), source.aspect
    truth = read_labels(labels)
    require_numbered(truth, str(labels))
    example = make_example(pixels, truth, image.stem, _classes(labels), channels)
    return replace(example, aspect=aspect)


def _classes(labels: Path) -> dict[int, str]:
    table = labels.with_suffix(".csv")
    if not table.is_file():
        return {}
    import pandas as pd

    frame = pd.read_csv(table, dtype={"class": str}, keep_default_na=False)
    if not {"index", "class"} <= set(frame.columns):
        raise ValueError(f"{table}: needs the columns index and class; has {list(frame.columns)}.")
    pairs = zip(frame["index"], frame["class"], strict=True)
    return {int(index): name for index, name in pairs if name}
