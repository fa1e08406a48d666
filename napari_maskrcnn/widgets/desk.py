"""The image of a project that is being worked on: put there, watched, and saved when it is left."""

from __future__ import annotations

import gc
import time
import weakref
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_maskrcnn.annotate.image_states import State, states_in
from napari_maskrcnn.annotate.project.entries import Entry
from napari_maskrcnn.annotate.project.leave import Left, set_state
from napari_maskrcnn.annotate.project.pace import Pace
from napari_maskrcnn.annotate.project.prepare import Ready, planes_of
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.project.stored import LABELS, Stored
from napari_maskrcnn.annotate.regions import KEY as REGIONS
from napari_maskrcnn.widgets.jobs_ui import show_note, show_problem
from napari_maskrcnn.widgets.layer_states import say
from napari_maskrcnn.widgets.layers import micrometres
from napari_maskrcnn.widgets.origin import origin_of
from napari_maskrcnn.widgets.project_saving import Saver
from napari_maskrcnn.widgets.swapping import (
    Shown,
    is_touched,
    labels_of,
    related,
    release,
    set_aside,
    swap,
)

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

#: After so many images, and when the mouse rested for so long, what napari leaves of removed layers
#: is collected: 20 MB an image of 2048² pixels, which Python by itself would leave for ever, since
#: jobs put its full collections off. It takes a moment, so not while a person does something.
IMAGES = 10
REST_MS = 2000

#: Events of labels after which they may differ from what the project has.
EDITS = ("paint", "features", "data")
ASIDE = "What counts of {} are the labels {!r}. Others that differ are hidden, not removed: {}."


class Desk(QObject):
    """Holds one image of a project at a time.

    Attributes
    ----------
    project : Project, optional
        Where it is saved.
    shown : Shown, optional
        What lies on it.
    verified : dict
        Seconds spent on images that were said to be right and are being saved.

    Signals
    -------
    swapping (), swapped ()
        Before and after another image takes the place of the one that is shown.
    saved (Entry)
        An image is on the disk.
    """

    swapping = Signal()
    swapped = Signal()
    saved = Signal(object)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self.project: Project | None = None
        self.shown: Shown | None = None
        self.verified: dict[str, float] = {}
        self.pace = Pace()
        self.saver = Saver(viewer, self)
        self._viewer = weakref.ref(viewer)
        self._edited = False
        self._images = 0
        self._taken_away: weakref.WeakSet[Labels] = weakref.WeakSet()
        self._going = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._tidy)
        self.saver.saved.connect(self._saved)
        self.saver.done_with.connect(self._release)
        viewer.mouse_move_callbacks.append(self._moved)
        viewer.layers.events.removing.connect(self._removing)

    @property
    def viewer(self) -> Viewer:
        """The viewer."""
        viewer = self._viewer()
        assert viewer is not None
        return viewer

    @property
    def name(self) -> str:
        """Name of the image that is shown; empty without one."""
        return self.shown.name if self.shown is not None else ""

    def labels(self) -> Labels | None:
        """Return the labels of the image that is shown; None without any."""
        return labels_of(self.viewer, self.shown) if self.shown is not None else None

    def begin(self, project: Project) -> None:
        """Take images of a project from now on."""
        self.project, self.pace = project, Pace()

    def end(self) -> None:
        """Save what is shown, wait for it, and let go; the layers stay in the viewer."""
        self.save()
        self.saver.finish()
        self._watch(None)
        self.project = None

    def put(self, ready: Ready) -> None:
        """Save the image that is shown and put another one in its place."""
        assert self.project is not None
        self.swapping.emit()
        before, labels = self.shown, self.labels()
        self.save()
        self._watch(None)
        others: list[Labels] = []
        if before is not None:
            others = [layer for layer in related(self.viewer, before) if layer is not labels]
            before = replace(before, labels=labels or before.labels)
        shown = swap(self.viewer, ready, before, str(self.project.root))
        if before is not None:
            self._set_aside(before, others)
            if not self.saver.has(before.labels):
                self._release(before.labels)
        self._watch(shown)
        self._images += 1
        if self._images >= IMAGES:
            self._rest.start(REST_MS)
        self.pace.moved(time.monotonic())
        self.swapped.emit()

    def take(self, shown: Shown) -> None:
        """Save the image that is shown, and go on with one whose layers are there already."""
        layers = self.viewer.layers
        before, labels = self.shown, self.labels()
        self.save()
        self._watch(None)
        if before is not None:
            before = replace(before, labels=labels or before.labels)
            found = related(self.viewer, before)
            self._set_aside(before, [layer for layer in found if layer is not before.labels])
            for layer in (before.labels, before.image):
                if layer in layers and layer is not shown.image:
                    layers.remove(layer)
        self._watch(shown)
        self._edited = True
        layers.selection.active = shown.labels
        self.swapped.emit()

    def save(self, verified: bool = False) -> None:
        """Hand what was made of the shown image over to be written, if there is anything new."""
        project, shown, labels = self.project, self.shown, self.labels()
        if project is None or shown is None or labels is None:
            return
        known = project.file(LABELS, shown.name, ".tif").is_file()
        edited = self._edited or labels is not shown.labels
        touched = edited and (known or is_touched(labels))
        states = states_in(labels.metadata) or project.states(shown.name)
        regions = labels.metadata.get(REGIONS)
        # Comparing them with their file is left to the thread.
        said = REGIONS in labels.metadata or states != project.states(shown.name)
        if not (verified or touched or said):
            return
        self._edited = False
        seconds = self.pace.leave(time.monotonic())
        if verified:
            self.verified[shown.name] = seconds
        data, origin = np.asarray(labels.data), origin_of(labels, shown.image)
        left = Left(
            shown.name,
            Stored(data, labels.features.copy() if "index" in labels.features else None),
            states,
            tuple(planes_of(data.shape)) if data.ndim > 2 else (),
            touched,
            seconds,
            micrometres(labels),
            partial(origin.provenance, data),
            regions,
        )
        self.saver.save(project, left, labels)

    def set_state(self, name: str, state: State) -> None:
        """Say how far an image is, shown or not."""
        labels = self.labels()
        if self.project is None:
            return
        if name == self.name and labels is not None:
            say(labels, state, (None,) * labels.ndim)
            self.save(verified=state == State.VERIFIED)
        else:
            self.saver.submit(partial(set_state, self.project, name, state))

    def _watch(self, shown: Shown | None) -> None:
        """Notice edits of the labels that are shown from now on."""
        if self.shown is not None:
            for name in EDITS:
                getattr(self.shown.labels.events, name).disconnect(self._note_edit)
        self.shown, self._edited = shown, False
        if shown is not None:
            for name in EDITS:
                getattr(shown.labels.events, name).connect(self._note_edit)

    def _set_aside(self, before: Shown, others: list[Labels]) -> None:
        """Clear away other labels of an image that is left, but nothing that a person made."""
        hidden = set_aside(self.viewer, before, others)
        if hidden:
            names = ", ".join(repr(layer.name) for layer in hidden)
            show_note(ASIDE.format(before.name, before.labels.name, names))

    def _removing(self, event: Any) -> None:
        """Save labels that a person, or the viewer's end, takes away from the image."""
        labels = self.labels()
        # When all layers go at once, the first are those that counted.
        if self._going or labels is None or self.viewer.layers[event.index] is not labels:
            return
        try:
            self.save()
        except (OSError, ValueError) as error:
            show_problem(error)
        self._taken_away.add(labels)
        # Other labels of the image, if there are any, are what counts now.
        self._edited = self._going = True
        QTimer.singleShot(0, self._gone)

    def _gone(self) -> None:
        self._going = False

    def _note_edit(self, event: Any) -> None:
        self._edited = True
        self._moved()

    def _moved(self, *_: object) -> None:
        self.pace.moved(time.monotonic())
        if self._rest.isActive():
            self._rest.start(REST_MS)

    def _tidy(self) -> None:
        self._images = 0
        gc.collect()

    def _release(self, labels: Labels) -> None:
        # What was taken away may be in use elsewhere.
        if labels not in self._taken_away:
            release(self.viewer, labels)

    def _saved(self, entry: Entry) -> None:
        seconds = self.verified.pop(entry.name, None)
        if seconds is not None:
            self.pace.verified(entry.objects or 0, seconds)
        self.saved.emit(entry)
