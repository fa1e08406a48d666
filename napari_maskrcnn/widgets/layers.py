"""Layers ↔ arrays: which plane is shown, what to hand to the network, labels over an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_maskrcnn.sources.axes import letter_of

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels, Layer

#: One plane of a layer: an int on every axis that is not in the plane, None on the two that are.
PlaneIndex = tuple[int | None, ...]

#: Mark in the metadata of a layer that is only there while something runs.
PASSING = "napari-maskrcnn passing"

#: Where the metadata of a layer keep its file that we read ourselves.
FILE = "napari-maskrcnn file"

TRANSFORMS = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def full_data(layer: Layer) -> Any:
    """Array of a layer at full resolution (the first level of a multiscale one), still lazy."""
    return layer.data[0] if layer.multiscale else layer.data


def spatial_shape(layer: Layer) -> tuple[int, ...]:
    """Shape of a layer without the colour axis of RGB: the shape of labels over it."""
    return tuple(int(n) for n in full_data(layer).shape[: layer.ndim])


def file_of(layer: Layer) -> str | None:
    """Path of the file that a layer was opened from, if any."""
    return layer.source.path or layer.metadata.get(FILE)


def displayed_plane(viewer: Viewer, layer: Layer) -> PlaneIndex:
    """Index of the plane of `layer` that the viewer shows.

    Raises
    ------
    ValueError
        When the viewer shows three dimensions, or a plane that this layer does not have.
    """
    if viewer.dims.ndisplay != 2:
        raise ValueError(
            "The viewer shows 3D. Switch to 2D (the cube button, Ctrl+Y) and try again."
        )
    # The world has at least as many axes as the layer; they are aligned at the last one.
    offset = viewer.dims.ndim - layer.ndim
    shown = {axis - offset for axis in viewer.dims.displayed}
    if min(shown) < 0:
        raise ValueError(
            f"The viewer shows an axis that {layer.name!r} does not have. Show its last two axes."
        )
    point = to_data(viewer, layer, viewer.dims.point)
    inside = np.clip(np.rint(point).astype(int), 0, np.array(spatial_shape(layer)) - 1)
    return tuple(None if axis in shown else int(inside[axis]) for axis in range(layer.ndim))


def stack_planes(viewer: Viewer, layer: Layer) -> list[PlaneIndex]:
    """Index of every plane of `layer` parallel to the one that is shown."""
    return list(parallel_planes(spatial_shape(layer), displayed_plane(viewer, layer)))


def parallel_planes(shape: Sequence[int], plane: PlaneIndex) -> Iterator[PlaneIndex]:
    """Every plane of an array of `shape` parallel to `plane`."""
    counts = [1 if at is None else length for at, length in zip(plane, shape, strict=True)]
    for position in np.ndindex(*counts):
        yield tuple(None if at is None else i for at, i in zip(plane, position, strict=True))


def as_slices(plane: PlaneIndex) -> tuple[int | slice, ...]:
    """Index expression of a plane."""
    return tuple(slice(None) if at is None else at for at in plane)


def plane_data(data: Any, plane: PlaneIndex) -> NDArray[Any]:
    """One plane of a numpy, dask or zarr array: (H, W), or (H, W, C) of RGB."""
    return np.asarray(data[as_slices(plane)])


def to_data(viewer: Viewer, layer: Layer, world: ArrayLike) -> NDArray[np.float64]:
    """World position, such as the mouse's, in the layer's data coordinates, (ndim,) float.

    napari's own ``world_to_data`` takes the position for the layer's units, but the world is in
    the smallest unit among the layers.
    """
    position = np.asarray(world, dtype=float)[-layer.ndim :]
    world_units = viewer.layers.extent.units
    if world_units is not None:
        pairs = zip(world_units[-layer.ndim :], layer.units, strict=True)
        position = position * [
            1.0 if unit == own else (1 * unit).to(own).magnitude for unit, own in pairs
        ]
    return np.asarray(layer.world_to_data(position), dtype=float)


def to_world(viewer: Viewer, layer: Layer, position: ArrayLike) -> NDArray[np.float64]:
    """Data coordinates of a layer as a position in the viewer's world, (ndim,) float."""
    world = np.asarray(layer.data_to_world(np.asarray(position, dtype=float)), dtype=float)
    world_units = viewer.layers.extent.units
    if world_units is not None:
        pairs = zip(world_units[-layer.ndim :], layer.units, strict=True)
        world = world / [
            1.0 if unit == own else (1 * unit).to(own).magnitude for unit, own in pairs
        ]
    return world


def show_plane(viewer: Viewer, layer: Layer, plane: PlaneIndex) -> None:
    """Move the sliders to a plane of a layer."""
    world = to_world(viewer, layer, [at or 0 for at in plane])
    offset = viewer.dims.ndim - layer.ndim
    for axis, at in enumerate(plane):
        if at is not None:
            viewer.dims.set_point(axis + offset, world[axis])


def is_passing(layer: Layer) -> bool:
    """Whether a layer only shows what is under way: nobody's labels."""
    return bool(layer.metadata.get(PASSING))


def camera_of(viewer: Viewer) -> Any:
    """Camera of a viewer, which moved into the scene with napari 0.9."""
    return getattr(viewer, "scene", viewer).camera


def transforms_of(layer: Layer) -> dict[str, Any]:
    """Keyword arguments that put another layer of the same axes exactly over this one."""
    return {name: getattr(layer, name) for name in TRANSFORMS if hasattr(layer, name)}


def coarser(image: Layer, factors: Sequence[int]) -> dict[str, Any]:
    """Keyword arguments that put a layer of fewer, larger pixels exactly over an image.

    Parameters
    ----------
    image : napari.layers.Layer
    factors : sequence of int
        For each axis, how many pixels of the image are one of the layer.
    """
    from napari.utils.transforms import Affine

    # The centre of a larger pixel is not that of the first one in it.
    shift = (np.array(factors) - 1) / 2
    own = Affine(scale=image.scale, rotate=image.rotate, shear=image.shear)
    moved = np.asarray(own(shift), float) - np.asarray(own(np.zeros(image.ndim)), float)
    larger = np.array(image.scale, float) * factors
    place = {"scale": larger, "translate": np.asarray(image.translate) + moved}
    return transforms_of(image) | place


def label_shape(image: Layer, channel: int | None) -> tuple[int, ...]:
    """Shape of labels over an image, of which one axis may hold channels: there they have one."""
    return tuple(1 if k == channel else n for k, n in enumerate(spatial_shape(image)))


def label_place(image: Layer, channel: int | None) -> dict[str, Any]:
    """Keyword arguments that put labels of `label_shape` over an image, and over every channel."""
    if channel is None:
        return transforms_of(image)
    shape = spatial_shape(image)
    return coarser(image, [n if k == channel else 1 for k, n in enumerate(shape)])


def labels_over(
    image: Layer, data: NDArray[Any], name: str, channel: int | None = None, **options: Any
) -> Labels:
    """Create a labels layer that lies exactly over an image, or over other labels.

    `channel` is the axis of the image that holds its channels, if one does.
    """
    from napari.layers import Labels

    return Labels(data, name=name, **label_place(image, channel), **options)


def of_channels(plane: PlaneIndex, channel: int | None) -> PlaneIndex:
    """Return the plane of the labels for one of an image, of which one axis may hold channels.

    Raises
    ------
    ValueError
        The channels are shown as rows or columns.
    """
    if channel is None:
        return plane
    if plane[channel] is None:
        raise ValueError(
            f"The viewer shows axis {channel} as rows or columns, but the channels lie along it. "
            "Show two other axes, or choose another axis of channels."
        )
    return (*plane[:channel], 0, *plane[channel + 1 :])


def watch(layer: Labels, changed: Callable[[Any], None]) -> None:
    """Call a bound method whenever labels or their table may have changed, often twice."""
    # A stroke emits paint alone, undo and redo set_data alone.
    layer.events.paint.connect(changed)
    layer.events.set_data.connect(changed)
    layer.events.features.connect(changed)


def stop_watching(layer: Labels, changed: Callable[[Any], None]) -> None:
    """Take `watch` back."""
    layer.events.paint.disconnect(changed)
    layer.events.set_data.disconnect(changed)
    layer.events.features.disconnect(changed)


def pixel_width(layer: Layer) -> tuple[float, str] | None:
    """Width of a pixel in the layer's own unit and that unit's sign; None when it is the pixel."""
    unit = layer.units[-1]
    if str(unit) == "pixel":
        return None
    return abs(float(layer.scale[-1])), f"{unit:~P}"


def series_axes(names: Sequence[str], frames: bool = False) -> str | None:
    """Letters of the axes of labels whose last axis before the plane is time; None of others.

    Parameters
    ----------
    names : sequence of str
        A layer's names of its axes; napari's own, such as ``-3``, say nothing.
    frames : bool
        Whether they were predicted as frames of a series.
    """
    if len(names) < 3:
        return None
    said = letter_of(names[-3])
    if said != "T" and not (frames and len(names) == 3 and said != "Z"):
        return None
    return "Q" * (len(names) - 3) + "TYX"


def micrometres(layer: Layer) -> tuple[float, ...] | None:
    """Size of a pixel along every axis, in micrometres; None when the plane is not in lengths.

    An axis before the plane that is no length (time) keeps its own unit.
    """
    return in_micrometres(layer.scale, layer.units)


def in_micrometres(scale: Sequence[float], units: Sequence[Any]) -> tuple[float, ...] | None:
    """Do what `micrometres` does for a scale and its units, (ndim,) each."""
    if not all(unit.is_compatible_with("micrometer") for unit in units[-2:]):
        return None
    return tuple(
        abs(float(size)) * ((1 * unit).to("micrometer").magnitude if lengthy else 1.0)
        for size, unit in zip(scale, units, strict=True)
        for lengthy in [unit.is_compatible_with("micrometer")]
    )
