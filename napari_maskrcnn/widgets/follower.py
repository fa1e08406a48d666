"""Follows what is corrected in a labels layer, whoever edits it: tools, brush, undo or a script."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_maskrcnn.annotate.kinds import Counts, Kinds
from napari_maskrcnn.annotate.states import count_accepted
from napari_maskrcnn.annotate.tally import Tally
from napari_maskrcnn.widgets.history import moved_steps, places, undone_steps
from napari_maskrcnn.widgets.layers import PlaneIndex
from napari_maskrcnn.widgets.prediction import prediction_of
from napari_maskrcnn.widgets.shown_plane import ShownPlane

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

CORRECTED = ("added", "removed", "reshaped", "split", "merged")
#: From an edit to the look at it: what a stroke does in many moves is looked at once.
DELAY_MS = 100
#: A look that takes longer goes on after a pause.
LOOK_SECONDS = 0.008
PAUSE_MS = 15


class Follower(QObject):
    """Knows what is corrected in a layer, a fraction of a second after every edit.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.

    Signals
    -------
    changed ()
        Something was corrected, accepted or taken back, or another layer is followed.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = weakref.ref(viewer)
        self._layer: Labels | None = None
        self._shown: ShownPlane | None = None
        self._view: Any = None
        self._data: Any = None
        self._undone: int | None = None
        self._predicted: Any = None
        self._tally: Tally | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.look)

    @property
    def layer(self) -> Labels | None:
        """The layer that is followed."""
        return self._layer

    @property
    def tally(self) -> Tally | None:
        """What was corrected in it since its prediction; None without one."""
        return self._tally

    @property
    def kinds(self) -> Mapping[PlaneIndex, Kinds]:
        """What became of the objects, by plane; empty without a prediction."""
        return self._tally.kinds if self._tally is not None else {}

    def follow(self, layer: Labels | None) -> None:
        """Follow a layer, or none, from now on."""
        if self._layer is not None:
            for name, listener in self._listeners().items():
                getattr(self._layer.events, name).disconnect(listener)
        self._timer.stop()
        self._layer = layer
        self._shown = ShownPlane(self._viewer, layer) if layer is not None else None
        self._begin()
        if layer is not None:
            for name, listener in self._listeners().items():
                getattr(layer.events, name).connect(listener)
        self.look()

    def look(self, seconds: float = LOOK_SECONDS) -> None:
        """Look at edits for about this long; when all are looked at, say so."""
        layer, tally = self._layer, self._tally
        if layer is None or tally is None or tally.look(layer.data, seconds):
            self.changed.emit()
        else:
            self._timer.start(PAUSE_MS)

    def said(self) -> str:
        """What was corrected, in words; empty when there is nothing to say."""
        if self._layer is None:
            return ""
        accepted = count_accepted(self._layer.features)
        return described(self._tally.counts if self._tally is not None else None, accepted)

    def _listeners(self) -> dict[str, Any]:
        return {
            "paint": self._painted,
            "set_data": self._redrawn,
            "data": self._replaced,
            "features": self._features_changed,
        }

    def _begin(self) -> None:
        """Compare everything from now on: with this prediction, in these pixels."""
        layer, self._tally, self._data = self._layer, None, None
        record = prediction_of(layer)
        self._predicted = record.labels if record is not None else None
        if layer is None or self._shown is None:
            return
        self._view, self._undone, self._data = self._shown.view(), undone_steps(layer), layer.data
        if (
            self._predicted
            and not layer.multiscale
            and are_planes_of(layer.data.shape, self._predicted)
        ):
            self._tally = Tally(layer.data.shape, self._predicted)

    def _is_another_prediction(self) -> bool:
        record = prediction_of(self._layer)
        if (record.labels if record is not None else None) is self._predicted:
            return False
        self._begin()
        self._wake()
        return True

    def _painted(self, event: Any) -> None:
        self._undone = undone_steps(event.source)
        self._note(event.value)

    def _redrawn(self, event: Any) -> None:
        """Follow Undo and Redo; the event also comes when another plane is shown."""
        if self._is_another_prediction() or self._tally is None or self._shown is None:
            return
        if event.source.data is not self._data:
            # Another array is drawn before it is told of, and may have other axes.
            return
        before, self._undone = self._undone, undone_steps(event.source)
        seen, self._view = self._view, self._shown.view()
        steps = moved_steps(event.source, before) if before is not None else []
        for atoms in steps:
            self._note(atoms)
        if not steps and seen == self._view:
            # A script wrote pixels and had them drawn.
            window = self._shown.window()
            self._tally.note([window] if window is not None else [])
            self._wake()

    def _note(self, atoms: Any) -> None:
        if self._tally is not None:
            self._tally.note(*places(atoms))
        self._wake()

    def _replaced(self, event: Any) -> None:
        self._begin()
        self._wake()

    def _features_changed(self, event: Any) -> None:
        if not self._is_another_prediction():
            self._wake()

    def _wake(self) -> None:
        if not self._timer.isActive():
            self._timer.start(DELAY_MS)


def are_planes_of(shape: Sequence[int], planes: Mapping[PlaneIndex, NDArray[np.int32]]) -> bool:
    """Whether planes are those of an array of `shape`: it may have been replaced by another."""
    return all(
        len(plane) == len(shape)
        and all(at is None or at < n for at, n in zip(plane, shape, strict=True))
        and tuple(n for at, n in zip(plane, shape, strict=True) if at is None) == labels.shape
        for plane, labels in planes.items()
    )


def described(counts: Counts | None, accepted: int) -> str:
    """Say in words what was corrected since the prediction, if there was one, and accepted."""
    if counts is None:
        return f"{accepted} accepted" if accepted else ""
    words = [f"{n} {name}" for name in CORRECTED if (n := getattr(counts, name))]
    said = f"Corrected: {', '.join(words)}" if words else "Nothing corrected yet"
    return f"{said}; {accepted} accepted" if accepted else said
