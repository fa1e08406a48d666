"""The annotator's loop: one image of a project after the other, the next one ready beforehand."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_maskrcnn.annotate.project.about import is_project
from napari_maskrcnn.annotate.project.entries import Entry, next_open
from napari_maskrcnn.annotate.project.prepare import Ready
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.widgets.desk import Desk
from napari_maskrcnn.widgets.jobs_ui import show_note, show_problem
from napari_maskrcnn.widgets.keys import Keys
from napari_maskrcnn.widgets.layers import file_of, spatial_shape
from napari_maskrcnn.widgets.prediction import prediction_of
from napari_maskrcnn.widgets.preparing import Preparer
from napari_maskrcnn.widgets.recovery import keeper_of
from napari_maskrcnn.widgets.swapping import MARK, Shown, is_marked
from napari_maskrcnn.widgets.verifying import verify_plain, verify_plane

if TYPE_CHECKING:
    from napari import Viewer
    from napari.components import LayerList

NEXT_KEY, PREVIOUS_KEY = "N", "Shift-B"
ALL_DONE = "Every image is verified or excluded: nothing is left to do here."
NO_IMAGES = "The project has no image yet. Add some in the dock Project."
NOT_SAVED = "The labels of {} are not saved yet: they could not be written. Wait a moment."
NO_PREVIOUS = "There is no image before this one."

_loops: dict[int, Loop] = {}


def loop_of(viewer: Viewer) -> Loop:
    """Return the loop of a viewer; the first call makes it."""
    found = _loops.get(id(viewer))
    if found is None:
        found = _loops[id(viewer)] = Loop(viewer)
        weakref.finalize(viewer, _loops.pop, id(viewer), None)
    return found


class Loop(QObject):
    """Shows the images of a project one after the other; without one, the labels of the viewer.

    Signals
    -------
    project_changed ()
        Another project is open, or none.
    entries_changed ()
        Something about the images changed.
    waiting_changed (str)
        What is waited for, in words; empty when nothing is.
    """

    project_changed = Signal()
    entries_changed = Signal()
    waiting_changed = Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.project: Project | None = None
        self.order: list[str] = []
        self.desk = Desk(viewer, self)
        self.preparer = Preparer(self, self._following, self.desk.saver.barrier)
        self._viewer = weakref.ref(viewer)
        self._visited: list[str] = []
        self._back = False
        self._rows = 0
        self._keys: Keys | None = None
        self.preparer.arrived.connect(self._show)
        self.preparer.prepared.connect(self.entries_changed)
        self.preparer.failed.connect(self._failed)
        self.desk.saved.connect(self._saved)
        keeper_of(viewer).closing.connect(self.close)
        viewer.layers.events.inserted.connect(self._inserted)

    @property
    def viewer(self) -> Viewer:
        """The viewer."""
        viewer = self._viewer()
        assert viewer is not None
        return viewer

    def attach(self) -> None:
        """Bind the keys while a widget shows what they do."""
        self._rows += 1
        if self._keys is None:
            actions = {NEXT_KEY: self.verify_next, PREVIOUS_KEY: self.previous}
            self._keys = Keys(self.viewer, actions)

    def detach(self) -> None:
        """Take `attach` back."""
        self._rows -= 1
        if not self._rows and self._keys is not None:
            self._keys.close()
            self._keys = None

    def open(self, project: Project) -> None:
        """Go on with a project; another one that is open is closed."""
        self.close()
        self.project = project
        self.order = []
        self.desk.begin(project)
        self.preparer.start(project)
        self.project_changed.emit()

    def close(self) -> None:
        """Save what is shown and close the project; its layers stay in the viewer."""
        project = self.project
        if project is None:
            return
        self.preparer.start(None)
        self.desk.end()
        project.close()
        self.project = None
        self._visited.clear()
        self.waiting_changed.emit("")
        self.project_changed.emit()

    def entries(self) -> list[Entry]:
        """The images in the order in which they are gone through."""
        if self.project is None:
            return []
        place = {name: at for at, name in enumerate(self.order)}
        return sorted(self.project.entries, key=lambda entry: place.get(entry.name, len(place)))

    def show(self, name: str) -> None:
        """Show an image, as soon as it is ready."""
        if self.project is None or (name == self.desk.name and self.desk.labels() is not None):
            return
        if name in self.desk.saver.unsaved:
            show_problem(NOT_SAVED.format(name))
            return
        ready = self.preparer.want(name)
        if ready is not None:
            self._show(ready)
        else:
            self.waiting_changed.emit(f"Opening {name}…")

    def show_next(self) -> None:
        """Show the next image that is neither verified nor excluded."""
        following = self._following()
        if following:
            self.show(following)
        else:
            show_note(ALL_DONE if self.entries() else NO_IMAGES)

    def previous(self) -> None:
        """Show the image that was shown before this one."""
        name = self.desk.name
        names = [entry.name for entry in self.entries()]
        before = ""
        while self._visited and not before:
            last = self._visited.pop()
            before = last if last in names and last != name else ""
        if not before and name in names:
            before = names[names.index(name) - 1] if names.index(name) else ""
        if not before:
            show_note(NO_PREVIOUS)
            return
        self._back = True
        self.show(before)

    def verify_next(self) -> None:
        """Say that the shown plane or image is right, save it, and show the next."""
        labels = self.desk.labels()
        try:
            if self.project is None:
                verify_plain(self.viewer)
            elif labels is None:
                self.show_next()
            elif verify_plane(self.viewer, labels):
                self.desk.save(verified=True)
                self.preparer.forget(self.desk.name)
                self.show_next()
        except ValueError as error:
            show_problem(error)

    def _following(self) -> str:
        """Name of the image that comes next; what is being saved as verified is passed over."""
        here = self.desk.name
        passed = (self.preparer.bad | self.desk.verified.keys() | self.desk.saver.unsaved) - {here}
        found = next_open([entry for entry in self.entries() if entry.name not in passed], here)
        return found.name if found is not None else ""

    def _show(self, ready: Ready) -> None:
        self.waiting_changed.emit("")
        if self.desk.name and not self._back:
            self._visited.append(self.desk.name)
        self._back = False
        self.desk.put(ready)
        self.preparer.work()

    def _saved(self, entry: Entry) -> None:
        self.entries_changed.emit()

    def _failed(self, name: str) -> None:
        self._back = False
        self.waiting_changed.emit("")
        self.entries_changed.emit()

    def _inserted(self, event: Any) -> None:
        layer = event.value
        if isinstance(layer, Labels) and is_marked(layer):
            # Not now: it is being inserted at this moment, perhaps by ourselves.
            project = self.project
            QTimer.singleShot(0, lambda: self._adopt(layer, project))

    def _adopt(self, labels: Labels, project: Project | None) -> None:
        """Go on with labels that came back after a crash: with their project, and where it was.

        `project` is the one that was open when they came: closed since, it stays closed.
        """
        if project is not None and self.project is not project:
            return
        mark, layers = labels.metadata[MARK], self.viewer.layers
        name, root = str(mark.get("image")), Path(str(mark.get("folder")))
        if labels not in layers or self.desk.name == name:
            return
        try:
            if self.project is None and is_project(root):
                self.open(Project.open(root))
            project = self.project
            if project is None or project.root != root:
                return
            if name not in {entry.name for entry in project.entries}:
                return
            image = _image_under(labels, layers, project.image_path(name))
        except (OSError, ValueError) as error:
            show_problem(error)
            return
        if image is not None:
            self.desk.take(Shown(str(root), name, image, labels))
            self.preparer.work()


def _image_under(labels: Labels, layers: LayerList, path: Path) -> Image | None:
    """Image that labels were predicted in, or else one of their shape and of no other file."""
    record = prediction_of(labels)
    image = record.image() if record is not None else None
    if image is not None and image in layers:
        return image
    shape = spatial_shape(labels)
    fitting = [x for x in layers if isinstance(x, Image) and spatial_shape(x) == shape]
    own = [x for x in fitting if (file := file_of(x)) and Path(file).resolve() == path.resolve()]
    return next(iter(own or [x for x in fitting if not file_of(x)]), None)
