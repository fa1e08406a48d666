"""A labels layer as bytes and back: everything but its pixels."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_maskrcnn.annotate.journal.table import table_from_bytes, table_to_bytes
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.predict.stored import kept_from_bytes, kept_to_bytes
from napari_maskrcnn.widgets.layers import TRANSFORMS, file_of, spatial_shape
from napari_maskrcnn.widgets.prediction import KEY, LOOK, prediction_of, remember

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels, Layer

logger = logging.getLogger(__name__)


class LayerParts:
    """What belongs to a labels layer beside its pixels, for the journal.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    viewer : callable
        Returns its viewer, to find its image, or None when that is gone.
    """

    def __init__(self, layer: Labels, viewer: Callable[[], Viewer | None]) -> None:
        self._layer = layer
        self._viewer = viewer
        self._features = True
        self._look: dict[str, Any] = {}
        self._metadata: dict[str, Any] = {}
        self._predicted: tuple[Kept, Choice] | None = None

    def features_changed(self) -> None:
        """Have the features written."""
        self._features = True

    def again(self) -> None:
        """Have everything written, and forget what was."""
        self._features = True
        self._look, self._metadata, self._predicted = {}, {}, None

    def changed(self) -> dict[str, Callable[[], bytes]]:
        """Return what changed since the last call: name, and what packs it in the thread."""
        parts: dict[str, Callable[[], bytes]] = {}
        layer = self._layer
        viewer = self._viewer()
        look = look_of(layer, _image_of(layer, viewer.layers if viewer is not None else ()))
        if look != self._look:
            self._look = look
            parts["look"] = partial(_json, look)
        if self._features:
            self._features = False
            parts["features"] = partial(table_to_bytes, layer.features.copy())
        metadata = {
            key: value
            for key, value in layer.metadata.items()
            if isinstance(key, str) and _plain(value)
        }
        if _differ(metadata, self._metadata):
            self._metadata = metadata
            parts["metadata"] = partial(_entries, metadata)
        record = prediction_of(layer)
        if record is not None and self._predicted != (record.kept, record.choice):
            self._predicted = (record.kept, record.choice)
            parts["prediction"] = partial(kept_to_bytes, record.kept, record.choice)
        return parts


def look_of(layer: Labels, image: Image | None) -> dict[str, Any]:
    """Name, place and look of a layer, where it and its image came from, for JSON."""
    look: dict[str, Any] = {"name": layer.name, **_source(layer), **_attributes(layer, TRANSFORMS)}
    look |= _attributes(layer, LOOK)
    if image is not None:
        look["image"] = {
            "name": image.name,
            "shape": list(spatial_shape(image)),
            "place": _attributes(image, TRANSFORMS),
            **_source(image),
        }
    return look


def layer_from_parts(data: Any, parts: Mapping[str, bytes], image: Image | None) -> Labels:
    """Make the layer again.

    Parameters
    ----------
    data : array
        Its labels.
    parts : mapping
        What `LayerParts` wrote; one that is missing or from another version is left out.
    image : napari.layers.Image, optional
        What its prediction was made of, when it is there.
    """
    from napari.layers import Labels

    look = read_look(parts)
    features = _read(parts, "features", table_from_bytes)
    layer = Labels(data, name=look.get("name", "labels"), features=features)
    set_attributes(layer, {name: look[name] for name in (*TRANSFORMS, *LOOK) if name in look})
    layer.metadata.update(_read(parts, "metadata", json.loads) or {})
    predicted = _read(parts, "prediction", kept_from_bytes)
    if predicted is not None:
        remember(layer, image, *predicted)
    return layer


def read_look(parts: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what `look_of` returned; empty when it is missing."""
    return _read(parts, "look", json.loads) or {}


def _read(parts: Mapping[str, bytes], name: str, unpack: Callable[[bytes], Any]) -> Any:
    if name not in parts:
        return None
    try:
        return unpack(parts[name])
    except Exception:
        # The labels themselves are worth more than what goes with them.
        logger.warning("The %s of a layer cannot be read.", name, exc_info=True)
        return None


def set_attributes(layer: Layer, values: Mapping[str, Any]) -> None:
    """Set what `look_of` took from a layer."""
    for name, value in values.items():
        if isinstance(value, list):
            texts = all(isinstance(item, str) for item in value)
            value = tuple(value) if texts else np.array(value)
        try:
            setattr(layer, name, value)
        except Exception:
            logger.warning("The layer's %s cannot be set to %r.", name, value, exc_info=True)


def _attributes(layer: Layer, names: Iterable[str]) -> dict[str, Any]:
    return {name: _jsonable(getattr(layer, name)) for name in names if hasattr(layer, name)}


def _image_of(layer: Labels, layers: Iterable[Layer]) -> Image | None:
    """Image a layer was predicted in, or else the lowest one of its shape."""
    from napari.layers import Image

    record = prediction_of(layer)
    if record is not None:
        return record.image()
    shape = spatial_shape(layer)
    fitting = (x for x in layers if isinstance(x, Image) and spatial_shape(x) == shape)
    return next(fitting, None)


def _source(layer: Layer) -> dict[str, Any]:
    source = layer.source
    sample = list(source.sample) if source.sample else None
    return {"path": file_of(layer), "plugin": source.reader_plugin, "sample": sample}


def _jsonable(value: Any) -> Any:
    if hasattr(value, "affine_matrix"):
        value = value.affine_matrix
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return [item if isinstance(item, int | float | str) else str(item) for item in value]
    return value if isinstance(value, bool | int | float | str) else str(value)


def _plain(value: Any) -> bool:
    """Whether a value is what JSON knows; what is inside is not looked at."""
    return value is None or isinstance(value, bool | int | float | str | list | tuple | dict)


def _differ(now: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether entries came, went or were replaced; ours may also have changed inside."""
    if now.keys() != before.keys():
        return True
    return any(value is not before[key] or key.startswith(KEY) for key, value in now.items())


def _json(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()


def _entries(metadata: Mapping[str, Any]) -> bytes:
    """Pack what can be packed: what another plugin left there must not cost us what is ours."""
    packed = {}
    for key, value in metadata.items():
        try:
            packed[key] = json.loads(_json(value))
        except Exception:
            logger.debug("The journal leaves out the metadata %r.", key, exc_info=True)
    return _json(packed)
