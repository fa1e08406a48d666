"""The line that shows what is being drawn: a Shapes layer that is there while a tool is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.widgets.collector import only_young_collected
from napari_maskrcnn.widgets.layers import transforms_of

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Labels, Shapes

NAME = "drawing"
COLOUR = "yellow"
SCREEN_WIDTH = 2.5


class Drawing:
    """Shows a line over a labels layer.

    The layer is added when the tool starts rather than when the mouse is pressed: adding one
    takes longer than a frame and would take the selection away in the middle of a stroke.

    Parameters
    ----------
    layers : napari.components.LayerList
        Layers of the viewer.
    labels : napari.layers.Labels
        What is drawn on; it stays the selected layer.
    name : str
        Name of the layer in the list.
    """

    def __init__(self, layers: LayerList, labels: Labels, name: str = NAME) -> None:
        from napari.layers import Shapes

        self._layers = layers
        self._shapes: Shapes = Shapes(ndim=labels.ndim, name=name, **transforms_of(labels))
        layers.append(self._shapes)
        layers.selection.active = labels

    def show(self, points: list[NDArray[np.float64]], closed: bool, zoom: float) -> None:
        """Show a line through points.

        Parameters
        ----------
        points : list of (ndim,) float
            In data coordinates.
        closed : bool
            Join the last point to the first.
        zoom : float
            Screen pixels a unit of the world, for a line that is as wide at any zoom.
        """
        shapes = self._shapes
        if len(points) < 2 or shapes not in self._layers:
            return
        path = np.stack([*points, points[0]] if closed else points)
        width = SCREEN_WIDTH / (zoom * abs(float(shapes.scale[-1])))
        shapes.data = []
        shapes.add_paths([path], edge_color=COLOUR, edge_width=width)

    def clear(self) -> None:
        """Show nothing."""
        if self._shapes in self._layers:
            self._shapes.data = []

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        if self._shapes in self._layers:
            # napari collects garbage at every removal, which takes a quarter of a second.
            with only_young_collected():
                self._layers.remove(self._shapes)
