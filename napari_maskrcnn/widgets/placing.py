"""Where a prediction goes: into its untouched layer, or into a new one. Corrections stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.widgets.layers import spatial_shape
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
    from napari.layers import Image, Labels


def place(layers: LayerList, image: Image, kept: Kept, preferred: Labels | None) -> Labels:
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

    Raises
    ------
    ValueError
        The image was given another shape meanwhile.
    """
    _check_shape(image, kept)
    candidates = untouched_layers(reversed(layers), image)
    candidates.sort(key=lambda layer: layer is not preferred)
    for layer in candidates:
        record = layer.metadata[KEY]
        merged = record.kept.updated(kept)
        if merged is not None:
            same = record.kept.model_hash == kept.model_hash
            choice = record.choice if same else Choice(kept.score)
            return change(layers, layer, merged, choice)
    fresh = predicted_labels(image, kept, Choice(kept.score), f"{image.name} instances")
    layers.append(fresh)
    return fresh


def _check_shape(image: Image, kept: Kept) -> None:
    shape = spatial_shape(image)
    for plane, found in kept.planes.items():
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
    layers.remove(layer)
    layers.insert(at, fresh)
    fresh.name = name
    layers.selection.active = fresh
    return fresh
