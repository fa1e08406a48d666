"""What to learn from: layers, with what is correct in them, the project's images, folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_maskrcnn.train.answers import Answer, Findings, not_said, unsure
from napari_maskrcnn.widgets.dock import MARGIN
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.jobs_ui import show_problem
from napari_maskrcnn.widgets.learn_from import Folder, Layers, ProjectImages, Taken, count_files
from napari_maskrcnn.widgets.loop import loop_of
from napari_maskrcnn.widgets.pair_list import PairList, Source
from napari_maskrcnn.widgets.pair_row import MEANINGS, name_of
from napari_maskrcnn.widgets.pairs import (
    Pair,
    declared_classes,
    find_pairs,
    labelled_of,
    snapshot,
)
from napari_maskrcnn.widgets.survey import Survey

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

NOTHING = (
    "Nothing to learn from is checked. Open an image, predict or paint its labels, then check "
    "them in the list."
)


class LearnBox(QWidget):
    """Lists what there is to learn from, and takes what is checked.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    header : Header
        Its image and labels are a pair.

    Signals
    -------
    changed ()
        Something else is checked, was said, or was found.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, header: Header) -> None:
        super().__init__()
        self._viewer = viewer
        self._header = header
        self._loop = loop_of(viewer)
        self._folders: list[Folder] = []
        self.survey = Survey(self)
        self.add_button = QPushButton("Add folder…")
        self.add_button.setToolTip("Learn from a folder with images/ and labels/, too")
        self.pairs = PairList()
        self.meaning = wrapped_label()
        self.classes = wrapped_label()
        self._build()
        self.add_button.clicked.connect(self._ask_folder)
        self.pairs.changed.connect(self._say)
        self.survey.looked.connect(self.refresh)
        self._loop.project_changed.connect(self.look)
        self._loop.entries_changed.connect(self.look)

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(QLabel("Learn from"), 1)
        head.addWidget(self.add_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        layout.addLayout(head)
        for widget in (self.pairs, self.meaning, self.classes):
            layout.addWidget(widget)

    def look(self) -> None:
        """List what there is anew and, if anybody can see it, look at it in the background."""
        self.refresh()
        if self.isVisible():
            self.survey.start(self._found_pairs(), self._loop.project)

    def refresh(self) -> None:
        """List what there is anew."""
        project, count = self._loop.project, self.survey.finished
        own = [ProjectImages(project, count)] if project is not None and count else []
        pairs = self._found_pairs()
        sources: list[Source] = [*own, *self._folders, *pairs]
        self.pairs.set_sources(sources, self._suggested(pairs, own))
        for pair in pairs:
            self.pairs.row(pair).set_found(self.survey.of(pair))
        self._say()

    def add_folder(self, path: Path) -> None:
        """List a folder of images and labels, checked."""
        try:
            folder = Folder(path, count_files(path))
        except (OSError, ValueError) as error:
            show_problem(error)
            return
        if folder not in self._folders:
            self._folders.append(folder)
        self.refresh()

    def take(self) -> Taken:
        """Copy what is checked: painting goes on while it is learnt.

        Raises
        ------
        ValueError
            When nothing is checked, or it is not known what is correct in it.
        """
        if not self.pairs.checked():
            raise ValueError(NOTHING)
        for pair in self.pairs.pairs():
            row = self.pairs.row(pair)
            found = row.found()
            # Without a look at the labels, the training has one itself.
            if row.answer() is None and found is not None and found.objects is not None:
                row.answers.setFocus()
                raise ValueError(not_said(pair.labels.name, found))
        return self.taken(copied=True)

    def taken(self, copied: bool) -> Taken:
        """Return what is checked; without a copy, the pixels stay those of the layers."""
        sources = self.pairs.checked()
        projects = [source for source in sources if isinstance(source, ProjectImages)]
        folders = [source for source in sources if isinstance(source, Folder)]
        shown = self._loop.desk.labels()
        layers = []
        for pair in self.pairs.pairs():
            labelled = snapshot(pair) if copied else labelled_of(pair)
            held_out = pair.labels is shown and self._is_for_validation()
            layers.append(Layers(labelled, self.pairs.answer(pair), held_out))
        among = any(pair.labels is shown for pair in self.pairs.pairs())
        declared = (declared_classes(pair.labels) for pair in self.pairs.pairs())
        return Taken(
            tuple(layers),
            projects[0].project if projects else None,
            self._loop.desk.name if among and projects else "",
            tuple(folder.path for folder in folders),
            sum(source.count for source in sources if not isinstance(source, Pair)),
            frozenset().union(*declared),
        )

    def key(self) -> Hashable:
        """Tell one choice from another; None where nothing can be learnt yet."""
        checked = self.pairs.checked()
        said = self._said()
        if not checked or any(answer is None for _, answer in said):
            return None
        counts = [found.classes.get(answer) for found, answer in said if answer is not None]
        # Sources are the same ones with another number of images.
        files = [source.count for source in checked if not isinstance(source, Pair)]
        return (*checked, *(answer for _, answer in said), repr(counts), *files)

    def _said(self) -> list[tuple[Findings, Answer | None]]:
        """What the checked layers hold, and what is correct there."""
        return [(self.survey.of(pair), self.pairs.answer(pair)) for pair in self.pairs.pairs()]

    def _is_for_validation(self) -> bool:
        project, name = self._loop.project, self._loop.desk.name
        return project is not None and project.entry(name).role == "validation"

    def _found_pairs(self) -> list[Pair]:
        labels = self._header.labels.layer()
        return find_pairs(self._viewer.layers, self._header.images.layer(), labels)

    def _suggested(self, pairs: list[Pair], own: list[ProjectImages]) -> list[Source]:
        """What is checked unless the person decides otherwise."""
        chosen = self._header.labels.layer()
        # What is being looked at in a project is learnt once it is verified.
        shown: Labels | None = self._loop.desk.labels() if own else None
        wanted = [
            pair
            for pair in pairs
            if pair.labels is not shown and (pair.labels is chosen or self.survey.of(pair).touched)
        ]
        return [*own, *self._folders, *wanted]

    def _say(self) -> None:
        """Say what follows from what is checked."""
        pairs = self.pairs.pairs()
        said = [(found, answer) for found, answer in self._said() if answer is not None]
        asked = [
            unsure(pair.labels.name, found)
            for pair, (found, answer) in zip(pairs, self._said(), strict=True)
            if answer is None and found.objects is not None
        ]
        meanings = {name_of(answer, found): MEANINGS[answer] for found, answer in said}
        lines = [*asked, *(f"{name}: {text}" for name, text in meanings.items())]
        show_text(self.meaning, "\n".join(lines))
        classes: Counter[str] = Counter()
        for pair in pairs:
            classes.update(dict.fromkeys(declared_classes(pair.labels), 0))
        for found, answer in said:
            classes.update(found.classes.get(answer, {}))
        show_text(self.classes, _counted(classes))
        self.changed.emit()

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder with images/ and labels/")
        if path:
            self.add_folder(Path(path))


def wrapped_label() -> QLabel:
    """Make a label of several lines, hidden while it has none."""
    label = QLabel()
    label.setWordWrap(True)
    label.hide()
    return label


def show_text(label: QLabel, text: str) -> None:
    """Show a text, or nothing."""
    label.setText(text)
    label.setVisible(bool(text))
    # The layout around remembers how high the words were before.
    label.updateGeometry()


def _counted(classes: Counter[str]) -> str:
    """Objects of each class in words; empty where there is only one."""
    names = sorted(name for name in classes if name)
    if len(names) < 2:
        return ""
    words = [f"{classes[name]} {name}" for name in names]
    if classes[""]:
        words.append(f"{classes['']} without a class, which are left out")
    return f"Objects: {', '.join(words)}"
