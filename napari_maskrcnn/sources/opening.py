"""Open any image file as a source of planes."""

from __future__ import annotations

from pathlib import Path

from napari_maskrcnn.images import IMAGE_SUFFIXES, read_image
from napari_maskrcnn.sources.axes import guess_axes
from napari_maskrcnn.sources.plugins import MICROSCOPES, open_with_plugin
from napari_maskrcnn.sources.source import Source
from napari_maskrcnn.sources.tiff import TIFF_SUFFIXES, open_tiff
from napari_maskrcnn.sources.zarr import is_zarr, open_zarr

#: Files in a folder that are taken for images.
SUFFIXES = tuple(dict.fromkeys((*IMAGE_SUFFIXES, *TIFF_SUFFIXES, *MICROSCOPES)))


def open_image(path: str | Path, axes: str | None = None) -> Source:
    """Open an image file; its pixels are read when they are asked for, where it is large.

    TIFF with stacks, channels and pyramids, OME-TIFF, PNG, JPEG, BMP, zarr and OME-Zarr are read by
    itself, any other kind by a napari plugin that is installed.

    Parameters
    ----------
    path : str or Path
        A file, or the folder of a zarr.
    axes : str, optional
        One letter an axis, such as ``ZCYX``, in place of what the file says: Y and X the plane, C
        its channels, S the samples of a colour, Z depth, T time, any other letter a stack.

    Returns
    -------
    Source
        Close it, or use it in a ``with`` statement.

    Raises
    ------
    FileNotFoundError
    ValueError
        It cannot be read, or its axes are not known; the message names the file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file.")
    if path.is_dir() and not is_zarr(path):
        raise ValueError(f"{path}: is a folder, and no zarr.")
    if not path.is_dir() and not path.is_file():
        # Opening a pipe would wait for ever for somebody who writes into it.
        raise ValueError(f"{path}: is no file but a pipe or a device; save the image in a file.")
    try:
        return _open(path, axes)
    except Exception as error:
        # Decoders raise whatever they like on a broken file; people need the file's name.
        text = str(error) or type(error).__name__
        if text.startswith(str(path)):
            raise
        text = text.removesuffix(".")
        raise ValueError(f"{path}: cannot be read as an image ({text}).") from error


def is_image(path: Path) -> bool:
    """Whether a file or folder looks like an image, by its name or as a zarr."""
    return is_zarr(path) if path.is_dir() else path.suffix.lower() in SUFFIXES


def _open(path: Path, axes: str | None) -> Source:
    if path.is_dir():
        return open_zarr(path, axes)
    suffix = path.suffix.lower()
    if suffix in TIFF_SUFFIXES:
        return open_tiff(path, axes)
    if suffix in IMAGE_SUFFIXES:
        image = read_image(path)
        return Source(image, guess_axes(image.shape) if axes is None else axes)
    return open_with_plugin(path, axes)
