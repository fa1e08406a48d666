"""The folder of a project: what lies where in it, and every change of its table.

::

    project.json        that it is one, and how its images are predicted
    images.csv          a row each image: name, file, state, role, objects
    images/             images that were copied into it; others stay where they are
    labels/             <name>.tif and <name>.csv, as a person left them
    predictions/        <name>.tif, <name>.csv and <name>.npz with every candidate
    states/             <name>.json for a stack of which some planes are further than others
    regions/            <name>.json with the parts that are finished
    models/             for the weights that are trained with it
    history/            what was replaced, and log.csv with every change of a state
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_maskrcnn.annotate.image_states import State, States
from napari_maskrcnn.annotate.project.about import (
    FILE,
    ProjectError,
    about_text,
    is_project,
    new_about,
    read_about,
    settings_of,
)
from napari_maskrcnn.annotate.project.entries import Entry, free_name
from napari_maskrcnn.annotate.project.history import FOLDER, keep, keep_once, log, replacing
from napari_maskrcnn.annotate.project.lock import Lock
from napari_maskrcnn.annotate.project.places import copied, places_of, same_image, written_path
from napari_maskrcnn.annotate.project.sheet import NAME as SHEET
from napari_maskrcnn.annotate.project.sheet import Sheet, read_sheet
from napari_maskrcnn.formats.atomic import atomic_path
from napari_maskrcnn.predict.settings import PredictSettings

FOLDERS = ("images", "labels", "predictions", "models")


class Project:
    """An open project. Its methods may be called from any thread.

    Make one with `Project.create` or `Project.open`, and `close` it, or use it as a context.

    Attributes
    ----------
    root : Path
        Its folder.
    """

    def __init__(self, root: Path, lock: Lock | None) -> None:
        self.root = root
        self._lock = lock
        self._guard = threading.RLock()
        self._read: tuple[int, int] | None = None
        self._sheet = Sheet()
        self._about = read_about(root)
        self._sheet_now()

    @classmethod
    def create(cls, folder: str | Path) -> Project:
        """Make a folder a project; what is in it stays.

        Raises
        ------
        ProjectError
            It is one already.
        OSError
            It cannot be written.
        """
        root = Path(folder).absolute()
        if is_project(root):
            raise ProjectError(f"{root} is a project already. Open it, or choose another folder.")
        for name in FOLDERS:
            (root / name).mkdir(parents=True, exist_ok=True)
        if not (root / SHEET).exists():
            with atomic_path(root / SHEET) as part:
                part.write_text(Sheet().to_text(), encoding="utf-8")
        with atomic_path(root / FILE) as part:
            part.write_text(about_text(new_about()), encoding="utf-8")
        return cls.open(root)

    @classmethod
    def open(cls, folder: str | Path, lock: bool = True) -> Project:
        """Open a project.

        Parameters
        ----------
        folder : str or Path
            Its folder.
        lock : bool
            Keep other windows from opening it; without, it is only to be read.

        Raises
        ------
        ProjectError, SheetError
            The folder is no project, or its files cannot be read.
        ProjectInUse
            Another window has it.
        """
        root = Path(folder).absolute()
        if not is_project(root):
            raise ProjectError(f"{root} is no project: it has no {FILE}. Make a new one of it.")
        held = Lock(root) if lock else None
        try:
            project = cls(root, held)
            if lock:
                # Single changes are lines of the log.
                keep_once(root, root / SHEET)
        except BaseException:
            if held is not None:
                held.release()
            raise
        return project

    def close(self) -> None:
        """Let other windows have it."""
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The images, in the order of the table."""
        return self._sheet.entries

    def entry(self, name: str) -> Entry:
        """Return an image by its name; KeyError when there is none."""
        return self._sheet.named(name)

    def refresh(self) -> tuple[Entry, ...]:
        """Read the table again if another program changed it; return the images."""
        with self._guard:
            return self._sheet_now().entries

    @property
    def settings(self) -> PredictSettings:
        """How its images are predicted."""
        return settings_of(self._about)

    def set_settings(self, **changes: Any) -> None:
        """Change how images are predicted that are not yet, such as ``model="nuclei"``."""
        with self._guard:
            predict = {**(self._about.get("predict") or {}), **changes}
            self._about = {**self._about, "predict": predict}
            with replacing(self.root, self.root / FILE) as part:
                part.write_text(about_text(self._about), encoding="utf-8")

    def add(self, paths: Iterable[str | Path], copy: bool = False) -> list[Entry]:
        """Add images; one that is in the project already is left out.

        Parameters
        ----------
        paths : iterable of path
            Their files.
        copy : bool
            Copy them into the project rather than refer to where they are.

        Returns
        -------
        list of Entry
            What was added.
        """
        with self._guard:
            sheet = self._sheet_now()
            known = {place for entry in sheet.entries for place in places_of(self.root, entry)}
            names = {entry.name.casefold() for entry in sheet.entries}
            added: list[Entry] = []
            for path in map(Path, paths):
                source = path.absolute()
                if source in known:
                    continue
                known.add(source)
                name = free_name(path.stem, names)
                names.add(name.casefold())
                place = copied(source, self.root / "images", name) if copy else source
                inside = place.is_relative_to(self.root)
                image = written_path(place, self.root)
                # A dataset that becomes a project brings labels of which nobody says more.
                labelled = self.file("labels", name, ".tif").is_file()
                state = State.CORRECTING if labelled else State.NEW
                added.append(Entry(name, image, state, original="" if inside else str(source)))
            if added:
                self._write(replace(sheet, entries=(*sheet.entries, *added)))
            return added

    def image_path(self, name: str) -> Path:
        """Return where the file of an image is.

        Raises
        ------
        FileNotFoundError
            It is gone; the message says where it was looked for.
        ProjectError
            The project was moved, and two images may be meant.
        """
        entry, sheet = self.entry(name), self.root / SHEET
        found = places_of(self.root, entry)
        if not found:
            also = f" or {entry.original}" if entry.original else ""
            raise FileNotFoundError(
                f"{name}: its image is not at {self.root / entry.image}{also}. Put it back, or "
                f"write its new place into the column 'image' of {sheet}."
            )
        if len(found) > 1 and not same_image(*found):
            raise ProjectError(
                f"{name}: after a move its image may be {found[0]} or {found[1]}, which differ. "
                f"Write the whole path of the right one into the column 'image' of {sheet}."
            )
        return found[0]

    def file(self, folder: str, name: str, suffix: str) -> Path:
        """Return the path of one of the files of an image, whether it is there or not."""
        return self.root / folder / f"{name}{suffix}"

    def states(self, name: str) -> States:
        """Return the states of an image and its planes."""
        entry = self.entry(name)
        path = self.file("states", name, ".json")
        try:
            states = States.from_json(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return States(entry.state)
        except (OSError, ValueError) as error:
            raise ProjectError(f"{path} cannot be read: {error}") from error
        # What a person wrote into the table since then counts more.
        said = json.loads(path.read_text(encoding="utf-8")).get("summary")
        return states if said == entry.state.value else States(entry.state)

    def set_states(
        self, name: str, states: States, planes: Sequence[Any] = (), **changes: Any
    ) -> Entry:
        """Change the state of an image, with anything else of its entry.

        Parameters
        ----------
        name : str
            The image.
        states : States
            The new ones.
        planes : sequence of planes
            All of a stack; none of one plane.
        changes
            Other values of `Entry`.
        """
        summary = states.summary(planes)
        path = self.file("states", name, ".json")
        with self._guard:
            if states.planes:
                with replacing(self.root, path) as part:
                    said = {**states.to_json(), "summary": summary.value}
                    part.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
            elif path.exists():
                keep(self.root, path)
                path.unlink()
            return self.update(name, state=summary, **changes)

    def update(self, name: str, **changes: Any) -> Entry:
        """Change values of an image's entry; what another program changed meanwhile stays."""
        with self._guard:
            sheet = self._sheet_now()
            before = sheet.named(name)
            now = replace(before, **changes)
            if now != before:
                self._write(sheet.with_entry(now))
                if now.state != before.state or now.seconds != before.seconds:
                    log(self.root, before, now)
            return now

    def _sheet_now(self) -> Sheet:
        path = self.root / SHEET
        try:
            stat = path.stat()
        except FileNotFoundError as error:
            raise ProjectError(
                f"{path} is missing. Put it back; copies of it are in {self.root / FOLDER}."
            ) from error
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp != self._read:
            self._sheet, self._read = read_sheet(path), stamp
        return self._sheet

    def _write(self, sheet: Sheet) -> None:
        path = self.root / SHEET
        with atomic_path(path, overwrite=True) as part:
            part.write_text(sheet.to_text(), encoding="utf-8", newline="")
        stat = path.stat()
        self._sheet, self._read = sheet, (stat.st_mtime_ns, stat.st_size)
