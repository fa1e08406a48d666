"""What an exporter writes: checked labels, and what is known about the objects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

#: Axes of a stack of slices, of a series, and of a series of stacks.
STACKS = ("ZYX", "TYX", "TZYX")
_LARGEST = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class LabelData:
    """Labels of one image, checked, with all that belongs to them.

    Attributes
    ----------
    labels : (…, H, W) integers
        0 is the background.
    image : (…, H, W) or (…, H, W, C), optional
        The image that the labels belong to, for intensities.
    table : DataFrame, optional
        A row an object, with its label in the column ``index``, and ``class`` and ``score``.
    scale : one float an axis of ``labels``, optional
        Size of a pixel in micrometres.
    provenance : mapping, optional
        Where the labels come from, in values that JSON knows.
    name : str, optional
        Name of the image.
    axes : str, optional
        One letter an axis of ``labels``: Y and X the plane, T time, Z depth. Without it an axis
        before the plane is depth, and one before that time.
    """

    labels: NDArray[Any]
    image: NDArray[Any] | None = None
    table: pd.DataFrame | None = None
    scale: tuple[float, ...] | None = None
    provenance: Mapping[str, Any] | None = None
    name: str | None = None
    axes: str | None = None

    @property
    def is_series(self) -> bool:
        """Whether the last axis before the plane is time."""
        return self.axes is not None and self.axes[:-2].endswith("T")

    @classmethod
    def checked(
        cls,
        labels: ArrayLike,
        image: ArrayLike | None = None,
        table: pd.DataFrame | None = None,
        scale: Sequence[float] | None = None,
        provenance: Mapping[str, Any] | None = None,
        name: str | None = None,
        axes: str | None = None,
    ) -> LabelData:
        """Check that the parts are valid and fit each other.

        Raises
        ------
        ValueError
            Naming the part, what was received, and the remedy.
        """
        array = check_labels(labels)
        return cls(
            array,
            None if image is None else _check_image(np.asarray(image), array.shape),
            None if table is None else _check_table(table),
            None if scale is None else _check_scale(tuple(map(float, scale)), array.ndim),
            None if provenance is None else _check_provenance(provenance),
            name,
            None if axes is None else _check_axes(axes, array.shape),
        )

    @classmethod
    def from_file(
        cls,
        labels: NDArray[Any],
        scale: Any = None,
        provenance: Any = None,
        table: pd.DataFrame | None = None,
        axes: Any = None,
    ) -> LabelData:
        """Take labels as a file has them; of what goes with them only what makes sense.

        For readers: a file whose pixel size is nonsense still has its labels.
        """
        try:
            sizes = None if scale is None else _check_scale(tuple(map(float, scale)), labels.ndim)
        except (TypeError, ValueError):
            sizes = None
        said = provenance if isinstance(provenance, dict) else None
        try:
            named = None if axes is None else _check_axes(axes, labels.shape)
        except (TypeError, ValueError, AttributeError):
            named = None
        return cls(labels, table=table, scale=sizes, provenance=said, axes=named)


def check_labels(labels: ArrayLike) -> NDArray[Any]:
    """Return labels as an array of integers with at least two axes, or say what is wrong.

    A mask (bool) becomes label 1.
    """
    array = np.asarray(labels)
    if array.ndim < 2:
        raise ValueError(f"Labels need at least two axes, (height, width); got {array.shape}.")
    if array.size == 0:
        raise ValueError(f"The labels have no pixels: their shape is {array.shape}.")
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype.kind == "f":
        if is_whole(array):
            raise ValueError(
                f"The labels have dtype {array.dtype}, though all values are whole numbers. "
                "Convert them with labels.astype('int32')."
            )
        raise ValueError(
            f"The labels have dtype {array.dtype} and values that are not whole numbers. "
            "This looks like an image; choose the label image instead."
        )
    if array.dtype.kind not in "ui":
        raise ValueError(f"Labels are whole numbers, but the dtype is {array.dtype}.")
    if array.dtype.kind == "i" and array.min() < 0:
        raise ValueError(
            f"Labels cannot be negative, but the smallest is {array.min()}. "
            "Set negative values to 0, the background."
        )
    if array.dtype == np.uint64 and array.max() > _LARGEST:
        raise ValueError(
            f"The largest label is {array.max()}, but labels go up to {_LARGEST}. Renumber the "
            "labels, for instance with skimage.segmentation.relabel_sequential."
        )
    # Compiled code knows only this machine's order of bytes.
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def is_whole(array: NDArray[Any]) -> bool:
    """Whether all values of a float array are whole numbers."""
    return bool(np.isfinite(array).all() and (array == np.floor(array)).all())


def _check_image(image: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if image.shape[: len(shape)] != shape or image.ndim > len(shape) + 1:
        raise ValueError(
            f"The image has shape {image.shape}, but the labels have {shape}. Give the image that "
            "the labels were made for; channels, if any, come last."
        )
    if image.dtype.kind not in "buif":
        raise ValueError(f"The image has dtype {image.dtype}; real numbers are needed.")
    return image


def _check_table(table: pd.DataFrame) -> pd.DataFrame:
    if "index" not in table.columns:
        raise ValueError(
            f"The table has no column 'index' with the labels; its columns are "
            f"{', '.join(map(str, table.columns)) or 'none'}."
        )
    repeated = table["index"][table["index"].duplicated()]
    if len(repeated):
        raise ValueError(
            f"The table has more than one row for label {repeated.iloc[0]}. Keep one row a label."
        )
    return table


def _check_scale(scale: tuple[float, ...], axes: int) -> tuple[float, ...]:
    if len(scale) != axes or not all(np.isfinite(size) and size > 0 for size in scale):
        raise ValueError(
            f"The pixel size must be {axes} positive numbers, one an axis of the labels; "
            f"got {scale}."
        )
    return scale


def _check_axes(axes: str, shape: tuple[int, ...]) -> str:
    named = str(axes).upper()
    if len(named) != len(shape) or named[-2:] != "YX" or not (named.isascii() and named.isalpha()):
        raise ValueError(
            f"The axes are {axes!r}, but the labels have the shape {shape}. Give one letter for "
            "each, the plane last, such as TYX for a series."
        )
    return named


def _check_provenance(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        json.dumps(provenance, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The provenance holds what JSON does not know: {error}. Give text, finite numbers, "
            "true or false, lists and mappings with text as keys."
        ) from error
    return provenance


def per_axis(sizes: tuple[float, ...] | None, axes: int) -> tuple[float, ...] | None:
    """Return a pixel size for every axis; one number counts for all."""
    return sizes * axes if sizes is not None and len(sizes) == 1 else sizes
