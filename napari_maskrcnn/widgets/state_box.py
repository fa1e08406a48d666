"""How far the shown plane is annotated, and which parts of it are finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QPushButton, QWidget

from napari_maskrcnn.annotate.image_states import State
from napari_maskrcnn.widgets.finished import FinishedRegions, finished_share
from napari_maskrcnn.widgets.follower import Follower
from napari_maskrcnn.widgets.layer_states import note_edits, say, state_of
from napari_maskrcnn.widgets.layers import PlaneIndex, displayed_plane
from napari_maskrcnn.widgets.style import CHECKED

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

DELAY_MS = 60
NAMES = {
    State.NEW: "New",
    State.PREDICTED: "Predicted",
    State.CORRECTING: "In correction",
    State.VERIFIED: "Verified",
    State.EXCLUDED: "Excluded",
}


class StateBox(QWidget):
    """State of the shown plane of a labels layer, and its finished regions.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    follower : Follower
        What is corrected in the layer.
    """

    def __init__(self, viewer: Viewer, follower: Follower) -> None:
        super().__init__()
        self._viewer = viewer
        self._follower = follower
        self._labels: Labels | None = None
        self.finished = FinishedRegions(viewer)
        self.title = QLabel()
        self.states = QComboBox()
        for state, name in NAMES.items():
            self.states.addItem(name, state)
        self.states.setToolTip(
            "Verified: every object is right. Excluded: not to be used. The first edit makes what "
            "was predicted “in correction”."
        )
        self.button = QPushButton("Finished region")
        self.button.setCheckable(True)
        self.button.setStyleSheet(CHECKED)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.setToolTip(
            "Draw a rectangle, or with napari's tools a polygon, around a part in which every "
            "object is annotated. Click again to go on correcting."
        )
        self.share = QLabel()
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.title, 0, 0)
        layout.addWidget(self.states, 0, 1)
        layout.addWidget(self.button, 1, 0)
        layout.addWidget(self.share, 1, 1)
        layout.setColumnStretch(1, 1)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(DELAY_MS)
        self._later.timeout.connect(self._refresh)
        self.states.activated.connect(self._chosen)
        self.button.clicked.connect(self._draw)
        follower.changed.connect(self._corrected)
        for event in self._view_events():
            event.connect(self._changed)

    def load(self, labels: Labels | None) -> None:
        """Show the state of a layer, or of none."""
        if self._labels is not None:
            self._labels.events.metadata.disconnect(self._changed)
            self._labels.events.paint.disconnect(self._painted)
        self._labels = labels
        self.finished.load(labels)
        if labels is not None:
            labels.events.metadata.connect(self._changed)
            labels.events.paint.connect(self._painted)
        self._corrected()
        self._refresh()

    def close_down(self) -> None:
        """Let go of the layer and the viewer."""
        self.load(None)
        self._later.stop()
        for event in self._view_events():
            event.disconnect(self._changed)

    def _view_events(self) -> tuple[Any, ...]:
        """What tells that another plane is shown, or another layer is selected."""
        dims = self._viewer.dims.events
        selected = self._viewer.layers.selection.events.active
        return dims.current_step, dims.order, dims.ndisplay, selected

    def _plane(self) -> PlaneIndex | None:
        """The plane that is shown; None when none is."""
        if self._labels is None or self._labels not in self._viewer.layers:
            return None
        try:
            return displayed_plane(self._viewer, self._labels)
        except ValueError:
            return None

    def _refresh(self) -> None:
        labels, plane = self._labels, self._plane()
        self.setVisible(labels is not None)
        self.states.setEnabled(plane is not None)
        self.button.setChecked(self.finished.drawing)
        if labels is None:
            return
        self.title.setText("This image" if labels.ndim == 2 else "This plane")
        state = state_of(labels, plane) if plane is not None else State.NEW
        self.states.setCurrentIndex(self.states.findData(state))
        self.share.setText(finished_share(labels, plane))

    def _changed(self, event: Any = None) -> None:
        self._later.start()

    def _chosen(self, row: int) -> None:
        plane = self._plane()
        if self._labels is not None and plane is not None:
            say(self._labels, self.states.itemData(row), plane)
        # Where nothing can be said, the box must not look as if it was.
        self._refresh()

    def _draw(self, *_: object) -> None:
        if self.finished.drawing:
            self.finished.leave()
        else:
            self.finished.draw()
        self._refresh()

    def _painted(self, event: Any) -> None:
        """Note the first edit of labels that were not predicted, too."""
        plane = self._plane()
        if self._labels is not None and plane is not None:
            note_edits(self._labels, [plane])

    def _corrected(self) -> None:
        """Note edits in other planes than the one that is shown."""
        if self._labels is not None and self._follower.layer is self._labels:
            corrected = (p for p, kinds in self._follower.kinds.items() if kinds.counts.corrections)
            note_edits(self._labels, corrected)
            self._later.start()
