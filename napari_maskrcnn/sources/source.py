"""A source: an array of any axes as a sequence of planes, each read when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.images import MOST_CHANNELS
from napari_maskrcnn.sources.axes import channel_axis, check_axes
from napari_maskrcnn.sources.resampled import Resampled, in_squares, squared
from napari_maskrcnn.sources.view import View

#: Images of more bytes are not read as a whole.
MOST_IN_MEMORY = 2**28

#: Position along each axis of the labels, None for the two of the plane.
Plane = tuple[int | None, ...]


def label_axes(axes: str) -> str:
    """Return the axes of the labels of an image: time first, depth last before the plane."""
    channels = channel_axis(axes)
    own = [letter for k, letter in enumerate(axes) if k != channels]
    # The network does not mind a transposed plane.
    places = {"T": 0, "Z": 2, "Y": 3, "X": 3}
    return "".join(sorted(own, key=lambda letter: places.get(letter, 1)))


def pixel_sizes(axes: str, lengths: Mapping[str, float]) -> tuple[float, ...] | None:
    """Return a size for each axis of the labels, 1 where none is known; None without Y and X."""
    # A file whose pixel size is nonsense still has its pixels.
    sound = {letter: float(size) for letter, size in lengths.items() if 0 < size < math.inf}
    if not {"Y", "X"} <= sound.keys():
        return None
    return tuple(sound.get(letter, 1.0) for letter in label_axes(axes))


def _nothing() -> None:
    """Stand for a source that holds nothing open."""


@dataclass(frozen=True, eq=False)
class Source:
    """An image, or many in a stack.

    The labels of it have its axes without the channels, the plane last: an image of axes TCZYX has
    labels of axes TZYX.

    Parameters
    ----------
    array : numpy, dask, zarr or any array with ``shape``, ``dtype`` and slicing
        Read a plane or a piece of one at a time.
    axes : str
        A letter an axis: Y and X the plane, S or C the channels, all others a stack.
    pixel_size : tuple of float, optional
        One for each axis of the labels, in micrometres; 1 where it is no length.
    levels : tuple of arrays
        The same image with smaller planes, and maybe fewer of them, finer ones first.
    close : callable
        Lets go of the file.

    Raises
    ------
    ValueError
        The axes do not fit, or one is empty, or the pixel size has not one number for each.
    """

    array: Any
    axes: str
    pixel_size: tuple[float, ...] | None = None
    levels: tuple[Any, ...] = ()
    close: Callable[[], None] = field(default=_nothing, repr=False)

    def __post_init__(self) -> None:
        shape = tuple(self.array.shape)
        object.__setattr__(self, "axes", check_axes(self.axes, shape))
        if 0 in shape:
            raise ValueError(f"The image has shape {shape}: it holds no pixel.")
        size = self.pixel_size
        sound = size is None or all(0 < one < math.inf for one in size)
        if not sound or (size is not None and len(size) != len(self.label_axes)):
            raise ValueError(
                f"The pixel size must be {len(self.label_axes)} positive numbers, one for each of "
                f"{', '.join(self.label_axes)}; got {size}."
            )

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def stack_axes(self) -> str:
        """Letters of the axes that are neither plane nor channels, in their order."""
        return self.label_axes[:-2]

    @cached_property
    def label_axes(self) -> str:
        """Letters of the axes of the labels."""
        return label_axes(self.axes)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of the labels."""
        return tuple(int(self.array.shape[self.axes.index(one)]) for one in self.label_axes)

    @property
    def channels(self) -> int:
        """How many channels a plane has."""
        at = channel_axis(self.axes)
        return 1 if at is None else int(self.array.shape[at])

    @property
    def planes(self) -> list[Plane]:
        """Every plane, by its position in the labels."""
        return [(*at, None, None) for at in np.ndindex(*self.label_shape[:-2])]

    @property
    def level_shapes(self) -> list[tuple[int, int]]:
        """Height and width of a plane of the full image and of each level."""
        rows, columns = (self.axes.index(letter) for letter in self.label_axes[-2:])
        every = (self.array, *self.levels)
        return [(int(one.shape[rows]), int(one.shape[columns])) for one in every]

    @property
    def reading(self) -> str:
        """How the axes were read, where they are easily meant otherwise; else empty.

        Some programs write three planes as the colours of one picture.
        """
        if self.axes[0] != "S":
            return ""
        return f"its first axis was read as {self.channels} colours (axes {self.axes})"

    @property
    def aspect(self) -> float:
        """Height of a pixel by its width; 1 where the size is not known."""
        return 1.0 if self.pixel_size is None else self.pixel_size[-2] / self.pixel_size[-1]

    def read(self, plane: Plane) -> Any:
        """Return a plane: (H, W) or (H, W, C).

        A numpy array, a `View` that reads what is sliced of it, or, where pixels are not square, a
        `Resampled` of either.
        """
        return in_squares(self._view(self.array, plane), self.aspect)

    def read_level(self, plane: Plane, level: int) -> Any:
        """Return a plane as a coarser level shows it; what is found in it has full-size pixels.

        Parameters
        ----------
        plane : Plane
            Position in the labels of the full image.
        level : int
            0 is the full image, k is ``levels[k - 1]``.
        """
        if level == 0:
            return self.read(plane)
        seen = squared(self._view(self.levels[level - 1], plane), self.aspect)
        return Resampled(seen, (self.label_shape[-2], self.label_shape[-1]))

    def check_link(self, link: str | None) -> None:
        """Raise ValueError when planes cannot be linked: of several axes none has this name.

        Parameters
        ----------
        link : {"z", "t", None}
            As in `PredictSettings`.
        """
        if link is None or len(self.stack_axes) <= 1 or link.upper() in self.stack_axes:
            return
        raise ValueError(
            f"There is no axis {link.upper()} to link along; the axes are {self.axes}. Name them "
            "otherwise, or link nothing."
        )

    @property
    def is_large(self) -> bool:
        """Whether it is too large to be read as a whole without being asked for."""
        size = math.prod(self.array.shape) * np.dtype(self.array.dtype).itemsize
        return size > MOST_IN_MEMORY

    def whole(self) -> NDArray[Any]:
        """Return all of it, however large, the axes of the labels first and the channels last."""
        order = [self.axes.index(letter) for letter in self.label_axes]
        order += [axis for axis in range(len(self.axes)) if axis not in order]
        return np.asarray(self.array[...]).transpose(order)

    def assemble(self, labels: Mapping[Plane, NDArray[np.int32]]) -> NDArray[np.int32]:
        """Put label images of planes (H, W) together; planes that are not there stay empty."""
        whole = np.zeros(self.label_shape, np.int32)
        for plane, image in labels.items():
            whole[tuple(slice(None) if at is None else at for at in plane)] = image
        return whole

    def _view(self, array: Any, plane: Plane) -> Any:
        position = dict(zip(self.stack_axes, plane, strict=False))
        # A coarser level may have fewer planes, too.
        index = tuple(
            None if (at := position.get(letter)) is None else at * int(size) // int(full)
            for letter, size, full in zip(self.axes, array.shape, self.array.shape, strict=True)
        )
        view = View(array, index, channel_axis(self.axes))
        # Slicing memory costs nothing; of many channels only the view knows that they are some.
        small = isinstance(array, np.ndarray) and self.channels <= MOST_CHANNELS
        return np.asarray(view) if small else view
