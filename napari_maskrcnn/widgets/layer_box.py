"""A combo box that lists the layers of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_maskrcnn.widgets.layers import is_passing

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer


class LayerBox(QComboBox):
    """Chooses a layer of one kind; a layer that is added becomes the choice.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    kind : type
        Class of the layers, such as ``napari.layers.Image``.
    """

    layer_changed = Signal()

    def __init__(self, viewer: Viewer, kind: type[Layer]) -> None:
        super().__init__()
        self._viewer = viewer
        self._kind = kind
        self._layers: list[Any] = []
        self._chosen: Any = None
        # A long layer name must not widen the dock.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setPlaceholderText(f"no {kind.__name__.lower()} layer")
        self.activated.connect(self._choose)
        self.refresh()

    def layer(self) -> Any:
        """Return the chosen layer, or None."""
        return self._chosen

    def choose(self, layer: Layer) -> None:
        """Choose a layer of the viewer."""
        self.refresh()
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer))
            self._choose(self.currentIndex())

    def refresh(self) -> None:
        """List the layers anew; keep the choice unless one was added or the chosen one is gone."""
        before = self._layers
        self._layers = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, self._kind) and not is_passing(layer)
        ]
        added = [layer for layer in self._layers if layer not in before]
        wanted = self._chosen if self._chosen in self._layers else None
        if added or wanted is None:
            wanted = (added or self._layers or [None])[-1]
        self.blockSignals(True)
        self.clear()
        for row, layer in enumerate(self._layers):
            self.addItem(layer.name)
            self.setItemData(row, layer.name, Qt.ItemDataRole.ToolTipRole)
        row = self._layers.index(wanted) if wanted is not None else -1
        self.setCurrentIndex(row)
        self.blockSignals(False)
        self._choose(row)

    def _choose(self, row: int) -> None:
        chosen = self._layers[row] if 0 <= row < len(self._layers) else None
        if chosen != self._chosen:
            self._chosen = chosen
            self.layer_changed.emit()
