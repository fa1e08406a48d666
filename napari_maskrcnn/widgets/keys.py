"""Keys on the viewer that make way for those of other layers, and for those of other people."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Points, Shapes

if TYPE_CHECKING:
    from napari import Viewer


class Keys:
    """Binds keys while the selected layer is none that uses letters itself.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    actions : dict of str to callable
        What each key does.
    """

    def __init__(self, viewer: Viewer, actions: dict[str, Callable[[], None]]) -> None:
        self._viewer = viewer
        self._presses = {key: _press(action) for key, action in actions.items()}
        self._bound: list[str] = []
        viewer.layers.selection.events.active.connect(self._active_changed)
        self._active_changed()

    def close(self) -> None:
        """Give the keys back."""
        self._viewer.layers.selection.events.active.disconnect(self._active_changed)
        self._release()

    def _active_changed(self, event: Any = None) -> None:
        # Points and Shapes have tools under the same letters.
        if isinstance(self._viewer.layers.selection.active, Points | Shapes):
            self._release()
        elif not self._bound:
            self._bind()

    def _bind(self) -> None:
        for key, press in self._presses.items():
            try:
                self._viewer.bind_key(key, press)
            except ValueError:
                # Someone else's binding on this viewer stays; the button still works.
                continue
            self._bound.append(key)

    def _release(self) -> None:
        for key in self._bound:
            self._viewer.bind_key(key, None)
        self._bound.clear()


def _press(action: Callable[[], None]) -> Callable[[Viewer], None]:
    # A function: napari asks a key's action for its name.
    def press(viewer: Viewer) -> None:
        action()

    return press
