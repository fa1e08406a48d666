"""An edit of very many pixels goes into a fresh layer: napari's Undo would keep all of them."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_maskrcnn.annotate.edit import Edit
from napari_maskrcnn.annotate.rows import synced_rows
from napari_maskrcnn.widgets.layers import transforms_of
from napari_maskrcnn.widgets.prediction import KEY, LOOK, prediction_of

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Labels

#: Pixels from which on an edit is not undone but made in a copy.
MOST_PIXELS = 5_000_000
TOO_MANY = "Too many pixels for Undo: the result is the new layer {!r}; the old one is hidden."


def too_many(edit: Edit) -> bool:
    """Whether an edit changes more pixels than Undo should hold."""
    return int(np.count_nonzero(edit.mask)) > MOST_PIXELS


def written_afresh(
    layers: LayerList, layer: Labels, edit: Edit, class_name: str | None = None
) -> Labels:
    """Put a copy of a layer with an edit above it; hide the old one, which stays as it is."""
    data = np.array(layer.data)
    edit.apply(data)
    fresh = twin(layer, data)
    fresh.features = synced_rows(data, layer.features, class_name or "")
    layers.insert(layers.index(layer) + 1, fresh)
    layer.visible = False
    layers.selection.active = fresh
    return fresh


def twin(layer: Labels, data: Any) -> Labels:
    """A layer like another with other data: the same place, look and prediction."""
    from napari.layers import Labels

    fresh = Labels(data, name=layer.name, metadata=dict(layer.metadata), **transforms_of(layer))
    for name in LOOK:
        setattr(fresh, name, getattr(layer, name))
    record = prediction_of(layer)
    if record is not None:
        copied = replace(record, layer=weakref.ref(fresh), edited=True)
        fresh.metadata[KEY] = copied
        fresh.events.paint.connect(copied.note_edit)
    return fresh
