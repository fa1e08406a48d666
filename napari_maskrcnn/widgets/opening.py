"""What napari calls when labels from elsewhere are opened or dropped: a file to a labels layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_maskrcnn.formats import read_file
from napari_maskrcnn.formats.registry import find_reader
from napari_maskrcnn.instances import table_from_labels
from napari_maskrcnn.widgets.layers import spatial_shape, transforms_of
from napari_maskrcnn.widgets.origin import PROVENANCE
from napari_maskrcnn.widgets.prediction import KEY

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Image

    from napari_maskrcnn.formats import LabelData

LayerData = tuple[Any, dict[str, Any], str]
PLUGIN = "napari-maskrcnn"
#: napari's own reader claims every .npy, and cannot read these.
CELLPOSE_PATTERN = "*_seg.npy"


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return what opens a file of labels, or None for any other after a look inside."""
    if not isinstance(path, str):
        return None
    try:
        found = find_reader(Path(path))
    except (ValueError, OSError):
        return None
    return open_labels if found.sniff is not None and found.sniff(Path(path)) else None


def open_labels(path: str) -> list[LayerData]:
    """Read a file into the data of a labels layer.

    Of a file that does not say how large its image is, the labels get the shape of the image in
    the viewer, if all objects lie in it. Over an image of their shape they take its place and
    scale.
    """
    image = _image_below()
    data = _read(Path(path), image)
    options = {
        "name": layer_name(Path(path)),
        "features": features(data),
        "metadata": {KEY: {PROVENANCE: dict(data.provenance)} if data.provenance else {}},
        **_place(data, image),
    }
    if path.lower().endswith(CELLPOSE_PATTERN.removeprefix("*")):
        prefer_for_cellpose()
    return [(_paintable(data.labels), options, "labels")]


def layer_name(path: Path) -> str:
    """Name the layer of a file as those are named that are predicted: after the image."""
    return f"{path.stem.removesuffix('_seg').removesuffix('_labels')} instances"


def features(data: LabelData) -> pd.DataFrame:
    """Return the features table of labels: row i for label i, with what the file knows of it."""
    table = table_from_labels(data.labels)
    if data.table is None:
        return table
    known = data.table.set_index("index")
    for column in ("class", "score"):
        if column in known:
            values = table["index"].map(known[column])
            table[column] = values.where(values.notna(), table[column])
    return table


def prefer_for_cellpose() -> None:
    """Let napari open ``*_seg.npy`` with this plugin without asking, unless told otherwise."""
    from napari.settings import get_settings

    plugins = get_settings().plugins
    if CELLPOSE_PATTERN not in plugins.extension2reader:
        plugins.extension2reader = {CELLPOSE_PATTERN: PLUGIN, **plugins.extension2reader}


def _read(path: Path, image: Image | None) -> LabelData:
    data = read_file(path)
    if image is None:
        return data
    found, wanted = data.labels.shape, spatial_shape(image)
    fits = len(found) == len(wanted) and all(a <= b for a, b in zip(found, wanted, strict=True))
    # A file that says how large its image is gives that size again.
    return read_file(path, shape=wanted) if fits and found != wanted else data


def _image_below() -> Image | None:
    """Return the image that is chosen in the viewer in front, or else the topmost one."""
    from napari import current_viewer
    from napari.layers import Image

    viewer = current_viewer()
    if viewer is None:
        return None
    active = viewer.layers.selection.active
    if isinstance(active, Image):
        return active
    images = [layer for layer in viewer.layers if isinstance(layer, Image)]
    return images[-1] if images else None


def _place(data: LabelData, image: Image | None) -> dict[str, Any]:
    if image is not None and spatial_shape(image) == data.labels.shape:
        return transforms_of(image)
    if data.scale is None:
        return {}
    # Axes before the plane need not be lengths; a file says what they are in another place.
    lengths = min(3, len(data.scale))
    units = ["pixel"] * (len(data.scale) - lengths) + ["um"] * lengths
    return {"scale": data.scale, "units": units}


def _paintable(labels: Any) -> Any:
    """Labels in a type with room for numbers to come."""
    return labels.astype(np.int32) if labels.dtype.itemsize < 4 else labels
