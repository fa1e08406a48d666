"""Zarr and OME-Zarr as a source: the pyramid as it is stored, its axes and pixel size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.formats.ome_zarr import scale_of
from napari_maskrcnn.formats.zarr_checks import check_array, check_links, inside, read_attributes
from napari_maskrcnn.sources.axes import check_axes, guess_axes, letter_of, unique_axes
from napari_maskrcnn.sources.source import Source, pixel_sizes

if TYPE_CHECKING:
    import zarr

# The axes of OME-Zarr before it named them.
_FIRST_AXES = "TCZYX"


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    return path.is_dir() and any(
        (path / name).is_file() for name in (".zarray", ".zgroup", ".zattrs", "zarr.json")
    )


def open_zarr(path: Path, axes: str | None = None) -> Source:
    """Open a zarr array, or the image of an OME-Zarr with all its levels.

    Raises
    ------
    ValueError
        There is no image in it, or it asks for something outside of its folder.
    """
    check_links(path)
    attributes = read_attributes(path)
    multiscales = attributes.get("multiscales")
    if isinstance(multiscales, list) and multiscales:
        return _open_multiscale(path, multiscales[0], axes)
    if not (path / ".zarray").is_file() and is_zarr(path / "0"):
        # A folder of images, as Bio-Formats writes them, or of levels without a word about them.
        return open_zarr(path / "0", axes)
    array = _open(path)
    names = getattr(array.metadata, "dimension_names", None)
    shape = array.shape
    if axes is not None:
        named = check_axes(axes, shape)
    elif names and all(isinstance(name, str) and name for name in names):
        named = unique_axes([letter_of(name) for name in names])
    else:
        named = guess_axes(shape)
    return Source(array, named)


def _open_multiscale(path: Path, multiscale: dict[str, Any], axes: str | None) -> Source:
    datasets = multiscale.get("datasets") if isinstance(multiscale, dict) else None
    if not datasets or not all(isinstance(one, dict) and "path" in one for one in datasets):
        raise ValueError("its list of levels is damaged")
    arrays = [_open(inside(path, dataset["path"])) for dataset in datasets]
    first = arrays[0]
    said = multiscale.get("axes") or list(_FIRST_AXES)
    if axes is None and len(said) != first.ndim:
        raise ValueError(
            f"it names {len(said)} axes, but its array has {first.ndim}; name them (--axes on the "
            "command line)"
        )
    names = [one.get("name") if isinstance(one, dict) else one for one in said]
    named = unique_axes([letter_of(name) for name in names]) if axes is None else axes
    named = check_axes(named, first.shape)
    scale = scale_of(multiscale, datasets[0]) if len(said) == first.ndim else None
    lengths = dict(zip(named, scale, strict=False)) if scale is not None else {}
    coarser = tuple(array for array in arrays[1:] if array.ndim == first.ndim)
    return Source(first, named, pixel_sizes(named, lengths), coarser)


def _open(folder: Path) -> zarr.Array[Any]:
    import zarr

    if not any((folder / name).is_file() for name in (".zarray", "zarr.json")):
        raise ValueError("there is no image in this folder")
    check_array(folder, whole=False)
    return zarr.open_array(str(folder), mode="r")
