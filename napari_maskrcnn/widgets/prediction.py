"""The prediction that a labels layer came from, kept in the layer's metadata.

It answers two questions: is the layer still what was predicted (then the sliders may change it),
and what belongs in it after a slider moved. Corrections are a difference from it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.image_states import SAID, states_in
from napari_maskrcnn.annotate.regions import regions_of
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Chosen, Kept
from napari_maskrcnn.widgets.layers import (
    as_slices,
    label_shape,
    labels_over,
    parallel_planes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from napari.layers import Image, Labels, Layer

KEY = "napari-maskrcnn"
#: What of the look of a layer its replacement takes over.
LOOK = ("opacity", "blending", "visible", "contour")


@dataclass(eq=False)
class Prediction:
    """What was predicted in a labels layer and what of it is chosen.

    Parameters
    ----------
    kept : Kept
        Every candidate, with the settings and the model's hash.
    choice : Choice
        What the sliders choose of them.
    labels : mapping
        The untouched label image of each predicted plane.
    count : int
        Objects in them.
    image : weak reference to the image layer
        What was predicted; it returns None when that is gone.
    layer : weak reference to the labels layer
        Where it lies; a duplicate of the layer is not this prediction's.
    limited : bool
        Whether a limit on the number of objects was hit, so that some may be missing.
    edited : bool
        Whether the layer ever took an edit, undone or not.
    table : pandas.DataFrame, optional
        Its untouched features; made anew when they are not given.
    """

    kept: Kept
    choice: Choice
    labels: Mapping[Any, NDArray[np.int32]]
    count: int
    image: Callable[[], Image | None]
    layer: weakref.ref[Labels] | None = None
    limited: bool = False
    edited: bool = field(default=False)
    table: pd.DataFrame | None = None

    def matches(self, data: NDArray[Any], table: pd.DataFrame | None) -> bool:
        """Whether labels, and their table if they have one, are exactly what was predicted."""
        if not self._says_the_same(table):
            return False
        plane = next(iter(self.labels), None)
        if plane is None:
            return not np.any(data)
        return all(
            _is_predicted(data[as_slices(at)], self.labels.get(at))
            for at in parallel_planes(data.shape, plane)
        )

    def _says_the_same(self, now: pd.DataFrame | None) -> bool:
        """Whether no object of the prediction was accepted or given another class."""
        if self.table is None:
            self.table = self.kept.choose(self.choice).table
        predicted = self.table
        if now is None or not {"index", "class", "state"} <= set(now.columns):
            return True
        now = now[now["index"].isin(predicted["index"])]
        return all(np.array_equal(now[name], predicted[name]) for name in ("class", "state"))

    def note_edit(self, event: object = None) -> None:
        """Remember that napari's undo history of the layer is no longer empty."""
        self.edited = True


def prediction_of(layer: Layer | None) -> Prediction | None:
    """Return the prediction a layer came from, or None."""
    found = layer.metadata.get(KEY) if layer is not None else None
    if not isinstance(found, Prediction) or found.layer is None or found.layer() is not layer:
        return None
    return found


def predicted_labels(
    image: Image,
    kept: Kept,
    choice: Choice,
    name: str,
    data: NDArray[np.int32] | None = None,
    visible: bool = True,
) -> Labels:
    """Create a labels layer over an image with what is chosen of a prediction.

    Parameters
    ----------
    image : napari.layers.Image
    kept : Kept
    choice : Choice
    name : str
    data : (…, H, W) int32, optional
        The labels of the choice, where they were put together already.
    visible : bool
        Of a hidden layer napari looks at no pixel.
    """
    return _predicted_over(image, image, kept, choice, name, data, visible)


def _predicted_over(
    over: Layer,
    image: Image | None,
    kept: Kept,
    choice: Choice,
    name: str,
    data: NDArray[np.int32] | None = None,
    visible: bool = True,
) -> Labels:
    chosen = kept.choose(choice)
    channel = kept.channel_axis if over is image else None
    if data is None:
        data = np.zeros(label_shape(over, channel), np.int32)
        for plane, labels in chosen.labels.items():
            data[as_slices(plane)] = labels
    table = chosen.table.copy()
    layer = labels_over(over, data, name, channel, features=table, visible=visible)
    remember(layer, image, kept, choice)
    return layer


def remember(layer: Labels, image: Image | None, kept: Kept, choice: Choice) -> None:
    """Keep in a labels layer what it came from; its image may be gone."""
    chosen = kept.choose(choice)
    record = Prediction(
        kept,
        choice,
        chosen.labels,
        len(chosen),
        weakref.ref(image) if image is not None else _gone,
        weakref.ref(layer),
        chosen.limited,
        table=chosen.table,
    )
    layer.metadata[KEY] = record
    layer.events.paint.connect(record.note_edit)


def _gone() -> None:
    """Stand for the weak reference to an image that was not there."""


def is_untouched(layer: Labels) -> bool:
    """Whether a prediction is nobody's yet, so that another one may take its place.

    It is as it was predicted, and no person said that it is right, or right in a part.
    """
    return not is_spoken_of(layer) and is_as_predicted(layer)


def is_spoken_of(layer: Labels) -> bool:
    """Whether a person verified or excluded a plane of a layer, or marked a part as finished."""
    states = states_in(layer.metadata)
    said = states is not None and not {states.image, *states.planes.values()}.isdisjoint(SAID)
    return said or bool(regions_of(layer.metadata))


def is_as_predicted(layer: Labels) -> bool:
    """Whether a layer is exactly what was predicted, also after every edit was undone."""
    record = prediction_of(layer)
    return record is not None and record.matches(layer.data, layer.features)


def _is_predicted(now: NDArray[Any], predicted: NDArray[np.int32] | None) -> bool:
    return not np.any(now) if predicted is None else np.array_equal(now, predicted)


def show(layer: Labels, kept: Kept, choice: Choice) -> Chosen:
    """Write what is chosen of a prediction into an untouched layer that never took an edit."""
    record = layer.metadata[KEY]
    chosen = kept.choose(choice)
    for plane, labels in chosen.labels.items():
        layer.data[as_slices(plane)] = labels
    record.kept, record.choice = kept, choice
    record.labels, record.table = chosen.labels, chosen.table
    record.count, record.limited = len(chosen), chosen.limited
    layer.features = chosen.table.copy()
    layer.refresh()
    return chosen


def replacement(layer: Labels, kept: Kept, choice: Choice) -> Labels:
    """Create a layer that looks like `layer`, with another prediction and no undo history.

    Writing into a layer whose history holds an edit would let a later undo or redo write old
    pixels into the new labels.
    """
    image = layer.metadata[KEY].image()
    over = image if image is not None else layer
    fresh = _predicted_over(over, image, kept, choice, layer.name)
    for name in LOOK:
        setattr(fresh, name, getattr(layer, name))
    return fresh


def untouched_layers(layers: Iterable[Any], image: Image) -> list[Labels]:
    """Return the layers that still are a prediction of an image, and nobody's yet."""
    return [
        layer
        for layer in layers
        if (record := prediction_of(layer)) and record.image() is image and is_untouched(layer)
    ]
