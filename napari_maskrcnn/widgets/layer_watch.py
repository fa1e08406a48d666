"""What a labels layer tells about its edits, passed on to the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.widgets.prediction import prediction_of
from napari_maskrcnn.widgets.stored_layer import LayerParts

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

    from napari_maskrcnn.annotate.journal.session import Session
    from napari_maskrcnn.widgets.layers import PlaneIndex

#: Events after which a layer looks or lies differently.
LOOKS = ("name", "scale", "translate", "rotate", "shear", "affine", "units", "opacity", "visible")
Shown = Callable[["Labels"], "tuple[PlaneIndex, tuple[int, ...]] | None"]


class LayerWatch:
    """Listens to a labels layer for as long as it is in the viewer.

    Painting tells where it painted. Undo, redo, a script that writes pixels and a moved slider all
    tell only that something is new: then what was painted before is looked at again, and the shown
    plane unless it is another one than before.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    layers : callable
        Returns those of its viewer.
    session : Session
        The journal.
    shown : callable
        Returns the plane of the layer that is shown and its axes in the order of the screen, or
        None when that is no plane.
    edits : int
        Edits that the layer came with.
    """

    def __init__(
        self,
        layer: Labels,
        layers: Callable[[], Iterable[Layer]],
        session: Session,
        shown: Shown,
        edits: int = 0,
    ) -> None:
        self.layer = layer
        self._session = session
        self._shown = shown
        self._parts = LayerParts(layer, layers)
        self._tracked = session.track(layer.data, self._parts, edits)
        self._predicted = self._labels_predicted()
        self._plane = self._plane_now()
        self._listeners = {
            "paint": self._painted,
            "labels_update": self._painting,
            "set_data": self._redrawn,
            "data": self._replaced,
            "features": self._features_changed,
        } | {name: self._look_changed for name in LOOKS if hasattr(layer.events, name)}
        for name, listener in self._listeners.items():
            getattr(layer.events, name).connect(listener)

    def close(self) -> None:
        """Stop listening, and note that the layer was closed."""
        self.stop()
        self._session.untrack(self._tracked)

    def stop(self) -> None:
        """Stop listening."""
        for name, listener in self._listeners.items():
            getattr(self.layer.events, name).disconnect(listener)

    def _painted(self, event: Any) -> None:
        windows, pixels = [], []
        for atom in event.value:
            if hasattr(atom, "slice_key"):
                windows.append(atom.slice_key)
            else:
                pixels.append(atom[0])
        self._tracked.step(windows, pixels)

    def _painting(self, event: Any) -> None:
        """Follow a stroke that is not finished."""
        shown = self._shown(self.layer)
        if shown is None:
            return
        plane, axes = shown
        window: list[int | slice] = [slice(None) if at is None else at for at in plane]
        for axis, start, size in zip(axes, event.offset, event.data.shape, strict=False):
            window[axis] = slice(int(start), int(start) + int(size))
        self._tracked.note_now(window)

    def _redrawn(self, event: Any) -> None:
        if self._shows_another_prediction():
            return
        before, self._plane = self._plane, self._plane_now()
        same = self._plane is not None and self._plane == before
        plane = self._plane or ()
        window = tuple(slice(None) if at is None else at for at in plane) if same else None
        self._tracked.look_again(window)

    def _replaced(self, event: Any) -> None:
        if self.layer.data is not self._tracked.recorder.data:
            self._tracked.replace(self.layer.data)

    def _features_changed(self, event: Any) -> None:
        self._parts.features_changed()
        if not self._shows_another_prediction():
            self._tracked.note_parts(edited=True)

    def _look_changed(self, event: Any) -> None:
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

    def _plane_now(self) -> PlaneIndex | None:
        shown = self._shown(self.layer)
        return shown[0] if shown is not None else None
