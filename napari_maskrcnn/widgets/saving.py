"""What napari calls for File → Save Selected Layers: a labels layer to a file of each format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_maskrcnn.formats import export
from napari_maskrcnn.formats.atomic import WriteError
from napari_maskrcnn.formats.registry import find_format, writable
from napari_maskrcnn.widgets.layers import full_data, in_micrometres, series_axes, spatial_shape
from napari_maskrcnn.widgets.origin import Origin, origin_of, read_earlier
from napari_maskrcnn.widgets.prediction import KEY, Prediction

Write = Callable[[str, Any, dict[str, Any]], list[str]]


def writer(name: str) -> Write:
    """Make the function that napari saves a labels layer with, as the format `name`."""

    def write(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
        try:
            return [str(save(name, Path(path), data, meta))]
        except ValueError as error:
            # napari takes a ValueError for "no plugin can write this" and drops its text.
            raise WriteError(str(error)) from error

    write.__doc__ = f"Save the data of a labels layer in the format {name}."
    return write


write_tiff = writer("tiff")
write_ome_zarr = writer("ome-zarr")
write_coco = writer("coco")
write_imagej = writer("imagej")
write_geojson = writer("geojson")
write_yolo = writer("yolo")
write_png = writer("png-labels")
write_cellpose = writer("cellpose")
write_csv = writer("csv")


def save(name: str, path: Path, data: Any, meta: Mapping[str, Any]) -> Path:
    """Save the data of a labels layer; return the file.

    napari's dialog asks before a file is replaced; but it does not know of an ending that is added
    here, nor of folders, so those are not replaced.
    """
    chosen = find_format(path, name, writable())
    target = path
    if not path.name.lower().endswith(chosen.suffixes):
        target = path.with_name(path.name.removesuffix(".npy") + chosen.suffixes[0])
    labels = np.asarray(data[0] if meta.get("multiscale") else data)
    features = meta.get("features")
    scale = meta.get("scale")
    origin, image = _origin(data, meta)
    return export(
        labels,
        target,
        image=image,
        table=features if features is not None and "index" in features else None,
        format=name,
        overwrite=target == path and not chosen.folder,
        scale=None if scale is None else in_micrometres(scale, meta["units"]),
        provenance=origin.provenance(labels),
        name=origin.image_name,
        axes=series_axes(meta.get("axis_labels") or ()),
    )


def _origin(data: Any, meta: Mapping[str, Any]) -> tuple[Origin, Any]:
    """Where the labels come from, and the pixels of their image."""
    metadata = meta.get("metadata", {})
    record = metadata.get(KEY)
    layer = record.layer() if isinstance(record, Prediction) and record.layer else None
    # A duplicate of a layer has its metadata too.
    if layer is None or layer.data is not data:
        return Origin(earlier=read_earlier(metadata)), None
    image = record.image()
    fits = image is not None and spatial_shape(image) == spatial_shape(layer)
    return origin_of(layer), np.asarray(full_data(image)) if fits else None
