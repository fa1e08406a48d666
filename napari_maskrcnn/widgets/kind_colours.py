"""Corrections in colours: objects by what became of them, and the outline of removed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.kinds import ADDED, MERGED, REMOVED, RESHAPED, SPLIT, Kinds
from napari_maskrcnn.annotate.rows import ACCEPTED
from napari_maskrcnn.widgets.collector import only_young_collected
from napari_maskrcnn.widgets.colouring import put_on, take_off
from napari_maskrcnn.widgets.layers import PlaneIndex, camera_of, transforms_of

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels, Vectors

    from napari_maskrcnn.widgets.follower import Follower

NAME = "removed objects"
#: Easy to tell apart, also for the colour-blind (Okabe and Ito).
COLOURS = {
    ADDED: "#009e73",
    RESHAPED: "#f0e442",
    SPLIT: "#56b4e9",
    MERGED: "#56b4e9",
    ACCEPTED: "#cc79a7",
    REMOVED: "#ff3b30",
}
UNCHANGED = "#9a9a9a"
#: Of the colour, for every other object: the pieces of one that was split touch.
DARKER = 0.78
SCREEN_WIDTH = 2.5


class KindColours:
    """Shows in a layer what was corrected, until it is hidden.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None
        self._overlay: Vectors | None = None
        self._shown: dict[int | None, str] | None = None
        self._outlines: dict[PlaneIndex, tuple[Kinds, NDArray[np.float64]]] = {}

    @property
    def layer(self) -> Labels | None:
        """The layer that has the colours."""
        return self._layer

    def show(self, follower: Follower) -> None:
        """Colour the layer that is followed, or bring its colours up to date."""
        layer = follower.layer
        if layer is not self._layer:
            self.hide()
        if layer is None:
            return
        if self._layer is None:
            self._layer = layer
            self._add_overlay(layer)
        from napari.utils import DirectLabelColormap

        colours = colours_of(layer, follower.kinds)
        if colours != self._shown:
            put_on(layer, DirectLabelColormap(color_dict=colours), self)
            self._shown = colours
        self._draw(follower)

    def hide(self) -> None:
        """Give the layer its look back."""
        layer, overlay = self._layer, self._overlay
        self._layer = self._overlay = self._shown = None
        self._outlines.clear()
        if layer is not None:
            take_off(layer, self)
        if overlay is not None and overlay in self._viewer.layers:
            # napari collects garbage at every removal, which takes a quarter of a second.
            with only_young_collected():
                self._viewer.layers.remove(overlay)

    def _add_overlay(self, layer: Labels) -> None:
        from napari.layers import Vectors

        layers = self._viewer.layers
        active = layers.selection.active
        self._overlay = Vectors(
            ndim=layer.ndim,
            name=NAME,
            edge_color=COLOURS[REMOVED],
            vector_style="line",
            opacity=1.0,
            **transforms_of(layer),
        )
        # Tools would take a selected layer, however briefly, for the end of their work.
        with layers.selection.events.active.blocker():
            layers.append(self._overlay)
            layers.selection.active = active

    def _draw(self, follower: Follower) -> None:
        """Outline what was removed, looking only at planes in which something is new."""
        overlay, tally = self._overlay, follower.tally
        if overlay is None or tally is None or overlay not in self._viewer.layers:
            return
        found = {}
        for plane, kinds in follower.kinds.items():
            known = self._outlines.get(plane)
            if known is None or known[0] is not kinds:
                gone = [i for i, kind in kinds.before.items() if kind == REMOVED]
                known = kinds, _placed(tally.outlines(plane, gone), plane)
            found[plane] = known
        if found.keys() == self._outlines.keys() and all(
            found[plane] is self._outlines[plane] for plane in found
        ):
            return
        self._outlines = found
        lines = [np.zeros((0, 2, overlay.ndim)), *(lines for _, lines in found.values())]
        # Each of the two draws everything anew, so the width stays until nothing is outlined.
        if not len(overlay.data):
            zoom = camera_of(self._viewer).zoom * abs(float(overlay.scale[-1]))
            overlay.edge_width = SCREEN_WIDTH / zoom
        overlay.data = np.concatenate(lines)


def colours_of(layer: Labels, kinds: Mapping[PlaneIndex, Kinds]) -> dict[int | None, str]:
    """Colour of every object of a layer that was corrected or accepted; of the others by None."""
    table = layer.features
    colours: dict[int | None, str] = {None: UNCHANGED, 0: "transparent"}
    if {"index", "state"} <= set(table.columns):
        accepted = table.loc[table["state"] == ACCEPTED, "index"]
        colours |= {i: shade(ACCEPTED, i) for i in accepted.tolist()}
    for of_plane in kinds.values():
        colours |= {i: shade(kind, i) for i, kind in of_plane.after.items()}
    return colours


def shade(kind: str, i: int) -> str:
    """Colour ``#rrggbb`` of an object of a kind: darker for odd ids."""
    return darker(COLOURS[kind]) if i % 2 else COLOURS[kind]


def darker(colour: str) -> str:
    """Return a colour ``#rrggbb`` for an object that may touch one of the same kind."""
    return "#" + "".join(f"{round(int(colour[at : at + 2], 16) * DARKER):02x}" for at in (1, 3, 5))


def _placed(lines: NDArray[np.float64], plane: PlaneIndex) -> NDArray[np.float64]:
    """Put lines of a plane, (N, 2, 2), among all axes: (N, 2, ndim)."""
    placed = np.zeros((len(lines), 2, len(plane)))
    placed[..., [axis for axis, at in enumerate(plane) if at is None]] = lines
    for axis, at in enumerate(plane):
        if at is not None:
            placed[:, 0, axis] = at
    return placed
