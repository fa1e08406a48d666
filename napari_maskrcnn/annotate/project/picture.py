"""The pixels of an image of a project as the window shows them: all in memory, colours last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.image_states import Plane
from napari_maskrcnn.sources.axes import UNKNOWN, channel_axis, unique_axes
from napari_maskrcnn.sources.opening import open_image
from napari_maskrcnn.sources.resampled import Resampled, squared
from napari_maskrcnn.sources.source import Source

#: An image and its labels have to fit into the memory; these take as much again or more.
MOST_BYTES = 2**32
#: Lengths of an axis of colours.
COLOURS = (3, 4)
_LENGTHS = "ZYX"


@dataclass(frozen=True, eq=False)
class Picture:
    """An image with its axes and the size of its pixels.

    Attributes
    ----------
    image : (…, H, W) or (…, H, W, C) array
        Its pixels; channels that are no colours are a stack, as in the viewer.
    axes : str
        A letter for each axis of its labels, the plane last.
    scale : tuple of float, optional
        Size of a pixel along these axes, micrometres along Z, Y and X; None when the file says
        nothing.
    """

    image: NDArray[Any]
    axes: str
    scale: tuple[float, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its labels."""
        return self.image.shape[: len(self.axes)]

    @property
    def rgb(self) -> bool:
        """Whether the last axis holds colours."""
        return self.image.ndim > len(self.axes)

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of each axis of the labels."""
        known = self.scale is not None
        return tuple("um" if known and letter in _LENGTHS else "pixel" for letter in self.axes)

    def plane(self, plane: Plane) -> Any:
        """Return a plane, (H, W) or (H, W, C), as a prediction looks at it: its pixels square."""
        image = self.image[tuple(slice(None) if at is None else at for at in plane)]
        aspect = self.scale[-2] / self.scale[-1] if self.scale is not None else 1.0
        seen = squared(image, aspect)
        return image if seen is image else Resampled(seen, image.shape[:2])


def read_picture(path: Path) -> Picture:
    """Read an image file, or the folder of a zarr.

    Raises
    ------
    FileNotFoundError
    ValueError
        It cannot be read, or is too large for a project; the message names the file.
    """
    with open_image(path) as source:
        at = channel_axis(source.axes)
        if at is None or (source.axes[at] == "S" and source.channels in COLOURS):
            return _picture(path, source)
        letters = [UNKNOWN if k == at else letter for k, letter in enumerate(source.axes)]
    with open_image(path, unique_axes(letters)) as source:
        return _picture(path, source)


def _picture(path: Path, source: Source) -> Picture:
    size = np.dtype(source.array.dtype).itemsize * int(np.prod(source.array.shape, dtype=object))
    if size > MOST_BYTES:
        raise ValueError(
            f"{path}: takes {size / 2**30:.0f} GB, and a project holds images of up to "
            f"{MOST_BYTES / 2**30:.0f} GB. Cut it into parts, or predict it in the tab Predict."
        )
    order = [source.axes.index(letter) for letter in source.label_axes]
    order += [axis for axis in range(len(source.axes)) if axis not in order]
    image = np.asarray(source.array[...]).transpose(order)
    return Picture(image, source.label_axes, source.pixel_size)
