"""What a stroke of a tool does to the labels: one edit, one step of Undo, the rows kept up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_maskrcnn.annotate import edits
from napari_maskrcnn.annotate.picking import object_at, object_under
from napari_maskrcnn.annotate.rows import updated_rows
from napari_maskrcnn.widgets.layers import as_slices
from napari_maskrcnn.widgets.tools import Stroke, Tool

if TYPE_CHECKING:
    from napari.layers import Labels

DELETE = Tool("Delete", "D", "click", "Click an object to delete it.")
MERGE = Tool(
    "Merge", "G", "click", "Click the object to keep, then every piece that belongs to it."
)
SPLIT = Tool("Split", "S", "line", "Draw a line across an object, from outside to outside.")
ADD = Tool("Add", "A", "outline", "Draw around an object that was missed.")
KEEPS = "{} is kept. Click every piece that belongs to it."
TOOLS = (DELETE, MERGE, SPLIT, ADD)


class Corrections:
    """Turns strokes into edits; remembers which object a merge keeps."""

    def __init__(self) -> None:
        self.kept = 0

    def apply(self, stroke: Stroke, class_name: str = "") -> str:
        """Do what a stroke asks for and say what was done.

        Parameters
        ----------
        stroke : Stroke
            The tool and where the mouse was.
        class_name : str
            Class of a new object.

        Raises
        ------
        ValueError
            When it cannot be done there; the message says what helps.
        """
        check_editable(stroke.layer)
        act = {
            DELETE: self._delete,
            MERGE: self._merge,
            SPLIT: self._split,
            ADD: self._add,
        }[stroke.tool]
        try:
            return act(stroke, as_slices(stroke.plane), class_name)
        finally:
            # The click picked a label, perhaps the background or one that is gone now; the brush
            # must not erase with it, nor bring its id back for another object.
            stroke.layer.selected_label = new_id(stroke.layer)

    def _delete(self, stroke: Stroke, plane: edits.Plane, class_name: str) -> str:
        found = _clicked(stroke)
        if not found:
            raise ValueError("There is no object here. Click on the object to delete.")
        write(stroke.layer, edits.delete(stroke.layer.data, [found], plane), [found])
        return f"Deleted {found}."

    def _merge(self, stroke: Stroke, plane: edits.Plane, class_name: str) -> str:
        found = _clicked(stroke)
        if not found or not self.kept or found == self.kept:
            self.kept = found
            return KEEPS.format(found) if found else MERGE.hint
        try:
            edit = edits.merge(stroke.layer.data, [self.kept, found], self.kept, plane)
        except ValueError:
            # The object to keep is gone, or lies in another plane.
            self.kept = 0
            raise
        write(stroke.layer, edit, [self.kept, found])
        return f"Merged {found} into {self.kept}. Click the next piece, or background to end."

    def _split(self, stroke: Stroke, plane: edits.Plane, class_name: str) -> str:
        layer = stroke.layer
        found = object_under(layer.data[as_slices(stroke.plane)], stroke.points)
        if not found:
            raise ValueError("The line crosses no object. Draw it across the object to split.")
        fresh = new_id(layer)
        edit = edits.split_line(layer.data, found, stroke.points, fresh, plane)
        write(layer, edit, [found, fresh], _class_of(layer, found))
        return f"Split {found}: the other piece is {fresh}."

    def _add(self, stroke: Stroke, plane: edits.Plane, class_name: str) -> str:
        fresh = new_id(stroke.layer)
        edit = edits.add_polygon(stroke.layer.data, stroke.points, fresh, plane)
        write(stroke.layer, edit, [fresh], class_name)
        return f"Added {fresh}."


def _clicked(stroke: Stroke) -> int:
    return object_at(stroke.layer.data[as_slices(stroke.plane)], stroke.points[0])


def check_editable(layer: Labels) -> None:
    """Raise ValueError when nobody can paint in a layer."""
    if layer.multiscale:
        raise ValueError(
            f"{layer.name!r} is multiscale, which napari cannot edit. Use a plain copy."
        )
    if not layer.editable:
        raise ValueError(f"{layer.name!r} is locked. Unlock it in the layer list first.")


def write(layer: Labels, edit: edits.Edit, ids: list[int], class_name: str = "") -> None:
    """Write an edit as one step of Undo, and bring the rows of the objects up to date."""
    layer.data_setitem(edit.indices, edit.values)
    layer.features = updated_rows(layer.data, layer.features, ids, class_name)


def new_id(layer: Labels) -> int:
    """Return an id that no object of the layer has, nor ever had."""
    table = layer.features
    return edits.next_id(layer.data, table if "index" in table else None)


def _class_of(layer: Labels, i: int) -> str:
    table = layer.features
    if not {"index", "class"} <= set(table.columns):
        return ""
    names = table.loc[table["index"] == i, "class"]
    return str(names.iloc[0]) if len(names) else ""
