"""TIFF of every kind as a source: stacks, ImageJ's hyperstacks, OME-TIFF, pyramids of slides."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_maskrcnn.formats.tiff import MICROMETRES, pixel_lengths
from napari_maskrcnn.sources.axes import check_axes, guess_axes, unique_axes
from napari_maskrcnn.sources.source import MOST_IN_MEMORY, Source, pixel_sizes

if TYPE_CHECKING:
    import tifffile

_LOG = logging.getLogger(__name__)

TIFF_SUFFIXES = (".tif", ".tiff", ".lsm", ".svs", ".ndpi", ".scn", ".qptiff", ".stk", ".btf")
# What tifffile calls axes of which the file says nothing.
_NAMELESS = set("QIYX")


def open_tiff(path: Path, axes: str | None = None) -> Source:
    """Open the first series of a TIFF.

    Parameters
    ----------
    path : Path
    axes : str, optional
        What the axes are, in place of what the file says.
    """
    import tifffile

    tif = tifffile.TiffFile(path)
    try:
        source = _open(tif, axes)
    except BaseException:
        tif.close()
        raise
    if isinstance(source.array, np.ndarray):
        tif.close()
    return source


def _open(tif: tifffile.TiffFile, axes: str | None) -> Source:
    series = tif.series[0]
    shape = tuple(int(length) for length in series.shape)
    if axes is not None:
        named = check_axes(axes, shape)
    elif series.kind != "ome" and set(series.axes) <= _NAMELESS:
        named = guess_axes(shape)
    else:
        named = unique_axes(series.axes)
    if tif.is_ome and len(tif.series) > 1:
        _LOG.warning("%s holds %d images; the first is taken.", tif.filename, len(tif.series))
    lengths = _ome_lengths(tif) if tif.is_ome else pixel_lengths(tif)
    sizes = pixel_sizes(named, lengths)
    if int(series.nbytes) <= MOST_IN_MEMORY:
        return Source(series.asarray(), named, sizes)
    levels = series.levels if len(series.levels) > 1 else [series]
    lazy = [_lazy(level) for level in levels if len(level.shape) == len(shape)]
    return Source(lazy[0], named, sizes, tuple(lazy[1:]), close=tif.close)


def _lazy(series: Any) -> Any:
    import zarr

    return zarr.open_array(series.aszarr(level=0), mode="r")


def _ome_lengths(tif: tifffile.TiffFile) -> dict[str, float]:
    """Micrometres of a pixel along Z, Y and X as far as an OME-TIFF says them."""
    import tifffile

    try:
        image = tifffile.xml2dict(tif.ome_metadata or "")["OME"]["Image"]
        pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    except Exception:  # whatever the parser makes of damaged metadata: the pixels are still there
        return {}
    found = {}
    for letter in "ZYX":
        size = pixels.get(f"PhysicalSize{letter}")
        unit = MICROMETRES.get(str(pixels.get(f"PhysicalSize{letter}Unit", "µm")).lower())
        if unit is not None and isinstance(size, int | float) and size > 0:
            found[letter] = float(size) * unit
    return found
