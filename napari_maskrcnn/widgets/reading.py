"""The pixels of an image layer, for the network: lazily, and of the level that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_maskrcnn.images import MOST_CHANNELS
from napari_maskrcnn.sources.resampled import Resampled, choose_level, squared
from napari_maskrcnn.sources.view import View
from napari_maskrcnn.widgets.layers import PlaneIndex

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True, eq=False)
class Pixels:
    """What a layer held when it was asked: the layer may go or change meanwhile.

    Parameters
    ----------
    levels : tuple of arrays
        numpy, dask or zarr; the finest first, one unless the layer is multiscale.
    rgb : bool
        Whether the last axis holds colours.
    scale : tuple of float or None
        Size of a pixel along each axis without the colours, in one unit; None along axes of another
        kind, such as time.
    channel : int, optional
        Axis that holds the channels of a stack.
    """

    levels: tuple[Any, ...]
    rgb: bool
    scale: tuple[float | None, ...]
    channel: int | None = None

    @classmethod
    def of(cls, image: Image, channel: int | None = None) -> Pixels:
        """Take them from a layer, of which one axis may hold channels; nothing is read."""
        levels = tuple(image.data) if image.multiscale else (image.data,)
        last = image.units[-1]
        scale = tuple(
            abs(float(size)) * float((1 * unit).to(last).magnitude)
            if unit.is_compatible_with(last)
            else None
            for size, unit in zip(image.scale, image.units, strict=True)
        )
        return cls(levels, bool(image.rgb), scale, channel)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of labels over it."""
        lengths = self.levels[0].shape[: len(self.scale)]
        return tuple(1 if k == self.channel else int(n) for k, n in enumerate(lengths))

    def read(self, plane: PlaneIndex, diameter: float | None, known: float | None) -> Any:
        """Return a plane, (H, W) or (H, W, C), of which nothing is read yet unless it is in memory.

        Parameters
        ----------
        plane : PlaneIndex
            Position in the finest level.
        diameter : float, optional
            Of the objects, in pixels of the finest level.
        known : float, optional
            Diameter that the model knows.
        """
        axes = [axis for axis, at in enumerate(plane) if at is None]
        shapes = [tuple(int(level.shape[axis]) for axis in axes) for level in self.levels]
        level = choose_level(shapes, diameter, known)
        view = self.plane(plane, level)
        tall, wide = (self.scale[axis] for axis in axes)
        seen = view if tall is None or wide is None else squared(view, tall / wide)
        if level == 0 and seen is view:
            return view
        height, width = shapes[0]
        return Resampled(seen, (height, width))

    def plane(self, plane: PlaneIndex, level: int = 0) -> Any:
        """Return a plane of a level as it is."""
        array = self.levels[level]
        # A coarser level may have fewer planes, too.
        at = [
            None if k is None else min(k * int(array.shape[axis]) // int(n), array.shape[axis] - 1)
            for axis, (k, n) in enumerate(zip(plane, self.levels[0].shape, strict=False))
        ]
        if self.channel is not None:
            at[self.channel] = None
        index = (*at, None) if self.rgb else tuple(at)
        view = View(array, index, len(index) - 1 if self.rgb else self.channel)
        # Slicing memory costs nothing and keeps what is known of it, but for many channels.
        small = self.channel is None or view.shape[-1] <= MOST_CHANNELS
        return np.asarray(view) if isinstance(array, np.ndarray) and small else view
