"""What a labels layer tells about its edits, passed on to the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.widgets.history import places
from napari_maskrcnn.widgets.prediction import prediction_of
from napari_maskrcnn.widgets.shown_plane import ShownPlane
from napari_maskrcnn.widgets.stored_layer import LayerParts

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

    from napari_maskrcnn.annotate.journal.session import Session

#: Events after which a layer looks or lies differently.
LOOKS = ("name", "scale", "translate", "rotate", "shear", "affine", "units", "opacity", "visible")


class LayerWatch:
    """Listens to a labels layer for as long as it is in the viewer.

    Painting tells where it painted. Undo, redo, a script that writes pixels and a moved slider all
    tell only that something is new: then what was painted before is looked at again, and the shown
    plane unless it is another one than before.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    viewer : callable
        Returns its viewer, or None when that is gone.
    session : Session
        The journal.
    edits : int
        Edits that the layer came with.
    """

    def __init__(
        self,
        layer: Labels,
        viewer: Callable[[], Viewer | None],
        session: Session,
        edits: int = 0,
    ) -> None:
        self.layer = layer
        self._session = session
        self._shown = ShownPlane(viewer, layer)
        self._parts = LayerParts(layer, viewer)
        self._tracked = session.track(layer.data, self._parts, edits)
        self._predicted = self._labels_predicted()
        self._view = self._shown.view()
        self._listeners = {
            "paint": self._painted,
            "labels_update": self._painting,
            "set_data": self._redrawn,
            "data": self._replaced,
            "features": self._features_changed,
            "metadata": self._metadata_changed,
        } | {name: self._look_changed for name in LOOKS if hasattr(layer.events, name)}
        for name, listener in self._listeners.items():
            getattr(layer.events, name).connect(listener)

    def close(self) -> None:
        """Stop listening, and note that the layer was closed."""
        self.stop()
        self._session.untrack(self._tracked)
        # napari may keep the layer, and with it this, for long; the pixels and what was predicted
        # need not stay with it.
        self._tracked.recorder.data = None
        self._parts.again()
        self._predicted = self._view = None

    def stop(self) -> None:
        """Stop listening."""
        for name, listener in self._listeners.items():
            getattr(self.layer.events, name).disconnect(listener)

    def _painted(self, event: Any) -> None:
        self._shown.forget()
        self._tracked.step(*places(event.value))

    def _painting(self, event: Any) -> None:
        """Follow a stroke that is not finished."""
        part = self._shown.part(event.offset, event.data.shape)
        if part is not None:
            self._tracked.note_now(part)

    def _redrawn(self, event: Any) -> None:
        if self._shows_another_prediction():
            return
        before, self._view = self._view, self._shown.view()
        # The plane is worked out when it is looked at: this comes at every stroke.
        self._tracked.look_again(self._shown.window if self._view == before else None)

    def _replaced(self, event: Any) -> None:
        if self.layer.data is not self._tracked.recorder.data:
            self._tracked.replace(self.layer.data)

    def _features_changed(self, event: Any) -> None:
        self._parts.features_changed()
        if not self._shows_another_prediction():
            self._tracked.note_parts(edited=True)

    def _metadata_changed(self, event: Any) -> None:
        """Follow what a person says of the layer: states, classes, finished regions."""
        self._tracked.note_said()

    def _look_changed(self, event: Any) -> None:
        self._shown.forget()
        self._tracked.note_parts()

    def _shows_another_prediction(self) -> bool:
        """Whether pixels and table changed because a slider chose more or less of a prediction."""
        predicted = self._labels_predicted()
        if predicted is self._predicted:
            return False
        self._predicted = predicted
        self._tracked.note_own()
        return True

    def _labels_predicted(self) -> Any:
        record = prediction_of(self.layer)
        return record.labels if record is not None else None
