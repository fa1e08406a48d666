"""Which plane of a layer is on the screen, asked often and worked out once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.widgets.layers import displayed_plane

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

Window = tuple[int | slice, ...]


class ShownPlane:
    """The plane of a layer that a viewer shows.

    Parameters
    ----------
    viewer : callable
        Returns the viewer, or None when it is gone.
    layer : napari.layers.Layer
        The layer.
    """

    def __init__(self, viewer: Callable[[], Viewer | None], layer: Layer) -> None:
        self._viewer = viewer
        self._layer = layer
        self._known_for: Any = None
        self._known: tuple[Window, tuple[int, ...]] | None = None

    def view(self) -> Any:
        """Return what is equal as long as the viewer shows the same plane; costs nothing."""
        viewer = self._viewer()
        if viewer is None:
            return None
        dims = viewer.dims
        return dims.current_step, dims.order, dims.ndisplay

    def forget(self) -> None:
        """Work the plane out anew: the layer moved."""
        self._known_for = None

    def window(self) -> Window | None:
        """Index expression of the plane; None when no plane of the layer is shown."""
        found = self._find()
        return found[0] if found is not None else None

    def part(self, offset: Any, shape: Any) -> Window | None:
        """Index expression of a part of the plane.

        Parameters
        ----------
        offset, shape : sequences of int
            On the axes of the screen, in their order.
        """
        found = self._find()
        if found is None:
            return None
        window, axes = list(found[0]), found[1]
        for axis, start, size in zip(axes, offset, shape, strict=False):
            window[axis] = slice(int(start), int(start) + int(size))
        return tuple(window)

    def _find(self) -> tuple[Window, tuple[int, ...]] | None:
        view = self.view()
        if view is None or view != self._known_for:
            self._known_for, self._known = view, self._work_out()
        return self._known

    def _work_out(self) -> tuple[Window, tuple[int, ...]] | None:
        viewer = self._viewer()
        if viewer is None or self._layer not in viewer.layers:
            return None
        try:
            plane = displayed_plane(viewer, self._layer)
        except ValueError:
            return None
        above = viewer.dims.ndim - self._layer.ndim
        window = tuple(slice(None) if at is None else at for at in plane)
        return window, tuple(axis - above for axis in viewer.dims.displayed)
