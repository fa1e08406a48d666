"""The verified images of a project, to learn from: pairs, or a folder that ``train`` reads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.image_states import State
from napari_maskrcnn.annotate.present import ids_of
from napari_maskrcnn.annotate.project.entries import ROLES, Entry, Role
from napari_maskrcnn.annotate.project.prepare import planes_of, spatial
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.project.stored import Stored, read_labels_of
from napari_maskrcnn.formats.atomic import atomic_folder
from napari_maskrcnn.formats.table import write_table
from napari_maskrcnn.images import read_image
from napari_maskrcnn.jobs import Job, Progress

FOLDERS = {"train": "train", "validation": "validation"}


@dataclass(frozen=True, eq=False)
class Pair:
    """A verified image, or a verified plane of a stack, with its labels.

    Attributes
    ----------
    name : str
        Of the image, with the plane of a stack behind it.
    image : (H, W) or (H, W, C) array
        Its pixels.
    labels : (H, W) integers
        0 is the background.
    classes : dict of int to str
        Class of each label, as far as it has one.
    role : {"train", "validation"}
        What it is for.
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[Any]
    classes: dict[int, str]
    role: Role


def verified(project: Project, role: Role | None = None) -> list[Entry]:
    """Return the images that have something verified in them, perhaps of one role only.

    Of a stack some planes are enough.
    """
    found = []
    for entry in project.entries:
        if role in (None, entry.role) and project.file("labels", entry.name, ".tif").is_file():
            states = project.states(entry.name)
            if State.VERIFIED in (states.image, *states.planes.values()):
                found.append(entry)
    return found


def verified_pairs(project: Project, role: Role | None = None) -> Iterator[Pair]:
    """Read what is verified in a project, one pair after the other.

    Parameters
    ----------
    project : Project
        The project.
    role : {"train", "validation"}, optional
        Only images of this role.

    Raises
    ------
    OSError, ValueError
        An image or its labels cannot be read, or do not fit each other.
    """
    for entry in verified(project, role):
        stored = read_labels_of(project, entry.name)
        if stored is None:
            continue
        path = project.image_path(entry.name)
        image = read_image(path)
        if spatial(image) != stored.labels.shape:
            raise ValueError(
                f"{path} has {spatial(image)} pixels, but its labels "
                f"{project.file('labels', entry.name, '.tif')} have {stored.labels.shape}."
            )
        yield from _pairs_of(project, entry, image, stored)


def _pairs_of(
    project: Project, entry: Entry, image: NDArray[Any], stored: Stored
) -> Iterator[Pair]:
    classes = _classes(stored)
    if stored.labels.ndim == 2:
        yield Pair(entry.name, image, stored.labels, _present(stored.labels, classes), entry.role)
        return
    states = project.states(entry.name)
    for plane in planes_of(stored.labels.shape):
        if states.of(plane) == State.VERIFIED:
            at = tuple(i for i in plane if i is not None)
            name = f"{entry.name}_{'_'.join(f'{i:03d}' for i in at)}"
            labels = stored.labels[at]
            yield Pair(name, image[at], labels, _present(labels, classes), entry.role)


def export_dataset_job(
    project: Project, folder: Path, stop: threading.Event | None = None
) -> Job[dict[Role, int]]:
    """Write what is verified as datasets: ``train/`` and ``validation/`` in a new folder.

    Each has ``images/`` and ``labels/`` with files of the same stem, for the command line and for
    other programs; planes of stacks become images of their own.

    Parameters
    ----------
    project : Project
        The project.
    folder : Path
        The folder to make; an empty one will do.
    stop : threading.Event, optional
        Ends the job when set; then nothing is written.

    Returns
    -------
    dict
        Number of images of each role; empty after `stop`.

    Raises
    ------
    FileExistsError
        There is something in the folder.
    ValueError
        Nothing is verified yet.
    OSError, ValueError
        Files cannot be read or written.
    """
    total = len(verified(project))
    if not total:
        raise ValueError("No image of the project is verified yet; press Verified, next first.")
    counts: dict[Role, int] = dict.fromkeys(ROLES, 0)
    done: set[str] = set()
    try:
        with atomic_folder(folder) as part:
            for pair in verified_pairs(project):
                if stop is not None and stop.is_set():
                    raise _Stopped
                _write(part / FOLDERS[pair.role], pair)
                counts[pair.role] += 1
                done.add(pair.name)
                yield Progress(min(len(done), total), total, f"Writing {pair.name}")
    except _Stopped:
        return {}
    return counts


class _Stopped(Exception):
    """Leaves the folder unwritten."""


def _write(folder: Path, pair: Pair) -> None:
    import pandas as pd
    import tifffile

    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    colours = pair.image.ndim > 2
    image = pair.image.astype(np.uint8) if pair.image.dtype == bool else pair.image
    tifffile.imwrite(
        folder / "images" / f"{pair.name}.tif",
        image,
        photometric="rgb" if colours and image.shape[-1] in (3, 4) else "minisblack",
        compression="zlib",
    )
    path = folder / "labels" / f"{pair.name}.tif"
    tifffile.imwrite(path, pair.labels.astype(np.int32), compression="zlib")
    if pair.classes:
        rows = {"index": list(pair.classes), "class": list(pair.classes.values())}
        write_table(pd.DataFrame(rows), path.with_suffix(".csv"))


def _present(labels: NDArray[Any], classes: dict[int, str]) -> dict[int, str]:
    """Classes of the objects that are there: a table keeps the rows of removed ones."""
    return {int(i): classes[int(i)] for i in ids_of(labels) if int(i) in classes}


def _classes(stored: Stored) -> dict[int, str]:
    table = stored.table
    if table is None or "class" not in table:
        return {}
    pairs = zip(table["index"], table["class"], strict=True)
    return {int(i): name for i, name in pairs if i and isinstance(name, str) and name}
