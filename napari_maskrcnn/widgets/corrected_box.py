"""What was corrected: in numbers, and on request in colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from napari_maskrcnn.annotate.kinds import ADDED, REMOVED, RESHAPED, SPLIT
from napari_maskrcnn.annotate.rows import ACCEPTED
from napari_maskrcnn.widgets.follower import Follower
from napari_maskrcnn.widgets.kind_colours import COLOURS, KindColours

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

LEGEND = {
    ADDED: "added",
    RESHAPED: "reshaped",
    SPLIT: "split or merged",
    ACCEPTED: "accepted",
    REMOVED: "removed",
}


class CorrectedBox(QWidget):
    """Counts of what was corrected in a layer, and a box that shows it in colours.

    Signals
    -------
    coloured (bool)
        The colours were turned on or off.
    """

    coloured = Signal(bool)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.follower = Follower(viewer, self)
        self.counts = QLabel()
        self.counts.setWordWrap(True)
        self.colours = QCheckBox("Show corrections in colours")
        self.colours.setToolTip(
            "Colour objects by what you did with them, and outline those that you removed"
        )
        self.legend = QLabel(_legend())
        self.legend.setWordWrap(True)
        self.legend.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.counts, self.colours, self.legend):
            layout.addWidget(widget)
        self._view = KindColours(viewer)
        self.follower.changed.connect(self._refresh)
        self.colours.toggled.connect(self._toggled)

    def load(self, layer: Labels | None) -> None:
        """Show what was corrected in a layer, or in none."""
        self._view.hide()
        self.follower.follow(layer)

    def close_down(self) -> None:
        """Give the layer its look back and let go of it."""
        self.load(None)

    def _refresh(self) -> None:
        said = self.follower.said()
        self.counts.setText(said)
        self.setVisible(bool(said))
        # The layout around remembers how high the words were before.
        self.updateGeometry()
        if self.colours.isChecked():
            self._view.show(self.follower)

    def _toggled(self, on: bool) -> None:
        self.legend.setVisible(on)
        self.updateGeometry()
        if on:
            self._view.show(self.follower)
        else:
            self._view.hide()
        self.coloured.emit(on)


def _legend() -> str:
    """Explain the colours in one or two lines."""
    entries = (
        f'<span style="color: {COLOURS[kind]}">{"□" if kind == REMOVED else "■"}</span>&nbsp;'
        + name.replace(" ", "&nbsp;")
        for kind, name in LEGEND.items()
    )
    return " &nbsp; ".join(entries)
