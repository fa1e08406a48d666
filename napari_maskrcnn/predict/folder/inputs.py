"""Which images files and folders mean, and where the outputs of each go."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from napari_maskrcnn.sources.opening import SUFFIXES, is_image

LABELS_ENDING = "_labels"

Failure = tuple[Path, str]
"""An input, and why it is none."""


@dataclass(frozen=True)
class Task:
    """One image and the two files that its prediction goes to."""

    source: Path
    labels: Path
    table: Path

    @property
    def existing(self) -> list[Path]:
        """Those of its outputs that exist."""
        # Unlike the method of a path, this takes a name that is too long for one that is not there.
        return [path for path in (self.labels, self.table) if os.path.exists(path)]


@dataclass(frozen=True)
class Inputs:
    """What given files and folders came to: tasks, and (input, reason) of those that are none."""

    tasks: tuple[Task, ...]
    failures: tuple[Failure, ...]


def find_inputs(inputs: Sequence[Path], output: Path) -> Inputs:
    """Turn files and folders into tasks; folders are walked and their subfolders mirrored.

    Raises
    ------
    ValueError
        When two images would have the same output, or one that is an image itself.
    """
    tasks: list[Task] = []
    failures: list[Failure] = []
    for given in inputs:
        try:
            found, missed = _look(given, output)
        except OSError as error:  # not even whether it is there can be known
            found, missed = [], [_failure(given, error)]
        tasks += found
        failures += missed
    tasks = list(dict.fromkeys(tasks))  # a file given twice is one task
    _refuse_collisions(tasks)
    return Inputs(tuple(tasks), tuple(failures))


def labels_name(stem: str) -> str:
    """Return the file name of the labels of an image."""
    return f"{stem}{LABELS_ENDING}.tif"


def _task(image: Path, folder: Path) -> Task:
    labels = folder / labels_name(image.stem)
    return Task(image, labels, labels.with_suffix(".csv"))


def _look(given: Path, output: Path) -> tuple[list[Task], list[Failure]]:
    """Return the tasks of a file or folder, and what in it is none."""
    if not given.exists():
        return [], [(given, "there is no such file or folder")]
    if not given.is_dir() or is_image(given):
        return [_task(given, output)], []
    missed: list[OSError] = []
    images = list(_walk(given, output, missed.append))
    failures = [_failure(Path(error.filename or given), error) for error in missed]
    if not images and not failures:
        failures.append((given, "no image in this folder"))
    return [_task(image, output / image.relative_to(given).parent) for image in images], failures


def _failure(path: Path, error: OSError) -> Failure:
    return path, error.strerror or str(error)


def _walk(folder: Path, output: Path, missed: Callable[[OSError], object]) -> Iterator[Path]:
    top, walked = folder.resolve(), {output.resolve()}
    for root, subfolders, names in os.walk(folder, onerror=missed, followlinks=True):
        here = Path(root)
        # Hidden folders, and what an earlier run wrote, are no input.
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        # A zarr is a folder, but one image.
        zarrs = [name for name in subfolders if _is_image(here / name)]
        subfolders[:] = [
            name
            for name in subfolders
            if name not in zarrs and _is_to_walk(here / name, top, walked)
        ]
        # Once a folder: a look for the image of each of its labels would be one at every file.
        stems = {Path(name).stem for name in (*names, *zarrs) if Path(name).suffix}
        for name in sorted([*names, *zarrs]):
            path = here / name
            if _is_image(path) and not name.startswith(".") and not _is_output(path, stems):
                yield path


def _is_image(path: Path) -> bool:
    try:
        return is_image(path)
    except OSError:  # a folder may not be entered; the walk says so, or the image when it is read
        return path.suffix.lower() in SUFFIXES


def _is_to_walk(folder: Path, top: Path, walked: set[Path]) -> bool:
    """Whether a folder, or what a link leads to, is walked; no folder is walked twice."""
    place = folder.resolve()
    # What lies below the top is found under its own name; a link above it would find all again.
    linked = place != folder.parent.resolve() / folder.name
    if place in walked or (linked and (place.is_relative_to(top) or top.is_relative_to(place))):
        return False
    walked.add(place)
    return True


def _is_output(path: Path, stems: Set[str]) -> bool:
    # Beside its image, as after a run whose output folder was its input folder.
    if not path.stem.endswith(LABELS_ENDING) or path.suffix.lower() != ".tif":
        return False
    return path.stem.removesuffix(LABELS_ENDING) in stems


def _refuse_collisions(tasks: Sequence[Task]) -> None:
    by_output: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        by_output[_folded(task.labels)].append(task)
    for same in by_output.values():
        if len(same) > 1:
            raise ValueError(
                f"{same[0].source} and {same[1].source} would both be written to "
                f"{same[0].labels}; rename one, or predict them into two folders"
            )
    for task in tasks:
        for other in by_output.get(_folded(task.source), []):
            raise ValueError(
                f"the labels of {other.source} would be written to {task.source}, which is to be "
                "predicted itself; leave it out, or choose another output folder"
            )


def _folded(path: Path) -> str:
    """Return a path as its file system compares it: two of them take no notice of case."""
    name = os.path.abspath(path)
    return name.casefold() if sys.platform in ("win32", "darwin") else name
