"""Any image to what the network reads: three float32 channels, channels first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")
SMALLEST_SIDE = 4
# Last axes of this length or less are channels, not pixels.
MOST_CHANNELS = 16
# Larger values are taken for errors of measurement, like infinity.
LARGEST = 1e30
LOW_PERCENT, HIGH_PERCENT = 1.0, 99.8
STACK_TO_PREDICT = "For a stack use the window, or predict_stack in Python."

#: Raw values of an image: float32, or float64 where that does not hold them.
Raw = NDArray[np.float32] | NDArray[np.float64]


class NoFinitePixelError(ValueError):
    """An image, or what is looked at of it, is NaN or infinite everywhere."""


def check_image(image: ArrayLike, for_stack: str = STACK_TO_PREDICT) -> NDArray[Any]:
    """Return a single image as an array, or say what is wrong with it.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Any real integer, float or boolean type.
    for_stack : str
        What to do with a stack, for the message.

    Raises
    ------
    ValueError
        Not one 2-D image, not numbers, smaller than 4 pixels, or without a finite pixel.
    """
    array = np.asarray(image)
    check_form(array, for_stack)
    if array.dtype.kind == "f" and not np.isfinite(array).any():
        raise NoFinitePixelError("The image has no finite pixel (all are NaN or infinite).")
    return array


def as_image(image: Any) -> Any:
    """Return anything with a shape and a type as it is, unread, and the rest as an array.

    Masked pixels of a masked array take the least value that is not masked, as those do that are
    not finite.

    Raises
    ------
    ValueError
        It is the name of a file, or all of it is masked.
    """
    if isinstance(image, str | Path):
        raise ValueError(
            f"{str(image)!r} is the name of a file; give its pixels, such as "
            "skimage.io.imread(name), or predict the file on the command line."
        )
    if isinstance(image, np.ma.MaskedArray) and image.dtype.kind in "buif":
        values = image.compressed()
        if image.size and not values.size:
            raise NoFinitePixelError("The image has no pixel that is not masked.")
        return image.filled(np.fmin.reduce(values)) if values.size else image.data
    of_pixels = hasattr(image, "shape") and isinstance(getattr(image, "dtype", None), np.dtype)
    return image if of_pixels else np.asarray(image)


def check_form(image: Any, for_stack: str = STACK_TO_PREDICT) -> tuple[int, int]:
    """Return height and width of a single image, or say what is wrong with its shape or type.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Anything with ``shape`` and ``dtype``; no pixel is read.
    for_stack : str
        What to do with a stack, for the message.

    Raises
    ------
    ValueError
        Not one 2-D image, not numbers, smaller than 4 pixels, or of a size that is not known.
    """
    check_known(image.shape)
    shape, dtype = tuple(int(n) for n in image.shape), np.dtype(image.dtype)
    if dtype.kind not in "buif":
        remedy = "take their magnitude, numpy.abs" if dtype.kind == "c" else "convert it"
        raise ValueError(
            f"The image has values of type {dtype}; real numbers are needed: {remedy}."
        )
    # An image that knows its axis of channels may have many; else a long last axis are pixels.
    most = MOST_CHANNELS if getattr(image, "channel", None) is None else shape[-1]
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] > most):
        raise ValueError(
            f"The image has shape {shape}; one plane is (height, width) or (height, width, "
            f"channels). {for_stack}"
        )
    if shape[2:] == (0,):
        raise ValueError(f"The image has shape {shape}: it has no channels.")
    if min(shape[:2]) < SMALLEST_SIDE:
        raise ValueError(
            f"The image is {shape[0]} × {shape[1]} px; at least "
            f"{SMALLEST_SIDE} × {SMALLEST_SIDE} px are needed to find objects."
        )
    return shape[0], shape[1]


def check_known(shape: Sequence[float]) -> None:
    """Raise ValueError for the shape of a dask array whose lengths nobody knows yet."""
    if any(n != n for n in shape):
        raise ValueError(
            f"The image has shape {tuple(shape)}: dask does not know its size. Call "
            "compute_chunk_sizes() on it first."
        )


def to_chw(image: ArrayLike, channels: Sequence[int] | None = None) -> Raw:
    """Three raw channels of an image.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Any real type. The alpha channel of an RGBA image is left out.
    channels : sequence of int, optional
        One to three indices along the last axis; one is repeated, of two the third is empty.
        Default: all three of an RGB image, else the first.

    Returns
    -------
    (3, H, W) float32, or float64 of a type whose values float32 cannot tell apart
        Values as they were; pixels that are not finite take the least finite value.
    """
    array = check_image(image)
    array = array[..., None] if array.ndim == 2 else array
    chosen = _channels(array.shape[2], channels)
    if array.dtype.kind == "f" and not np.isfinite(array[..., list(chosen)]).any():
        raise NoFinitePixelError(f"The chosen channels {chosen} of the image have no finite pixel.")
    return channels_first(array, chosen)


def choose_channels(image: Any, channels: Sequence[int] | None = None) -> NDArray[Any]:
    """Channels of an image, which by themselves make the picture that `to_chw` makes of them.

    Parameters
    ----------
    image : (H, W, C) array
        Anything with ``shape`` and slicing; of other channels no pixel is read.
    channels : sequence of int, optional
        As for `to_chw`.

    Returns
    -------
    (H, W) or (H, W, 3)
        A copy, of the type of the image. Of two channels the third is empty.
    """
    chosen = _channels(int(image.shape[2]), channels)
    planes = [np.array(image[:, :, c : c + 1]) for c in chosen]
    if len(planes) == 1:
        return planes[0][..., 0]
    if len(planes) == 2:
        empty = channels_first(np.concatenate(planes, -1), (0, 1))[2, :, :, None]
        planes.append(empty.astype(planes[0].dtype))
    return np.concatenate(planes, -1)


def channels_first(
    image: NDArray[Any], channels: Sequence[int] | None = None, floor: float | None = None
) -> Raw:
    """Do what `to_chw` does for part of an image that was checked; it may have no finite pixel.

    `floor` is the least finite value of the whole image, if it is known.
    """
    array = image[..., None] if image.ndim == 2 else image
    chosen = _channels(array.shape[2], channels)
    planes = np.stack([array[..., c] for c in chosen])
    if planes.dtype.kind == "f":
        # NaN fails both comparisons; float16 does not hold the limit.
        planes = planes.astype(np.promote_types(planes.dtype, np.float32))
        finite = (planes > -LARGEST) & (planes < LARGEST)
        if not finite.all():
            least = planes[finite].min() if floor is None and finite.any() else floor or 0
            planes = np.where(finite, planes, least)
    # A detector's counts on an offset of 1e7 are all one number in float32.
    planes = planes.astype(np.result_type(planes.dtype, np.float32), copy=False)
    if len(chosen) == 1:
        planes = np.repeat(planes, 3, axis=0)
    elif len(chosen) == 2:
        least = planes.min() if floor is None else floor
        planes = np.concatenate([planes, np.full_like(planes[:1], least)])
    return planes


def _channels(count: int, channels: Sequence[int] | None) -> tuple[int, ...]:
    if channels is None:
        return (0, 1, 2) if count in (3, 4) else (0,)
    chosen = tuple(channels)
    if not 1 <= len(chosen) <= 3 or any(c not in range(count) for c in chosen):
        if count == 1:
            raise ValueError(f"channels is {chosen}; leave it out, for the image has 1 channel.")
        raise ValueError(
            f"channels is {chosen}; give one to three numbers from 0 to {count - 1}, for the image "
            f"has {count} channels."
        )
    return tuple(int(c) for c in chosen)


def stretch(chw: Raw, limits: tuple[float, float] | None = None) -> NDArray[np.float32]:
    """Stretch (3, H, W) between its 1st and 99.8th percentile to [0, 1]; bright ones may exceed 1.

    All channels share the limits, so that colours stay. A constant image becomes 0.

    Parameters
    ----------
    chw : (3, H, W) float32 or float64
        Raw values.
    limits : (float, float), optional
        Values that become 0 and 1, for a tile of a larger image.
    """
    low, high = limits or percentiles(chw)
    if high <= low:
        return np.zeros(chw.shape, np.float32)
    return ((chw - low) / (high - low)).clip(-0.5, 2.0).astype(np.float32, copy=False)


def percentiles(chw: Raw) -> tuple[float, float]:
    """Limits for `stretch`, from at most about a million pixels."""
    step = max(1, int(np.sqrt(chw[0].size / 1_000_000)))
    low, high = np.percentile(chw[:, ::step, ::step], (LOW_PERCENT, HIGH_PERCENT))
    if high <= low:
        low, high = float(chw.min()), float(chw.max())
    return float(low), float(high)


def unit(chw: Raw, dtype: np.dtype[Any]) -> NDArray[np.float32]:
    """Divide by the largest value of an integer type, as photographs are read; floats stay."""
    largest = np.iinfo(dtype).max if dtype.kind in "ui" else 1
    return (chw / np.float32(largest)).astype(np.float32, copy=False)


def is_constant(image: ArrayLike) -> bool:
    """Whether all finite pixels have one value: then there is nothing to find."""
    array = np.asarray(image)
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return bool(finite.size == 0 or finite.min() == finite.max())


def read_image(path: str | Path) -> NDArray[Any]:
    """Read a TIFF, PNG, JPEG or BMP file.

    Raises
    ------
    ValueError
        The file is of another kind or cannot be decoded; the message names it.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise ValueError(f"{path}: not a known image type; known are {', '.join(IMAGE_SUFFIXES)}.")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    try:
        if suffix in (".tif", ".tiff"):
            import tifffile

            return np.asarray(tifffile.imread(path))
        with _open_picture(path) as image:
            # A palette's indices are no intensities.
            return np.asarray(image.convert("RGB") if image.mode in ("P", "CMYK") else image)
    except Exception as error:
        # Decoders raise whatever they like on a broken file; people need the file's name.
        raise ValueError(f"{path}: cannot be read as an image ({error}).") from error


def _open_picture(path: Path) -> Any:
    """Open a PNG, JPEG or BMP, however large."""
    from PIL import Image
    from PIL.BmpImagePlugin import BmpImageFile
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    from napari_maskrcnn.formats.limits import checked

    with path.open("rb") as file:
        head = file.read(4)
    kinds: dict[bytes, Callable[[Path], Image.Image]] = {
        b"\x89PNG": PngImageFile,
        b"\xff\xd8": JpegImageFile,
        b"BM": BmpImageFile,
    }
    kind = next((kind for start, kind in kinds.items() if head.startswith(start)), None)
    # What only has the suffix of one of them may still be a picture.
    return checked(Image.open(path) if kind is None else kind(path))
