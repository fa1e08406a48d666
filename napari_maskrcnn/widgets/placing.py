"""Where a prediction goes: into its untouched layer, or into a new one. Corrections stay."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.widgets.collector import only_young_collected
from napari_maskrcnn.widgets.layers import label_place, label_shape, spatial_shape
from napari_maskrcnn.widgets.prediction import (
    KEY,
    predicted_labels,
    prediction_of,
    replacement,
    show,
    untouched_layers,
)

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image, Labels, Tracks

#: Pixels of a plane from which on a new layer is added in one turn of the window and shown in the
#: next: napari looks at every pixel when a layer is made, added and shown.
MANY_PIXELS = 2_000_000


def place(
    layers: LayerList,
    image: Image,
    kept: Kept,
    preferred: Labels | None,
    merged: tuple[Kept, Kept] | None = None,
    data: NDArray[np.int32] | None = None,
) -> Labels:
    """Put a prediction of an image into the viewer and return its layer.

    Parameters
    ----------
    layers : napari.components.LayerList
        Layers of the viewer.
    image : napari.layers.Image
        What was predicted.
    kept : Kept
        The prediction.
    preferred : napari.layers.Labels, optional
        Layer to update if it is an untouched prediction of this image.
    merged : (Kept, Kept), optional
        An older prediction and what it becomes with this one, where that was worked out already.
    data : (…, H, W) int32, optional
        The labels of a new layer, where they were put together already.

    Raises
    ------
    ValueError
        The image was given another shape meanwhile.
    """
    _check_shape(image, kept)
    for layer in _candidates(layers, image, preferred):
        record = layer.metadata[KEY]
        if merged is not None and merged[0] is record.kept:
            both: Kept | None = merged[1]
        else:
            both = record.kept.updated(kept)
        if both is not None:
            same = record.kept.model_hash == kept.model_hash
            choice = record.choice if same else Choice(kept.score)
            return change(layers, layer, both, choice)
    shape = label_shape(image, kept.channel_axis)
    if data is not None and data.shape != shape:
        data = None
    name = f"{image.name} instances"
    seen = not _has_many(shape)
    fresh = predicted_labels(image, kept, Choice(kept.score), name, data, visible=seen)
    layers.append(fresh)
    if not seen:
        reveal(fresh)
    return fresh


def reveal(layer: Labels) -> None:
    """Show a layer; a large one in the next turn of the window."""
    if _has_many(layer.data.shape):
        QTimer.singleShot(0, partial(setattr, layer, "visible", True))
    else:
        layer.visible = True


def _has_many(shape: Sequence[int]) -> bool:
    return int(shape[-2] * shape[-1]) > MANY_PIXELS


def place_tracks(
    layers: LayerList, image: Image, ways: NDArray[np.float64], channel: int | None = None
) -> Tracks:
    """Show where the objects of a series go, in place of what was shown of it before.

    Parameters
    ----------
    layers : napari.components.LayerList
        Layers of the viewer.
    image : napari.layers.Image
        What was predicted.
    ways : (N, ndim + 1) float64
        Columns id, t, …, y, x.
    channel : int, optional
        Axis of the image that holds its channels.
    """
    from napari.layers import Tracks

    for layer in layers:
        shown = layer.metadata.get(KEY) if isinstance(layer, Tracks) else None
        if isinstance(shown, weakref.ref) and shown() is image:
            layer.data = ways
            return layer
    name = f"{image.name} tracks"
    where = label_place(image, channel)
    fresh = Tracks(ways, name=name, metadata={KEY: weakref.ref(image)}, **where)
    layers.append(fresh)
    return fresh


def replaceable(layers: LayerList, image: Image, preferred: Labels | None) -> Labels | None:
    """Return the layer that a prediction of an image would go to, if it is there already."""
    return next(iter(_candidates(layers, image, preferred)), None)


def _candidates(layers: LayerList, image: Image, preferred: Labels | None) -> list[Labels]:
    found = untouched_layers(reversed(layers), image)
    return sorted(found, key=lambda layer: layer is not preferred)


def _check_shape(image: Image, kept: Kept) -> None:
    shape = spatial_shape(image)
    for plane, found in kept.planes.items():
        if len(shape) != len(plane):
            raise ValueError(
                f"{image.name!r} changed from {len(plane)} to {len(shape)} axes while it was "
                "predicted. Predict again."
            )
        now = tuple(length for length, at in zip(shape, plane, strict=True) if at is None)
        if now != found.shape:
            raise ValueError(
                f"{image.name!r} changed from {found.shape} to {now} pixels while it was "
                "predicted. Predict again."
            )


def change(layers: LayerList, layer: Labels, kept: Kept, choice: Choice) -> Labels:
    """Show a prediction or another choice of it in an untouched layer; return where it is now.

    A layer that took edits, all of them undone, gives its place to a fresh one.
    """
    record = prediction_of(layer)
    if record is not None and not record.edited:
        show(layer, kept, choice)
        return layer
    fresh = replacement(layer, kept, choice)
    at, name = layers.index(layer), layer.name
    with only_young_collected():
        layers.remove(layer)
    layers.insert(at, fresh)
    fresh.name = name
    layers.selection.active = fresh
    return fresh
