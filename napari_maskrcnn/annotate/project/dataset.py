"""What can be learnt from a project: pairs of image and labels, or a folder for ``train``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.image_states import SAID, Plane, State
from napari_maskrcnn.annotate.present import ids_of
from napari_maskrcnn.annotate.project.entries import ROLES, Entry, Role
from napari_maskrcnn.annotate.project.picture import read_picture
from napari_maskrcnn.annotate.project.prepare import planes_of
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.project.stored import Stored, read_labels_of, read_regions
from napari_maskrcnn.annotate.regions import KEY as REGIONS
from napari_maskrcnn.annotate.regions import masks, regions_of
from napari_maskrcnn.formats.atomic import atomic_folder
from napari_maskrcnn.formats.table import write_table
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
    known : (H, W) bool, optional
        Where the labels are complete; None: everywhere.
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[Any]
    classes: dict[int, str]
    role: Role
    known: NDArray[np.bool_] | None = None


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
        if stored is not None:
            yield from _pairs_of(project, entry, _image_of(project, entry, stored), stored)


def learnable(project: Project) -> list[Entry]:
    """Return the images that have something verified in them, or a finished region."""
    done = {entry.name for entry in verified(project)}
    return [e for e in project.entries if e.name in done or _has_finished_region(project, e.name)]


def _has_finished_region(project: Project, name: str) -> bool:
    if not project.file("labels", name, ".tif").is_file():
        return False
    states = project.states(name)
    regions = regions_of({REGIONS: read_regions(project, name)})
    return any(states.of(region.plane) not in SAID for region in regions)


def learnable_pairs(project: Project, entry: Entry) -> Iterator[Pair]:
    """Read what can be learnt from one image: what is verified, else its finished regions.

    Parameters
    ----------
    project : Project
        The project.
    entry : Entry
        One of its images.

    Raises
    ------
    OSError, ValueError
        The image or its labels cannot be read, or do not fit each other.
    """
    stored = read_labels_of(project, entry.name)
    if stored is None:
        return
    states = project.states(entry.name)
    done = State.VERIFIED in (states.image, *states.planes.values())
    regions = regions_of({REGIONS: read_regions(project, entry.name)})
    if not done and not regions:
        return
    image = _image_of(project, entry, stored)
    yield from _pairs_of(project, entry, image, stored)
    for plane, known in masks(regions, stored.labels.shape).items():
        # Of what is verified all is known, and what is excluded is not to be used.
        if states.of(plane) not in SAID:
            yield replace(_pair_of(entry, image, stored, plane), known=known)


def _image_of(project: Project, entry: Entry, stored: Stored) -> NDArray[Any]:
    """Pixels of an image, checked against its labels."""
    path = project.image_path(entry.name)
    picture = read_picture(path)
    if picture.shape != stored.labels.shape:
        raise ValueError(
            f"{path} has {picture.shape} pixels, but its labels "
            f"{project.file('labels', entry.name, '.tif')} have {stored.labels.shape}."
        )
    return picture.image


def _pairs_of(
    project: Project, entry: Entry, image: NDArray[Any], stored: Stored
) -> Iterator[Pair]:
    states = project.states(entry.name)
    for plane in planes_of(stored.labels.shape):
        if states.of(plane) == State.VERIFIED:
            yield _pair_of(entry, image, stored, plane)


def _pair_of(entry: Entry, image: NDArray[Any], stored: Stored, plane: Plane) -> Pair:
    """One plane of an image; the only one of an image in 2D."""
    name = "_".join([entry.name, *(f"{i:03d}" for i in plane if i is not None)])
    at = tuple(slice(None) if i is None else i for i in plane)
    labels = stored.labels[at]
    # A table keeps the rows of removed objects.
    said, there = _classes(stored), ids_of(labels)
    classes = {int(i): said[int(i)] for i in there if int(i) in said}
    return Pair(name, image[at], labels, classes, entry.role)


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


def _classes(stored: Stored) -> dict[int, str]:
    table = stored.table
    if table is None or "class" not in table:
        return {}
    pairs = zip(table["index"], table["class"], strict=True)
    return {int(i): name for i, name in pairs if i and isinstance(name, str) and name}
