"""Which labels belong to which image, and what a training takes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_maskrcnn.annotate.image_states import States, states_in
from napari_maskrcnn.annotate.regions import regions_of
from napari_maskrcnn.annotate.rows import ACCEPTED
from napari_maskrcnn.train.labelled import Labelled
from napari_maskrcnn.widgets.classes import KEY as CLASSES
from napari_maskrcnn.widgets.follower import are_planes_of
from napari_maskrcnn.widgets.layers import full_data, is_passing, spatial_shape
from napari_maskrcnn.widgets.prediction import prediction_of

# Bytes of labels that the window copies itself, in less than a tenth of a second.
COPIED_AT_ONCE = 100_000_000


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


def find_pairs(layers: Iterable[Any], image: Image | None, labels: Labels | None) -> list[Pair]:
    """Pair every labels layer with its image, in the order of the layers.

    Labels belong to the image they were predicted on. Without one, `labels` belong to `image`,
    whatever their shapes: a person chose them. Any other labels belong to the image of their shape
    whose name theirs begins with, or else to the last one of their shape; without one they are left
    out.
    """
    images = [layer for layer in layers if isinstance(layer, Image)]
    pairs = []
    for layer in layers:
        if isinstance(layer, Labels) and not is_passing(layer):
            chosen = image if layer is labels else None
            partner = _predicted_on(layer, images) or chosen or _fitting(layer, images)
            if partner is not None:
                pairs.append(Pair(partner, layer))
    return pairs


def _predicted_on(labels: Labels, images: list[Image]) -> Image | None:
    record = prediction_of(labels)
    image = None if record is None else record.image()
    return image if image in images else None


def _fitting(labels: Labels, images: list[Image]) -> Image | None:
    fitting = [image for image in images if spatial_shape(image) == spatial_shape(labels)]
    named = [image for image in fitting if labels.name.startswith(image.name)]
    return next(iter(reversed(named or fitting)), None)


def labelled_of(pair: Pair) -> Labelled:
    """Take what is known of a pair; the pixels stay those of the layers."""
    labels = pair.labels
    data = full_data(labels)
    record = prediction_of(labels)
    predicted = record.labels if record is not None else {}
    if not are_planes_of(data.shape, predicted):
        # Other labels were put in the place of those that were predicted.
        record, predicted = None, {}
    kept = record.kept if record is not None else None
    return Labelled(
        name=labels.name,
        image=full_data(pair.image),
        labels=data,
        plane=next(iter(predicted), (*([0] * (labels.ndim - 2)), None, None)),
        classes=_class_names(labels),
        predicted=predicted,
        partly=kept is not None and bool(kept.partial),
        accepted=_accepted(labels),
        regions=tuple(regions_of(labels.metadata)),
        states=states_in(labels.metadata) or States(),
        channel_axis=kept.channel_axis if kept is not None else None,
        channels=kept.settings.channels if kept is not None else None,
    )


def snapshot(pair: Pair) -> Labelled:
    """Take what a training needs of a pair: painting goes on meanwhile.

    Large labels are left to be copied in the thread, which takes longer than a window may.
    """
    taken = labelled_of(pair)
    if isinstance(taken.labels, np.ndarray) and taken.labels.nbytes <= COPIED_AT_ONCE:
        return replace(taken, labels=taken.labels.copy())
    return taken


def declared_classes(labels: Labels) -> set[str]:
    """Classes that a person made for these labels; those of the model need not have an object."""
    record = prediction_of(labels)
    known = set(labels.metadata.get(CLASSES, {}))
    renamed = labels.metadata.get(f"{CLASSES} renamed", {})
    named = record.kept.class_names if record is not None else ()
    return known - {renamed.get(name, name) for name in named}


def _class_names(labels: Labels) -> dict[int, str]:
    table = labels.features
    if not {"index", "class"} <= set(table.columns):
        return {}
    pairs = zip(table["index"].tolist(), table["class"].tolist(), strict=True)
    return {int(i): name for i, name in pairs if i and isinstance(name, str) and name}


def _accepted(labels: Labels) -> frozenset[int]:
    table = labels.features
    if not {"index", "state"} <= set(table.columns):
        return frozenset()
    return frozenset(int(i) for i in table.loc[table["state"] == ACCEPTED, "index"])
