"""Any other file as a source, through the readers of the napari plugins that are installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_maskrcnn.sources.axes import check_axes, guess_axes, letter_of, unique_axes
from napari_maskrcnn.sources.source import Source, pixel_sizes

#: A plugin that reads what microscopes write; an image of this kind in a folder is one to predict.
MICROSCOPES = {
    ".czi": "napari-czifile2",
    ".nd2": "napari-nikon-nd2",
    ".lif": "napari-aicsimageio",
    ".oib": "napari-aicsimageio",
    ".oif": "napari-aicsimageio",
    ".ims": "napari-imaris-loader",
}
_OURS = "napari-maskrcnn"


def open_with_plugin(path: Path, axes: str | None = None) -> Source:
    """Open a file by the first napari plugin that reads an image from it.

    Several images of one shape are taken for the channels of one, or, where they have channels of
    their own, for a stack.

    Raises
    ------
    ValueError
        No plugin reads it; the message names one that does.
    """
    images = _read(path)
    if not images:
        suffix = path.suffix.lower()
        example = MICROSCOPES.get(suffix)
        raise ValueError(
            f"{path}: no installed napari plugin reads {suffix or 'such'} files. Install one "
            f"{f'(such as {example}) ' if example else ''}and try again, or save the image as "
            "OME-TIFF."
        )
    (data, about) = images[0]
    levels = list(data) if about.get("multiscale") or isinstance(data, list | tuple) else [data]
    first = levels[0]
    shape = tuple(int(length) for length in first.shape)
    same = [one for one, _ in images if getattr(one, "shape", None) == shape]
    named = _axes_of(shape, about) if axes is None else None
    if len(same) > 1 and not about.get("rgb"):
        import dask.array as da

        first, levels = da.stack([da.asarray(one) for one in same]), []
        named = named and unique_axes(["P" if "channel_axis" in about else "C", *named])
    named = check_axes(axes if axes is not None else named or "", first.shape)
    return Source(first, named, pixel_sizes(named, _lengths(named, about)), tuple(levels[1:]))


def _read(path: Path) -> list[tuple[Any, Mapping[str, Any]]]:
    """Images that the first plugin that finds any reads from a file, with what it says of them."""
    import npe2

    manager = npe2.PluginManager.instance()
    manager.discover()
    names = [reader.plugin_name for reader in manager.iter_compatible_readers([str(path)])]
    for name in dict.fromkeys(names):
        if name == _OURS:
            continue
        try:
            layers = npe2.read([str(path)], stack=False, plugin_name=name)
        except Exception as error:  # plugins raise whatever they like
            raise ValueError(f"{path}: the plugin {name} cannot read it ({error}).") from error
        full = [(layer[0], dict(layer[1]) if len(layer) > 1 else {}, layer[2:]) for layer in layers]
        images: list[tuple[Any, Mapping[str, Any]]] = [
            (data, about) for data, about, kind in full if kind in ((), ("image",))
        ]
        if images and images[0][0] is not None:
            return images
    return []


def _axes_of(shape: tuple[int, ...], about: Mapping[str, Any]) -> str:
    """Axes as a plugin says them, or as the shape does."""
    channel = about.get("channel_axis")
    labels = [letter_of(name) for name in about.get("axis_labels") or ()]
    rest = len(shape) - (channel is not None) - bool(about.get("rgb"))
    if len(labels) != rest:
        if channel is None and not about.get("rgb"):
            return guess_axes(shape)
        labels = [*"QPIR"[: rest - 2], "Y", "X"]
    if channel is not None:
        labels.insert(int(channel) % len(shape), "C")
    return unique_axes([*labels, *(["S"] if about.get("rgb") else [])])


def _lengths(axes: str, about: Mapping[str, Any]) -> dict[str, float]:
    """Micrometres along the axes, where a plugin says that its scale is in them."""
    scale, units = about.get("scale"), about.get("units")
    spatial = [letter for letter in axes if letter not in "CS"]
    if scale is None or units is None or len(scale) != len(spatial):
        return {}
    each = [units] * len(spatial) if isinstance(units, str) else list(units)
    return {
        letter: float(size)
        for letter, size, unit in zip(spatial, scale, each, strict=False)
        if str(unit) in ("um", "µm", "micrometer", "micron")
    }
