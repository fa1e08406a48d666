"""Labels ↔ TIFF that Fiji opens: the smallest integer type, lossless, with the pixel size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.raster import read_pages
from napari_maskrcnn.jobs import Job, Progress

#: Axes of ImageJ's own stacks, by number of dimensions.
_IMAGEJ_AXES = {2: "YX", 3: "ZYX", 4: "TZYX"}
_IMAGEJ_MOST_BYTES = 2**32 - 2**26


def write_tiff(data: LabelData, path: Path) -> Job[None]:
    """Write labels as uint8, uint16 or uint32, whichever is the smallest that holds them."""
    import tifffile

    yield Progress(0, 1, "Writing")
    labels = np.ascontiguousarray(smallest_type(data.labels))
    # ImageJ's stack description knows neither uint32 nor axes of length 1.
    imagej = (
        labels.dtype.itemsize < 4
        and labels.ndim in _IMAGEJ_AXES
        and (labels.ndim == 2 or 1 not in labels.shape)
        and labels.nbytes < _IMAGEJ_MOST_BYTES
    )
    tifffile.imwrite(
        path,
        labels,
        imagej=imagej,
        compression="zlib",
        photometric="minisblack",
        metadata=_imagej_metadata(labels, data.scale) if imagej else {},
        **_resolution(data.scale, imagej),
    )


def read_tiff(path: Path, shape: tuple[int, ...] | None = None) -> LabelData:
    """Read the first series of a TIFF in its own integer type.

    Float images of whole numbers, which ImageJ makes of labels above 65,535, become int32.
    """
    import tifffile

    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        if "S" in series.axes:
            raise ValueError("it is a colour picture; labels have one number a pixel")
        try:
            array = series.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            # tifffile reads LZW only with a large extra package, Pillow always.
            array = read_pages(path)
    return LabelData(array.astype(array.dtype.newbyteorder("="), copy=False))


def smallest_type(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as uint8, uint16 or uint32."""
    largest = int(labels.max())
    for dtype in (np.uint8, np.uint16, np.uint32):
        if largest <= np.iinfo(dtype).max:
            return labels.astype(dtype, copy=False)
    raise ValueError(
        f"The largest label is {largest}, but a TIFF holds at most {2**32 - 1}. Renumber the "
        "labels, for instance with skimage.segmentation.relabel_sequential."
    )


def _imagej_metadata(labels: NDArray[Any], scale: tuple[float, ...] | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": _IMAGEJ_AXES[labels.ndim]}
    # The display range: without it a few labels are black on black.
    metadata |= {"min": 0.0, "max": float(max(labels.max(), 1))}
    if scale is not None:
        metadata["unit"] = "um"
        if labels.ndim > 2:
            metadata["spacing"] = scale[-3]
    return metadata


def _resolution(scale: tuple[float, ...] | None, imagej: bool) -> dict[str, Any]:
    """Pixels a unit in x and y: micrometres in ImageJ's description, else centimetres."""
    if scale is None:
        return {}
    if imagej:
        return {"resolution": (1 / scale[-1], 1 / scale[-2]), "resolutionunit": "NONE"}
    return {"resolution": (1e4 / scale[-1], 1e4 / scale[-2]), "resolutionunit": "CENTIMETER"}
