"""What a stroke of the tool that asks the network changes: a box drawn, or a click and the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_maskrcnn.annotate.edit import Edit
from napari_maskrcnn.annotate.put import put
from napari_maskrcnn.widgets.layers import as_slices
from napari_maskrcnn.widgets.ledger import Ledger
from napari_maskrcnn.widgets.struck import clicked, shown
from napari_maskrcnn.widgets.toolbox import drawn
from napari_maskrcnn.widgets.tools import Stroke

if TYPE_CHECKING:
    from napari_maskrcnn.instances import Instances
    from napari_maskrcnn.predict.prompt import Prompter

NOTHING = "The model sees no object here. Draw a box around it, or its outline with Add."
NEXT = " Click it again for the next guess."


@dataclass(frozen=True, eq=False)
class Found:
    """What is to be written, how it is told, and the class of the object."""

    edit: Edit
    done: str
    class_name: str


class Finding:
    """Turns strokes into what the network sees there; a click on its last guess gives the next."""

    def __init__(self) -> None:
        self._guesses: Instances | None = None
        self._next = 0
        self._label = 0
        self._where: tuple[object, ...] = ()

    def forget(self) -> None:
        """Forget the guesses for the last click."""
        self._guesses, self._label, self._where = None, 0, ()

    def find(self, stroke: Stroke, prompter: Prompter, ledger: Ledger) -> Found:
        """Ask the network.

        Raises
        ------
        ValueError
            When it sees nothing there; the message says what helps.
        """
        if stroke.clicked:
            return self._click(stroke, prompter, ledger)
        self.forget()
        # The middle of pixel (0, 0) is at 0; the box counts from its corner.
        (y1, x1), (y2, x2) = stroke.points.min(0) + 0.5, stroke.points.max(0) + 0.5
        return self._put(stroke, ledger, prompter.box((x1, y1, x2, y2)), 0, 0)

    def _click(self, stroke: Stroke, prompter: Prompter, ledger: Ledger) -> Found:
        here = clicked(stroke)
        where = (id(stroke.layer), stroke.plane, id(prompter))
        if self._guesses is None or not here or (here, where) != (self._label, self._where):
            taken = shown(stroke)
            y, x = stroke.points[0] + 0.5
            guesses = prompter.click(y, x, (taken != 0) & (taken != here))
            self._guesses, self._next, self._where = guesses, 0, where
        guesses = self._guesses
        for _ in range(len(guesses)):
            at, self._next = self._next, (self._next + 1) % len(guesses)
            try:
                return self._put(stroke, ledger, guesses, at, here)
            except ValueError:
                # It is there already, or other objects leave it no pixel: the next one.
                continue
        self.forget()
        raise ValueError(NOTHING)

    def _put(self, stroke: Stroke, ledger: Ledger, found: Instances, at: int, here: int) -> Found:
        fresh = ledger.new_id()
        plane = as_slices(stroke.plane)
        mask, origin = found.crops[at], found.origins[at].tolist()
        edit, label = put(stroke.layer.data, mask, origin, fresh, plane, here)
        self._label = label
        done = drawn(label, fresh)
        several = stroke.clicked and len(found) > 1
        name = ledger.class_name or found.class_names[found.classes[at] - 1]
        return Found(edit, done + NEXT if several else done, name)
