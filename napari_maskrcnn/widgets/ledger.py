"""The features table of a labels layer, kept in step with its pixels whoever changes them."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.annotate import edits
from napari_maskrcnn.annotate.rows import ACCEPTED, Window, joined_box, synced_rows, updated_rows
from napari_maskrcnn.annotate.states import state_before, toggled, values_of, with_values
from napari_maskrcnn.widgets.history import is_written, moved_steps, touched, undone_steps
from napari_maskrcnn.widgets.prediction import is_as_predicted

if TYPE_CHECKING:
    from napari.layers import Labels

_ledgers: weakref.WeakKeyDictionary[Labels, Ledger] = weakref.WeakKeyDictionary()


class Ledger:
    """Brings the rows of objects up to date after every stroke, undo and redo.

    Attributes
    ----------
    class_name : str
        Class of objects that are drawn from now on.
    """

    def __init__(self, layer: Labels) -> None:
        # The dictionary above holds ledgers as long as their layers live.
        self._layer = weakref.ref(layer)
        self._atoms: Sequence[Any] | None = None
        self._undone = undone_steps(layer)
        self._before: dict[str, dict[int, str]] = {"class": {}, "state": {}}
        self.class_name = ""
        if not is_as_predicted(layer):
            self._sync()
        layer.events.paint.connect(self._painted)
        layer.events.labels_update.connect(self._settle)
        layer.events.set_data.connect(self._moved)
        layer.events.data.connect(self._replaced)

    @property
    def layer(self) -> Labels:
        """The layer whose table this is."""
        layer = self._layer()
        assert layer is not None
        return layer

    def write(self, edit: edits.Edit, class_name: str | None = None) -> None:
        """Write an edit as one step of Undo.

        Parameters
        ----------
        edit : Edit
            What changes.
        class_name : str, optional
            Class of the objects that it makes; without it the one of objects that are drawn.
        """
        usual = self.class_name
        self.class_name = usual if class_name is None else class_name
        try:
            self.layer.data_setitem(edit.indices, edit.values)
            self._settle()
        finally:
            self.class_name = usual

    def new_id(self) -> int:
        """Return an id that no object of the layer has, nor ever had."""
        return edits.next_id(self.layer.data, self.layer.features)

    def window(self, ids: Iterable[int]) -> Window | None:
        """Rows and columns between which objects lie in all planes; None when that is unknown."""
        return joined_box(self.layer.features, ids)

    def classes(self, ids: Iterable[int]) -> dict[int, str]:
        """Class of objects by their id."""
        return values_of(self.layer.features, "class", ids)

    def toggle_accepted(self, ids: Iterable[int]) -> bool:
        """Accept objects or, when all are accepted, take that back; return whether they are now."""
        table = self.layer.features
        known = self._before["state"]
        was = {int(i): known.get(int(i)) or state_before(table, int(i)) for i in ids}
        return self._toggle("state", was, ACCEPTED)

    def toggle_class(self, ids: Iterable[int], name: str) -> bool:
        """Give objects a class or, when all have it, the one before; return whether given."""
        known = self._before["class"]
        return self._toggle("class", {int(i): known.get(int(i), name) for i in ids}, name)

    def _toggle(self, column: str, before: dict[int, str], wanted: str) -> bool:
        layer = self.layer
        now = values_of(layer.features, column, before)
        values, given = toggled(now, wanted, before)
        if given:
            self._before[column].update({i: v for i, v in now.items() if v != wanted})
        layer.features = with_values(layer.features, column, values)
        return given

    def _sync(self) -> None:
        layer = self.layer
        layer.features = synced_rows(layer.data, layer.features, self.class_name)

    def _painted(self, event: Any) -> None:
        self._atoms = event.value
        if is_written(self.layer.data, event.value):
            self._settle()

    def _settle(self, event: Any = None) -> None:
        """Follow a stroke that napari told of before it was written."""
        atoms, self._atoms = self._atoms, None
        if atoms:
            self._undone = undone_steps(self.layer)
            self._update(atoms)

    def _moved(self, event: Any) -> None:
        """Follow Undo and Redo; the event also comes when another plane is shown."""
        self._settle()
        layer, before = self.layer, self._undone
        self._undone = undone_steps(layer)
        if before is None:
            self._sync()
        else:
            for atoms in moved_steps(layer, before):
                self._update(atoms)

    def _replaced(self, event: Any) -> None:
        self._atoms = None
        self._undone = undone_steps(self.layer)
        self._sync()

    def _update(self, atoms: Sequence[Any]) -> None:
        layer, (ids, window) = self.layer, touched(atoms)
        layer.features = updated_rows(layer.data, layer.features, ids, self.class_name, window)


def ledger_of(layer: Labels) -> Ledger:
    """Return the ledger of a layer; the first time it measures the objects."""
    if layer not in _ledgers:
        _ledgers[layer] = Ledger(layer)
    return _ledgers[layer]
