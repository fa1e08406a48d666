"""Which labels belong to which image, and the training examples they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_maskrcnn.widgets.layers import (
    PlaneIndex,
    full_data,
    is_passing,
    parallel_planes,
    plane_data,
    spatial_shape,
)
from napari_maskrcnn.widgets.prediction import is_untouched, prediction_of

if TYPE_CHECKING:
    from napari_maskrcnn.train.dataset import Example


@dataclass(frozen=True)
class Pair:
    """An image layer and the labels layer that says what is in it."""

    image: Image
    labels: Labels

    @property
    def text(self) -> str:
        """What a list shows: the labels, and their image where the name does not tell."""
        if self.labels.name.startswith(self.image.name):
            return str(self.labels.name)
        return f"{self.labels.name}  ←  {self.image.name}"

    @property
    def corrected(self) -> bool:
        """Whether the labels are a prediction that a person changed."""
        return prediction_of(self.labels) is not None and not is_untouched(self.labels)


def find_pairs(layers: Iterable[Any], image: Image | None, labels: Labels | None) -> list[Pair]:
    """Pair every labels layer with its image, in the order of the layers.

    `labels`, when given, belongs to `image`, whatever their shapes: a person chose them. Any other
    labels belong to the image they were predicted on, or else to the one of their shape whose name
    theirs begins with, or else to the last one of their shape; without one they are left out.
    """
    images = [layer for layer in layers if isinstance(layer, Image)]
    pairs = []
    for layer in layers:
        if isinstance(layer, Labels) and not is_passing(layer):
            partner = image if layer is labels else _image_of(layer, images)
            if partner is not None:
                pairs.append(Pair(partner, layer))
    return pairs


def _image_of(labels: Labels, images: list[Image]) -> Image | None:
    record = prediction_of(labels)
    if record is not None and record.image() in images:
        return record.image()
    fitting = [image for image in images if spatial_shape(image) == spatial_shape(labels)]
    named = [image for image in fitting if labels.name.startswith(image.name)]
    return next(iter(reversed(named or fitting)), None)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A pair as it was when the training began: painting goes on meanwhile.

    Parameters
    ----------
    name : str
        Name of the labels layer.
    image : array
        Data of the image layer, still lazy.
    labels : array of int
        A copy of the labels.
    plane : PlaneIndex
        Any plane of the orientation that is learnt from.
    classes : dict of int to str
        Class of each label that has one.
    """

    name: str
    image: Any
    labels: NDArray[Any]
    plane: PlaneIndex
    classes: dict[int, str]


def snapshot(pair: Pair) -> Snapshot:
    """Copy what a training needs from the layers of a pair."""
    labels = np.array(full_data(pair.labels))
    plane = _orientation(pair.labels)
    return Snapshot(
        pair.labels.name, full_data(pair.image), labels, plane, _class_names(pair.labels)
    )


def examples_of(taken: Snapshot) -> Iterator[Example]:
    """Make the examples of a pair.

    Of a stack, every plane that has an object is one: planes nobody labelled are no negatives.

    Raises
    ------
    ValueError
        Image and labels do not fit each other or cannot be used, or a stack has no object.
    """
    from napari_maskrcnn.train.dataset import make_example

    shape = taken.labels.shape
    if len(shape) == 2:
        yield make_example(np.asarray(taken.image), taken.labels, taken.name, taken.classes)
        return
    if taken.image.shape[: len(shape)] != shape:
        raise ValueError(
            f"{taken.name}: the labels have shape {shape}, the image {taken.image.shape}; they "
            "must be the same. Choose the labels that belong to this image."
        )
    if not taken.labels.any():
        raise ValueError(f"{taken.name} holds no object; paint or predict some before training.")
    for plane in parallel_planes(shape, taken.plane):
        truth = plane_data(taken.labels, plane)
        if truth.any():
            place = ", ".join(str(at) for at in plane if at is not None)
            image = plane_data(taken.image, plane)
            yield make_example(image, truth, f"{taken.name}, plane {place}", taken.classes)


def _orientation(labels: Labels) -> PlaneIndex:
    record = prediction_of(labels)
    predicted = next(iter(record.labels), None) if record is not None else None
    return predicted or (*([0] * (labels.ndim - 2)), None, None)


def _class_names(labels: Labels) -> dict[int, str]:
    table = labels.features
    if not {"index", "class"} <= set(table.columns):
        return {}
    pairs = zip(table["index"], table["class"], strict=True)
    return {int(index): str(name) for index, name in pairs if index and name}
