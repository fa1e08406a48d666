"""Labels ↔ TIFF that Fiji opens: the smallest integer type, lossless, with the pixel size.

The pages are described as ImageJ describes its hyperstacks, and its *Info* text, which Fiji shows,
says in JSON what has no place elsewhere: the exact shape, pixel size, and provenance.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.json_file import number, sizes, text
from napari_maskrcnn.formats.label_data import STACKS, LabelData
from napari_maskrcnn.formats.limits import check_shape
from napari_maskrcnn.formats.raster import read_pages
from napari_maskrcnn.jobs import Job, Progress

if TYPE_CHECKING:
    import tifffile

#: More bytes of pixels may not fit into a TIFF of 32-bit addresses.
MOST_CLASSIC_BYTES = 2**32 - 2**26
#: Micrometres in what other programs call their unit; ImageJ writes µ in several ways.
MICROMETRES = {
    **dict.fromkeys(("um", "µm", "μm", "\\u00b5m", "micron", "microns", "micrometer"), 1.0),
    **{"nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6},
}
_OURS = "napari-maskrcnn"
#: Tags hold lengths as fractions of whole numbers, and other programs round them.
_SAME_LENGTH = 1e-3


def write_tiff(data: LabelData, path: Path) -> Job[None]:
    """Write labels as uint8, uint16 or uint32, whichever is the smallest that holds them."""
    import tifffile

    labels = smallest_type(data.labels, "a TIFF")
    planes = labels.reshape(-1, *labels.shape[-2:])
    described: dict[str, Any] = {
        "description": _description(labels, data),
        "extratags": tifffile.imagej_metadata_tag({"Info": _info(data)}, "<"),
    }
    with tifffile.TiffWriter(path, byteorder="<", bigtiff=_is_large(labels)) as tif:
        for done, plane in enumerate(planes):
            yield Progress(done, len(planes), "Writing")
            tif.write(
                np.ascontiguousarray(plane),
                compression="zlib",
                photometric="minisblack",
                metadata=None,
                **_resolution(data.scale),
                **described,
            )
            described = {}


def read_tiff(path: Path, shape: tuple[int, ...] | None = None) -> LabelData:
    """Read the first series of a TIFF in its own integer type, with its pixel size.

    Float images of whole numbers, which ImageJ makes of labels above 65,535, become int32. What
    the *Info* says of shape, pixel size and axes counts as far as pages and tags still agree: other
    programs keep it when they turn or crop an image.
    """
    import tifffile

    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        if "S" in series.axes:
            raise ValueError("it is a colour picture; labels have one number a pixel")
        check_shape([int(size) for size in series.shape])
        try:
            array = series.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            # tifffile reads LZW only with a large extra package, Pillow always.
            array = read_pages(path)
        own, lengths = _read_info(tif), pixel_lengths(tif)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    wanted = sizes(own.get("shape"))
    named = text(own.get("axes")).upper()
    as_written = wanted is not None and _holds(array.shape, wanted, named)
    if wanted is not None and as_written:
        array = array.reshape(wanted)
    # The pages say themselves what a stack is; other letters only the text.
    if len(series.axes) == array.ndim and series.axes in STACKS and named in ("", *STACKS):
        named = series.axes
    scale = own.get("scale")
    if not as_written or not _agree(scale, lengths, named):
        scale = _scale_of(lengths, array.ndim)
    said = own.get("provenance")
    return LabelData.from_file(array, scale=scale, provenance=said, axes=named or None)


def smallest_type(labels: NDArray[Any], holder: str) -> NDArray[Any]:
    """Labels as uint8, uint16 or uint32; `holder` names what can hold no more."""
    largest = int(labels.max())
    for dtype in (np.uint8, np.uint16, np.uint32):
        if largest <= np.iinfo(dtype).max:
            return labels.astype(dtype, copy=False)
    raise ValueError(
        f"The largest label is {largest}, but {holder} holds at most {2**32 - 1}. Renumber the "
        "labels, for instance with skimage.segmentation.relabel_sequential."
    )


def _is_large(labels: NDArray[Any]) -> bool:
    return labels.nbytes > MOST_CLASSIC_BYTES


def _description(labels: NDArray[Any], data: LabelData) -> str:
    """Describe a hyperstack of (frames, slices); further axes in front are frames as well."""
    import tifffile

    scale = data.scale
    frames, slices = _hyperstack(labels.shape, data.is_series)
    # The display range: without it a few labels are black on black.
    metadata: dict[str, Any] = {"min": 0.0, "max": float(max(labels.max(), 1))}
    if scale is not None:
        metadata["unit"] = "um"
        if labels.ndim > 2 and not data.is_series:
            metadata["spacing"] = scale[-3]
    shape = (frames, slices, 1, *labels.shape[-2:])
    return tifffile.imagej_description(shape, "TZCYX", **metadata)


def _hyperstack(shape: tuple[int, ...], is_series: bool) -> tuple[int, int]:
    """Return how many frames and slices labels of a shape have."""
    leading = (1, 1, *shape[:-2], *((1,) if is_series else ()))
    return math.prod(leading[:-1]), leading[-1]


def _holds(stored: tuple[int, ...], shape: tuple[int, ...], axes: str) -> bool:
    """Whether pages can be those of labels of a shape: readers leave out axes of length 1."""
    pages = _hyperstack(shape, axes[:-2].endswith("T"))
    long = [length for length in stored[:-2] if length != 1]
    as_one = [length for length in (math.prod(pages),) if length != 1]
    wanted = [length for length in pages if length != 1]
    return stored[-2:] == shape[-2:] and long in (wanted, as_one)


def _resolution(scale: tuple[float, ...] | None) -> dict[str, Any]:
    """Pixels a micrometre in x and y: the unit is in ImageJ's description."""
    if scale is None:
        return {}
    return {"resolution": (1 / scale[-1], 1 / scale[-2]), "resolutionunit": "NONE"}


def _info(data: LabelData) -> str:
    own: dict[str, Any] = {"shape": list(data.labels.shape)}
    if data.scale is not None:
        own["scale"] = list(data.scale)
    if data.axes is not None:
        own["axes"] = data.axes
    if data.provenance is not None:
        own["provenance"] = dict(data.provenance)
    return json.dumps({_OURS: own}, indent=1)


def _read_info(tif: tifffile.TiffFile) -> dict[str, Any]:
    try:
        own = json.loads((tif.imagej_metadata or {})["Info"])[_OURS]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return own if isinstance(own, dict) else {}


def pixel_lengths(tif: tifffile.TiffFile) -> dict[str, float]:
    """Micrometres of a pixel along Y, X and, where a TIFF says it, Z; empty where it says none."""
    tags, metadata = tif.pages.first.tags, tif.imagej_metadata
    if "XResolution" not in tags or "YResolution" not in tags:
        return {}
    try:
        x, y = (
            tags[name].value[1] / tags[name].value[0] for name in ("XResolution", "YResolution")
        )
    except (TypeError, ZeroDivisionError, IndexError):
        return {}
    if metadata is not None and "unit" in metadata:
        unit = MICROMETRES.get(str(metadata["unit"]).strip().lower())
        depth = float(metadata.get("spacing", 0)) or None
    else:
        # Inches are what programs write that know no size at all.
        centimetres = "ResolutionUnit" in tags and tags["ResolutionUnit"].value == 3
        unit, depth = (1e4 if centimetres else None), None
    if unit is None:
        return {}
    return {"Y": y * unit, "X": x * unit, **({"Z": depth * unit} if depth else {})}


def _agree(scale: Any, lengths: dict[str, float], axes: str) -> bool:
    """Whether a pixel size is the one that the tags say, as far as they say it."""
    if not isinstance(scale, list) or not lengths:
        return False
    letters = f"{'' if axes[:-2].endswith('T') else 'Z'}YX"
    said = dict(zip(reversed(letters), map(number, reversed(scale)), strict=False))
    return all(
        math.isclose(said[letter], length, rel_tol=_SAME_LENGTH)
        for letter, length in lengths.items()
        if letter in said
    )


def _scale_of(lengths: dict[str, float], ndim: int) -> list[float] | None:
    """Pixel size in micrometres; 1 along axes in front of z. None where it is not said."""
    if not lengths:
        return None
    stack = [1.0] * (ndim - 3) + [lengths.get("Z", 1.0)] if ndim > 2 else []
    return [*stack, lengths["Y"], lengths["X"]]
