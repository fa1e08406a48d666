"""Labels ↔ OME-Zarr 0.4: a pyramid of chunks with colours, axes and pixel size.

The arrays are zarr's own work. The metadata are one mapping of JSON; the library `ome-zarr` would
write the same, but brings clients of Amazon's storage and an old pydantic into napari.

The root is the label image itself, so that every viewer of multiscale images opens it; its
``image-label`` tells those that know labels what it is.
"""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.label_data import STACKS, LabelData
from napari_maskrcnn.formats.table import known_rows, table_from_columns
from napari_maskrcnn.formats.tiff import smallest_type
from napari_maskrcnn.formats.zarr_checks import (
    check_array,
    check_links,
    inside,
    read_attributes,
)
from napari_maskrcnn.jobs import Job, Progress

if TYPE_CHECKING:
    import zarr

_OURS = "napari-maskrcnn"
_AXES = (("t", "time"), ("z", "space"), ("y", "space"), ("x", "space"))
_MICROMETRES = {"nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "meter": 1e6}
_CHUNK = 1024
#: The pyramid ends with a level whose sides are at most this.
_SMALLEST_LEVEL = 256
#: The compressor that every reader of OME-Zarr 0.4 has.
_BLOSC: dict[str, Any] = {"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 1, "blocksize": 0}
_GOLDEN = (np.sqrt(5) - 1) / 2


def write_ome_zarr(data: LabelData, path: Path) -> Job[None]:
    """Write a group of zarr format 2; each level has every second pixel of the one below.

    Raises
    ------
    ValueError
        For more than four axes or labels of more than 32 bits.
    """
    import zarr

    labels = smallest_type(data.labels, "OME-Zarr")
    if labels.ndim > len(_AXES) - data.is_series:
        raise ValueError(
            f"OME-Zarr holds labels of at most four axes (t, z, y, x); got the shape "
            f"{labels.shape}. Export as TIFF."
        )
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    levels = pyramid(labels)
    for level, array in enumerate(levels):
        yield from _write_level(group, str(level), array, Progress(level, len(levels)))
    yield Progress(len(levels), len(levels), "Writing colours")
    group.attrs.update(
        {
            "multiscales": [_multiscale(data, labels.ndim, len(levels))],
            "image-label": _image_label(data),
            _OURS: {"provenance": None if data.provenance is None else dict(data.provenance)},
        }
    )


def read_ome_zarr(path: Path, shape: tuple[int, ...] | None = None) -> LabelData:
    """Read the finest level of a label image, or of the first one inside of an image."""
    import zarr

    check_links(path)
    attributes = read_attributes(path)
    place = path
    children = read_attributes(path / "labels").get("labels")
    if isinstance(children, list) and children:
        place = inside(path / "labels", children[0])
        attributes = read_attributes(place)
    multiscale = attributes["multiscales"][0]
    finest = multiscale["datasets"][0]
    where = inside(place, finest["path"])
    check_array(where)
    array = zarr.open_array(str(where), mode="r")
    if array.dtype.kind not in "iub":
        raise ValueError(f"it is an image of {array.dtype}, not labels")
    labels = np.asarray(array[...])
    own = attributes.get(_OURS)
    said = own.get("provenance") if isinstance(own, dict) else None
    scale = scale_of(multiscale, finest)
    labels, scale = _without_channel(labels, scale, multiscale)
    return LabelData.from_file(labels, scale, said, _table_of(attributes), _axes_of(multiscale))


def is_ome_zarr(path: Path) -> bool:
    """Whether a folder says that it is a multiscale image or holds labels."""
    try:
        return path.is_dir() and (
            "multiscales" in read_attributes(path) or "labels" in read_attributes(path / "labels")
        )
    except ValueError:
        return False


def owns_ome_zarr(path: Path) -> bool:
    """Whether a folder holds nothing but an export."""
    try:
        ours = path.is_dir() and _OURS in read_attributes(path)
    except ValueError:
        return False
    return ours and all(
        entry.name in (".zgroup", ".zattrs", ".zmetadata") or entry.name.isdecimal()
        for entry in path.iterdir()
    )


def pyramid(labels: NDArray[Any]) -> list[NDArray[Any]]:
    """Halve the planes until they are small: (…, H, W) views, the finest first.

    Every second pixel as it is: numbers of objects have no mean.
    """
    levels = [labels]
    while max(levels[-1].shape[-2:]) > _SMALLEST_LEVEL:
        levels.append(levels[-1][..., ::2, ::2])
    return levels


def _write_level(group: zarr.Group, name: str, array: NDArray[Any], step: Progress) -> Job[None]:
    leading = (1,) * (array.ndim - 2)
    stored = group.create_array(
        name,
        shape=array.shape,
        dtype=array.dtype,
        chunks=(*leading, *(min(_CHUNK, side) for side in array.shape[-2:])),
        compressors=_BLOSC,
        fill_value=0,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    for index in np.ndindex(array.shape[:-2]):
        for top in range(0, array.shape[-2], _CHUNK):
            yield Progress(step.done, step.total, "Writing")
            rows = (*index, slice(top, top + _CHUNK))
            stored[rows] = np.ascontiguousarray(array[rows])


def _multiscale(data: LabelData, ndim: int, levels: int) -> dict[str, Any]:
    # A series has no depth.
    known = (_AXES[0], *_AXES[2:]) if data.is_series else _AXES
    axes = [{"name": name, "type": kind} for name, kind in known[-ndim:]]
    if data.scale is not None:
        for axis in axes:
            if axis["type"] == "space":
                axis["unit"] = "micrometer"
    sizes = data.scale or (1.0,) * ndim
    datasets = []
    for level in range(levels):
        # The pixels that stay are where they were, so that no level is shifted.
        scale = [*sizes[:-2], *(size * 2**level for size in sizes[-2:])]
        datasets.append(
            {
                "path": str(level),
                "coordinateTransformations": [{"type": "scale", "scale": scale}],
            }
        )
    return {
        "version": "0.4",
        "name": data.name or "labels",
        "type": "nearest",
        "metadata": {"description": "Each level has every second pixel of the one before."},
        "axes": axes,
        "datasets": datasets,
    }


def _image_label(data: LabelData) -> dict[str, Any]:
    """Colours of neighbouring numbers far apart; class and score as properties."""
    labels, classes, scores = known_rows(data)
    colors = [{"label-value": 0, "rgba": [0, 0, 0, 0]}]
    colors += [{"label-value": label, "rgba": _color(label)} for label in labels]
    described: dict[str, Any] = {"version": "0.4", "colors": colors}
    properties = []
    for label, name, score in zip(labels, classes, scores, strict=True):
        said = {"class": name} if name else {}
        known = {"score": score} if np.isfinite(score) else {}
        if said or known:
            properties.append({"label-value": label, **said, **known})
    if properties:
        described["properties"] = properties
    return described


def _color(label: int) -> list[int]:
    hue = (label * _GOLDEN) % 1
    rgb = colorsys.hsv_to_rgb(hue, (0.55, 0.8, 1.0)[label % 3], (1.0, 0.8)[label % 2])
    return [*(round(255 * part) for part in rgb), 255]


def scale_of(multiscale: dict[str, Any], finest: dict[str, Any]) -> list[float] | None:
    """Return micrometres along each axis of a level; None where no axis has a unit of length."""
    axes = multiscale.get("axes", [])
    if not any(isinstance(axis, dict) and axis.get("unit") in _MICROMETRES for axis in axes):
        return None
    sizes = np.array([_MICROMETRES.get(axis.get("unit"), 1.0) for axis in axes])
    for holder in (finest, multiscale):
        for change in holder.get("coordinateTransformations", []):
            if change.get("type") == "scale":
                factors = change.get("scale")
                if not _are_numbers(factors, len(axes)):
                    return None
                sizes = sizes * np.array(factors, dtype=float)
    return list(map(float, sizes))


def _are_numbers(values: object, count: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(value, int | float) for value in values)
    )


def _without_channel(
    labels: NDArray[Any], scale: list[float] | None, multiscale: dict[str, Any]
) -> tuple[NDArray[Any], list[float] | None]:
    """Leave out the axis of one channel that other programs give labels."""
    names = _names_of(multiscale)
    if "c" not in names or len(names) != labels.ndim or labels.shape[names.index("c")] != 1:
        return labels, scale
    at = names.index("c")
    return labels.squeeze(at), scale and scale[:at] + scale[at + 1 :]


def _names_of(multiscale: dict[str, Any]) -> list[Any]:
    return [axis.get("name") for axis in multiscale.get("axes", []) if isinstance(axis, dict)]


def _axes_of(multiscale: dict[str, Any]) -> str | None:
    """Return the letters of a stack's axes without a channel; None where they are no others."""
    letters = "".join(str(name).upper() for name in _names_of(multiscale) if name != "c")
    return letters if letters in STACKS else None


def _table_of(attributes: dict[str, Any]) -> Any:
    described = attributes.get("image-label")
    properties = described.get("properties") if isinstance(described, dict) else None
    if not isinstance(properties, list):
        return None
    rows = [row for row in properties if isinstance(row, dict) and "label-value" in row]
    if not any("class" in row or "score" in row for row in rows):
        return None
    return table_from_columns(
        {
            "index": [row["label-value"] for row in rows],
            "class": [row.get("class", "") for row in rows],
            "score": [row.get("score", np.nan) for row in rows],
        }
    )
