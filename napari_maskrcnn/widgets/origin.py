"""Where the labels of a layer come from: taken from the layer at once, worked out in the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.counts import Counts, difference
from napari_maskrcnn.annotate.image_states import states_in
from napari_maskrcnn.formats.provenance import describe_image, provenance
from napari_maskrcnn.widgets.layers import (
    PlaneIndex,
    as_slices,
    file_of,
    full_data,
    parallel_planes,
    spatial_shape,
)
from napari_maskrcnn.widgets.prediction import KEY, prediction_of

if TYPE_CHECKING:
    from napari.layers import Image, Labels

#: Where the layer of a file that was opened keeps what the file said.
PROVENANCE = "provenance"


@dataclass(frozen=True, eq=False)
class Origin:
    """What is known of a labels layer's origin.

    Parameters
    ----------
    prediction : mapping, optional
        Model and settings of the prediction.
    predicted : mapping
        Its untouched label image of each plane.
    image_name : str, optional
        File or layer of the image.
    image : array, optional
        Its pixels, still lazy.
    earlier : mapping, optional
        What the file said that the labels were opened from.
    states : mapping, optional
        How far the image is annotated, in plain values.
    """

    prediction: Mapping[str, Any] | None = None
    predicted: Mapping[PlaneIndex, NDArray[np.int32]] = field(default_factory=dict)
    image_name: str | None = None
    image: Any = None
    earlier: Mapping[str, Any] | None = None
    states: Mapping[str, Any] | None = None

    def provenance(self, labels: NDArray[Any]) -> dict[str, Any]:
        """Say where `labels`, the layer's data, come from. Reads the image; not for the window."""
        image = None
        if self.image_name is not None:
            image = describe_image(self.image_name, self.image)
        said = provenance(self.prediction, image, self._corrections(labels), self.earlier)
        return said if self.states is None else {**said, "states": dict(self.states)}

    def _corrections(self, labels: NDArray[Any]) -> Counts | None:
        plane = next(iter(self.predicted), None)
        if plane is None:
            return None
        total = Counts()
        for at in parallel_planes(labels.shape, plane):
            now, before = labels[as_slices(at)], self.predicted.get(at)
            if before is not None or now.any():
                total += difference(np.zeros_like(now) if before is None else before, now)
        return total


def origin_of(labels: Labels, image: Image | None = None) -> Origin:
    """Take what is known of a layer's origin.

    Parameters
    ----------
    labels : napari.layers.Labels
        The layer.
    image : napari.layers.Image, optional
        The image it is believed to belong to; that of its prediction counts more.
    """
    record = prediction_of(labels)
    if record is not None:
        image = record.image() or image
    if image is not None and spatial_shape(image) != spatial_shape(labels):
        image = None
    return Origin(
        record.kept.describe(record.choice) if record is not None else None,
        record.labels if record is not None else {},
        image_name(image) if image is not None else None,
        full_data(image) if image is not None else None,
        read_earlier(labels.metadata),
        states.to_json() if (states := states_in(labels.metadata)) is not None else None,
    )


def image_name(image: Image) -> str:
    """Name of the file an image was opened from, or else of its layer."""
    path = file_of(image)
    return Path(path).name if path else str(image.name)


def read_earlier(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what the file said that a layer was opened from."""
    kept = metadata.get(KEY)
    earlier = kept.get(PROVENANCE) if isinstance(kept, Mapping) else None
    return earlier if isinstance(earlier, Mapping) else None
