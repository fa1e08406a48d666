"""Another image and its labels in the place of those that are shown: nothing else changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_maskrcnn.annotate.image_states import put_states
from napari_maskrcnn.annotate.project.prepare import Ready
from napari_maskrcnn.annotate.project.stored import Stored, same
from napari_maskrcnn.annotate.regions import KEY as REGIONS
from napari_maskrcnn.widgets.collector import only_young_collected
from napari_maskrcnn.widgets.layers import FILE, labels_over, spatial_shape
from napari_maskrcnn.widgets.prediction import KEY, LOOK, is_untouched, prediction_of, remember

if TYPE_CHECKING:
    from napari import Viewer
    from napari.components import LayerList
    from napari.layers import Image, Labels, Layer

#: Where the metadata of labels keep which image of which project they belong to.
MARK = "napari-maskrcnn project"

#: Where the metadata of an image keep the pixel size that its file gave it.
SCALE = "napari-maskrcnn scale"

#: What of the look of the labels and their tools stays.
LABELS_LOOK = (*LOOK, "brush_size", "preserve_labels", "contiguous", "n_edit_dimensions")


@dataclass(frozen=True, eq=False)
class Shown:
    """An image of a project and its labels in the viewer; `folder` is the project's."""

    folder: str
    name: str
    image: Image
    labels: Labels


def swap(viewer: Viewer, ready: Ready, before: Shown | None, folder: str) -> Shown:
    """Show another image with its labels; contrast, tool, brush and view stay.

    The layers of the image before are removed; only their look is taken from them.

    Parameters
    ----------
    viewer : napari.Viewer
        Where to.
    ready : Ready
        What.
    before : Shown, optional
        What is shown now.
    folder : str
        Of the project.
    """
    layers = viewer.layers
    mode = before.labels.mode if before is not None else None
    shape = spatial_shape(before.image) if before is not None else ()
    image = _image(layers, ready, before.image if before is not None else None)
    labels = _labels(ready, image, before.labels if before is not None else None, folder)
    old = before.labels if before is not None else None
    # Before the old one goes: a viewer without layers forgets its view.
    layers.insert(layers.index(old) + 1 if old in layers else len(layers), labels)
    layers.selection.active = labels
    if old in layers:
        with only_young_collected():
            layers.remove(old)
    labels.name = f"{ready.name} instances"
    if mode is not None and str(mode) in _KEPT_MODES:
        labels.mode = mode
    if shape != spatial_shape(image):
        viewer.reset_view()
    return Shown(folder, ready.name, image, labels)


#: The others are none of a person's tools, or begun on the old layer.
_KEPT_MODES = ("pan_zoom", "paint", "erase", "fill", "pick")


def labels_of(viewer: Viewer, shown: Shown) -> Labels | None:
    """Return the labels of an image that count now; None when they were all removed.

    A tool that changes very much, and predicting again, put a new layer in the place of the old.
    """
    found = related(viewer, shown)
    active = viewer.layers.selection.active
    marked = [layer for layer in found if is_marked(layer, shown) and layer.visible]
    for layer in (active, *reversed(marked), *reversed(found)):
        if layer in found:
            return layer
    return None


def related(viewer: Viewer, shown: Shown) -> list[Labels]:
    """Labels layers in the viewer that belong to an image of a project."""
    from napari.layers import Labels

    def belongs(layer: Any) -> bool:
        """Whether a layer holds labels of this image."""
        if not isinstance(layer, Labels) or layer.multiscale:
            return False
        if spatial_shape(layer) != spatial_shape(shown.image):
            return False
        if layer is shown.labels or is_marked(layer):
            # Another image may have been in this image's layer when it was predicted.
            return layer is shown.labels or is_marked(layer, shown)
        record = prediction_of(layer)
        return record is not None and record.image() is shown.image

    return [layer for layer in viewer.layers if belongs(layer)]


def set_aside(viewer: Viewer, shown: Shown, others: Iterable[Labels]) -> list[Labels]:
    """Clear away labels of an image beside those that count; what a person made is only hidden.

    Parameters
    ----------
    viewer : napari.Viewer
        Where they are.
    shown : Shown
        The image, with the labels that count.
    others : iterable of napari.layers.Labels
        Other labels of the image.

    Returns
    -------
    list of napari.layers.Labels
        What was hidden.
    """
    hidden = []
    for layer in others:
        if not is_touched(layer) or same(_stored(layer), _stored(shown.labels)):
            viewer.layers.remove(layer)
            continue
        layer.metadata[MARK] = {"folder": shown.folder, "image": shown.name}
        if layer.visible:
            layer.visible = False
            hidden.append(layer)
    return hidden


def is_marked(layer: Labels, shown: Shown | None = None) -> bool:
    """Whether a layer says that it belongs to an image of a project, perhaps to this one."""
    mark = layer.metadata.get(MARK)
    if not isinstance(mark, dict):
        return False
    return shown is None or (mark.get("folder"), mark.get("image")) == (shown.folder, shown.name)


def is_touched(labels: Labels) -> bool:
    """Whether labels are not just what was predicted."""
    return prediction_of(labels) is None or not is_untouched(labels)


def release(viewer: Viewer, labels: Labels) -> None:
    """Let go of the pixels of labels that were removed from a viewer and are saved.

    What napari keeps of a removed layer goes with one of Python's rare full collections: until then
    hundreds of images would fill the memory.
    """
    if labels not in viewer.layers:
        labels.metadata.pop(KEY, None)
        labels.data = np.zeros((1,) * labels.ndim, np.uint8)


def _image(layers: LayerList, ready: Ready, before: Image | None) -> Image:
    """The layer of the image before with other pixels, or else a new one in its place."""
    from napari.layers import Image

    if before is not None and before in layers and _same_kind(before, ready):
        kept = before.dtype == ready.picture.image.dtype
        before.data = ready.picture.image
        before.name = ready.name
        before.metadata[FILE] = str(ready.path)
        if not kept:
            before.reset_contrast_limits_range()
            before.reset_contrast_limits()
        return before
    picture = ready.picture
    image = Image(
        picture.image,
        name=ready.name,
        rgb=picture.rgb,
        metadata={FILE: str(ready.path), SCALE: picture.scale},
        scale=picture.scale,
        units=picture.units,
    )
    known = before is not None and before in layers
    layers.insert(layers.index(before) + 1 if known else len(layers), image)
    if known:
        with only_young_collected():
            layers.remove(before)
        image.name = ready.name
    return image


def _same_kind(layer: Image, ready: Ready) -> bool:
    """Whether a layer, one of ours, can show another image as well."""
    picture, said = ready.picture, layer.metadata
    same = layer.rgb == picture.rgb and layer.ndim == len(picture.axes)
    return FILE in said and said.get(SCALE) == picture.scale and same and not layer.multiscale


def _labels(ready: Ready, image: Image, before: Labels | None, folder: str) -> Labels:
    stored = ready.stored
    labels = labels_over(image, stored.labels, f"{ready.name} instances", features=stored.table)
    labels.metadata[MARK] = {"folder": folder, "image": ready.name}
    put_states(labels.metadata, ready.states)
    if ready.regions:
        labels.metadata[REGIONS] = ready.regions
    if ready.kept is not None and ready.choice is not None:
        remember(labels, image, ready.kept, ready.choice)
    if before is not None:
        _take_over(labels, before, LABELS_LOOK)
    labels.selected_label = _unused(labels)
    return labels


def _take_over(layer: Layer, before: Layer, names: Iterable[str]) -> None:
    """Give a layer the look of another; setting what it has already would draw it anew."""
    for name in names:
        value = getattr(before, name)
        if getattr(layer, name) != value:
            setattr(layer, name, value)


def _stored(labels: Labels) -> Stored:
    return Stored(np.asarray(labels.data), labels.features)


def _unused(labels: Labels) -> int:
    from napari_maskrcnn.annotate.edits import next_id

    return int(next_id(labels.data, labels.features))
