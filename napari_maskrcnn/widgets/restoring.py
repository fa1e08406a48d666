"""Layers of a crashed window come back: read in a thread, put into the viewer by the window."""

from __future__ import annotations

import logging
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.journal.batch import JournalError, StoredLayer
from napari_maskrcnn.annotate.journal.file import Journal
from napari_maskrcnn.annotate.journal.folder import StoredWindow
from napari_maskrcnn.widgets.layers import file_of, spatial_shape
from napari_maskrcnn.widgets.stored_layer import layer_from_parts, read_look, set_attributes

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels, Layer

logger = logging.getLogger(__name__)

#: A layer of a journal, with its labels or the parts of them that changed.
Entry = tuple[StoredLayer, "NDArray[Any] | Blocks"]
Blocks = list[tuple[tuple[slice, ...], NDArray[Any]]]


@dataclass(frozen=True, eq=False)
class Claim:
    """A journal that this window has taken, with its layers; no other window can take it.

    Layers of an array in memory come whole, those of a lazy one as the parts that changed.
    """

    journal: Journal
    layers: list[Entry]

    def release(self, restored: bool) -> None:
        """Let go of the journal, and note that it need not be offered any more."""
        try:
            if restored:
                self.journal.end("restored")
        except JournalError:
            logger.warning("A restored journal will be offered once more.", exc_info=True)
        finally:
            self.journal.close()


def claim(window: StoredWindow) -> Claim:
    """Take a journal and read its layers.

    Raises
    ------
    JournalError
        When another window took it, or it cannot be read.
    """
    journal = Journal(window.path, make=False)
    try:
        layers = [_content(journal, layer) for layer in window.offered]
    except BaseException:
        journal.close()
        raise
    return Claim(journal, layers)


def read_layer(path: Path, number: int) -> Entry:
    """Read a layer of a journal that ended as usual, which stays as it is.

    Raises
    ------
    JournalError
        When the journal or the layer is gone, or cannot be read.
    """
    journal = Journal(path, make=False)
    try:
        found = [layer for layer in journal.layers() if layer.id == number]
        if not found:
            raise JournalError(f"{path} has no layer {number} any more. List the sessions anew.")
        return _content(journal, found[0])
    finally:
        journal.close()


def _content(journal: Journal, layer: StoredLayer) -> Entry:
    return layer, journal.array(layer) if layer.whole else list(journal.blocks(layer))


def claim_all(windows: list[StoredWindow]) -> tuple[list[Claim], list[JournalError]]:
    """Take every journal that can be taken; say why of the others."""
    claims, errors = [], []
    for window in windows:
        try:
            claims.append(claim(window))
        except JournalError as error:
            errors.append(error)
    return claims, errors


def put_back(
    viewer: Viewer, entries: Iterable[Entry], came_with: MutableMapping[Labels, int]
) -> str:
    """Put layers of earlier windows into a viewer, with their images; say what was done.

    Parameters
    ----------
    viewer : napari.Viewer
        Where to.
    entries : iterable of Entry
        What to.
    came_with : mapping
        Gets the number of edits of each layer, before that is added.
    """
    names, notes = [], []
    for stored, content in entries:
        look = read_look(stored.parts)
        image, note = _image(viewer, look.get("image"))
        if isinstance(content, np.ndarray):
            layer = layer_from_parts(content, stored.parts, image)
            came_with[layer] = stored.edits
            viewer.add_layer(layer)
        else:
            layer, partial = _patched(viewer, stored, content, look)
            came_with[layer] = stored.edits
            if layer not in viewer.layers:
                viewer.add_layer(layer)
            note = note or partial
        names.append(f"{layer.name} ({_edits(stored.edits)})")
        notes += [note] if note and note not in notes else []
    return " ".join([f"Restored {', '.join(names)}.", *notes])


def _edits(count: int) -> str:
    return "1 edit" if count == 1 else f"{count} edits"


def _image(viewer: Viewer, described: dict[str, Any] | None) -> tuple[Image | None, str]:
    """Find an image layer, or open its file; say so when neither can be done."""
    from napari.layers import Image

    if described is None:
        return None, ""
    found = _find(viewer, Image, described)
    if found is None:
        opened = [layer for layer in _open(viewer, described) if isinstance(layer, Image)]
        fitting = [x for x in opened if list(spatial_shape(x)) == described["shape"]]
        found = next(iter(fitting or opened), None)
        if found is not None and len(opened) == 1:
            found.name = described["name"]
            set_attributes(found, described.get("place", {}))
    if found is not None:
        return found, ""
    return None, f"The image {described['name']!r} had no file to open; add it again."


def _find(viewer: Viewer, kind: type[Layer], described: dict[str, Any]) -> Any:
    path, name = described.get("path"), described.get("name")
    for layer in viewer.layers:
        if isinstance(layer, kind) and list(spatial_shape(layer)) == described["shape"]:
            own = file_of(layer)
            # Images of many folders have one name: it counts where no file says more.
            if own == path if own and path else layer.name == name:
                return layer
    return None


def _open(viewer: Viewer, described: dict[str, Any]) -> list[Layer]:
    """Open the file, or the sample data, that a layer came from; nothing when that fails."""
    path, plugin, sample = (described.get(key) for key in ("path", "plugin", "sample"))
    try:
        if sample:
            return list(viewer.open_sample(*sample))
        if path and (Path(path).exists() or "://" in path):
            return list(viewer.open(path, plugin=plugin))
    except Exception:
        # Whatever a reader raises, the labels still come back.
        logger.warning("%s cannot be opened.", path or sample, exc_info=True)
    return []


def _patched(
    viewer: Viewer, stored: StoredLayer, blocks: Blocks, look: dict[str, Any]
) -> tuple[Labels, str]:
    """Write what changed of a lazy layer over the labels it came from, or over background."""
    from napari.layers import Labels

    described = look | {"shape": list(stored.tiles.shape)}
    layer = _find(viewer, Labels, described)
    if layer is None:
        opened = [x for x in _open(viewer, described) if isinstance(x, Labels)]
        layer = next((x for x in opened if list(spatial_shape(x)) == described["shape"]), None)
    note = ""
    if layer is None:
        data = np.zeros(stored.tiles.shape, np.dtype(stored.tiles.dtype))
        layer = layer_from_parts(data, stored.parts, None)
        note = f"Of {layer.name!r} only what was edited came back: its file was not found."
    for window, block in blocks:
        layer.data[window] = block
    layer.refresh()
    return layer, note
