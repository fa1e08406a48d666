"""What a stroke of a tool does to the labels: one edit, one step of Undo."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate import edits
from napari_maskrcnn.annotate.picking import object_at, object_under, objects_under
from napari_maskrcnn.widgets import toolbox
from napari_maskrcnn.widgets.finding import Finding
from napari_maskrcnn.widgets.fresh import TOO_MANY, too_many, written_afresh
from napari_maskrcnn.widgets.layers import PlaneIndex, as_slices, displayed_plane, show_plane
from napari_maskrcnn.widgets.ledger import Ledger, ledger_of
from napari_maskrcnn.widgets.struck import (
    check_editable,
    chosen,
    clicked,
    everywhere,
    named,
    near,
    objects,
    shown,
    slider,
)
from napari_maskrcnn.widgets.tools import Stroke, Tool

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

    from napari_maskrcnn.predict.prompt import Prompter

GIVEN = {
    toolbox.MERGE: "{} is kept. Click every piece that belongs to it.",
    toolbox.RENUMBER: "Now click, in any plane, the objects that are {} too.",
}
SEED = "Now click the middle of the next part of {}."

#: Tools that do the same to one object and to many, in the plane that is shown.
SHAPERS: dict[Tool, tuple[str, Callable[..., edits.Edit]]] = {
    toolbox.DELETE: ("Deleted", edits.delete),
    toolbox.FILL: ("Filled the holes of", edits.fill_holes),
    toolbox.SMOOTH: ("Smoothed", edits.smooth),
    toolbox.GROW: ("Widened", edits.grow),
    toolbox.SHRINK: ("Narrowed", edits.shrink),
    toolbox.LARGEST: ("Kept the largest piece of", edits.keep_largest),
}


class Corrections:
    """Turns strokes into edits; remembers what earlier clicks of the same tool chose.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._given = 0
        self._finding = Finding()
        self._seeds: list[NDArray[np.float64]] = []
        self._seeded: tuple[Labels, PlaneIndex] | None = None
        self._acts: dict[Tool, Callable[[Stroke, Ledger], str]] = {
            **dict.fromkeys(SHAPERS, self._shape),
            toolbox.MERGE: self._merge,
            toolbox.SPLIT: self._split,
            toolbox.ADD: self._add,
            toolbox.ACCEPT: self._accept,
            toolbox.CLASS: self._assign,
            toolbox.COPY: self._copy,
            toolbox.INTERPOLATE: self._interpolate,
            toolbox.DELETE_STACK: self._delete_stack,
            toolbox.RENUMBER: self._renumber,
        }

    def forget(self) -> None:
        """Forget earlier clicks: another tool is on."""
        self._given = 0
        self._seeds.clear()
        self._finding.forget()

    def apply(self, stroke: Stroke) -> str:
        """Do what a stroke asks for and say what was done.

        Raises
        ------
        ValueError
            When it cannot be done there; the message says what helps.
        """
        check_editable(stroke.layer)
        ledger = ledger_of(stroke.layer)
        try:
            return self._acts[stroke.tool](stroke, ledger)
        finally:
            _select_new_id(ledger)

    def find(self, stroke: Stroke, prompter: Prompter) -> str:
        """Put what the network sees in a box or under a click, and say what was done.

        Raises
        ------
        ValueError
            When it sees nothing there; the message says what helps.
        """
        check_editable(stroke.layer)
        ledger = ledger_of(stroke.layer)
        try:
            found = self._finding.find(stroke, prompter, ledger)
            return self._write(ledger, found.edit, found.done, found.class_name)
        finally:
            _select_new_id(ledger)

    def remove_small(self, layer: Labels, area: int) -> str:
        """Remove the objects of the shown plane that have fewer pixels, and say how many.

        Raises
        ------
        ValueError
            When there is none.
        """
        check_editable(layer)
        edit = edits.remove_small(layer.data, area, as_slices(displayed_plane(self._viewer, layer)))
        gone = len(np.unique(layer.data[edit.slices][edit.mask]))
        return self._write(ledger_of(layer), edit, f"Removed {objects(gone)}.")

    def _write(
        self, ledger: Ledger, edit: edits.Edit, done: str, class_name: str | None = None
    ) -> str:
        if too_many(edit):
            fresh = written_afresh(self._viewer.layers, ledger.layer, edit, class_name)
            return f"{done} {TOO_MANY.format(fresh.name)}"
        ledger.write(edit, class_name)
        return done

    def _shape(self, stroke: Stroke, ledger: Ledger) -> str:
        verb, make = SHAPERS[stroke.tool]
        ids = chosen(stroke, ledger)
        edit = make(stroke.layer.data, ids, near(stroke, ledger, ids))
        return self._write(ledger, edit, f"{verb} {named(ids)}.")

    def _delete_stack(self, stroke: Stroke, ledger: Ledger) -> str:
        ids = chosen(stroke, ledger)
        edit = edits.delete(stroke.layer.data, ids, everywhere(ledger, ids))
        return self._write(ledger, edit, f"Deleted {named(ids)} in all planes.")

    def _merge(self, stroke: Stroke, ledger: Ledger) -> str:
        if not stroke.clicked:
            ids = chosen(stroke, ledger)
            edit = edits.merge(stroke.layer.data, ids, None, near(stroke, ledger, ids))
            return self._write(ledger, edit, f"Merged {named(ids)} into {min(ids)}.")
        return self._gather(stroke, ledger, False, "Merged {} into {}.")

    def _renumber(self, stroke: Stroke, ledger: Ledger) -> str:
        return self._gather(stroke, ledger, True, "{} is {} now, in all planes.")

    def _gather(self, stroke: Stroke, ledger: Ledger, all_planes: bool, done: str) -> str:
        """Give the number of the first object that was clicked to the others."""
        found = clicked(stroke)
        if not found or not self._given or found == self._given:
            self._given = found
            return GIVEN[stroke.tool].format(found) if found else stroke.tool.hint
        pair = [self._given, found]
        where = everywhere(ledger, pair) if all_planes else near(stroke, ledger, pair)
        try:
            edit = edits.merge(stroke.layer.data, pair, self._given, where)
        except ValueError:
            # The object to keep is gone, or lies in another plane.
            self._given = 0
            raise
        return self._write(ledger, edit, f"{done.format(found, self._given)} Click the next.")

    def _split(self, stroke: Stroke, ledger: Ledger) -> str:
        if stroke.clicked:
            return self._seed(stroke, ledger)
        self._seeds.clear()
        found = object_under(shown(stroke), stroke.points)
        if not found:
            raise ValueError("The line crosses no object. Draw it across the object to split.")
        fresh = ledger.new_id()
        plane = as_slices(stroke.plane)
        edit = edits.split_line(stroke.layer.data, found, stroke.points, fresh, plane)
        done = f"Split {found}: the other piece is {fresh}."
        return self._write(ledger, edit, done, ledger.classes([found])[found])

    def _seed(self, stroke: Stroke, ledger: Ledger) -> str:
        """Split an object between this click and the earlier ones in it."""
        found, plane_labels = clicked(stroke), shown(stroke)
        if self._seeded != (stroke.layer, stroke.plane) or not found:
            self._seeds.clear()
        if not found:
            return stroke.tool.hint
        self._seeded = (stroke.layer, stroke.plane)
        point = np.rint(stroke.points[0])
        inside = [seed for seed in self._seeds if object_at(plane_labels, seed) == found]
        inside = [seed for seed in inside if not np.array_equal(seed, point)]
        self._seeds.append(point)
        if not inside:
            return SEED.format(found)
        fresh = ledger.new_id()
        plane = as_slices(stroke.plane)
        edit = edits.split_seeds(stroke.layer.data, found, [*inside, point], fresh, plane)
        done = f"Split {found}: the new piece is {fresh}. Click the middle of the next part."
        return self._write(ledger, edit, done, ledger.classes([found])[found])

    def _add(self, stroke: Stroke, ledger: Ledger) -> str:
        fresh = ledger.new_id()
        plane = as_slices(stroke.plane)
        edit, label = edits.add_polygon(stroke.layer.data, stroke.points, fresh, plane)
        return self._write(ledger, edit, toolbox.drawn(label, fresh))

    def _accept(self, stroke: Stroke, ledger: Ledger) -> str:
        ids = chosen(stroke, ledger)
        accepted = ledger.toggle_accepted(ids)
        return f"{named(ids)} accepted." if accepted else f"{named(ids)} no longer accepted."

    def _assign(self, stroke: Stroke, ledger: Ledger) -> str:
        ids = objects_under(shown(stroke), stroke.points)
        if not ids:
            raise ValueError("There is no object here. Click on one, or paint across several.")
        if not ledger.class_name:
            raise ValueError("There is no class to give. Add one: More tools, Classes, ⋯.")
        given = ledger.toggle_class(ids, ledger.class_name)
        names = sorted(set(ledger.classes(ids).values()))
        said = ", ".join(name or "without a class" for name in names)
        return f"{named(ids)}: {said}." if given else f"{named(ids)}: {said} again."

    def _copy(self, stroke: Stroke, ledger: Ledger) -> str:
        ids = chosen(stroke, ledger)
        axis, at = slider(stroke.plane)
        if at + 1 == stroke.layer.data.shape[axis]:
            raise ValueError("This is the last plane: there is no next one to copy to.")
        here = near(stroke, ledger, ids)
        there = (*here[:axis], at + 1, *here[axis + 1 :])
        edit = edits.copy(stroke.layer.data, ids, here, there)
        done = self._write(ledger, edit, f"Copied {named(ids)} to plane {at + 1}.")
        target = (*stroke.plane[:axis], at + 1, *stroke.plane[axis + 1 :])
        show_plane(self._viewer, stroke.layer, target)
        return done

    def _interpolate(self, stroke: Stroke, ledger: Ledger) -> str:
        (found,) = chosen(stroke, ledger)
        axis, _ = slider(stroke.plane)
        where = list(near(stroke, ledger, [found]))
        where[axis] = slice(None)
        edit = edits.interpolate(stroke.layer.data, found, axis, where)
        planes = int(edit.mask.any(axis=tuple(a for a in range(edit.mask.ndim) if a != axis)).sum())
        return self._write(ledger, edit, f"Filled {planes} plane{'s'[: planes > 1]} of {found}.")


def _select_new_id(ledger: Ledger) -> None:
    """Let the brush paint a new object.

    The click picked a label, perhaps the background or one that is gone now; the brush must not
    erase with it, nor bring its id back for another object.
    """
    # Where the type of the labels has no number left, what makes objects says so.
    with suppress(ValueError):
        ledger.layer.selected_label = ledger.new_id()
