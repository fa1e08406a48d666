"""What a person leaves of an image goes into its project: labels, states and the time it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari_maskrcnn.annotate.image_states import Plane, State, States
from napari_maskrcnn.annotate.project.entries import Entry
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.project.stored import (
    LABELS,
    PREDICTIONS,
    Stored,
    count_objects,
    read_labels_of,
    write_labels_of,
    write_regions,
)


@dataclass(frozen=True, eq=False)
class Left:
    """An image as a person leaves it.

    Parameters
    ----------
    name : str
        Of the image.
    stored : Stored
        Its labels and their table.
    states : States
        As the person set them.
    planes : tuple of planes
        All of a stack; none of one plane.
    touched : bool
        Whether the labels may differ from what the project has.
    seconds : float
        Worked on it.
    scale : tuple of float, optional
        Micrometres a pixel along every axis.
    provenance : callable, optional
        Says where the labels come from; reads the image.
    regions : plain value, optional
        Finished regions, as a layer's metadata hold them.
    """

    name: str
    stored: Stored
    states: States
    planes: tuple[Plane, ...] = ()
    touched: bool = True
    seconds: float = 0.0
    scale: tuple[float, ...] | None = None
    provenance: Callable[[], Mapping[str, Any]] | None = None
    regions: Any = None


def leave(project: Project, left: Left) -> Entry:
    """Write what changed of an image into its project; return its entry.

    Labels are written when they were touched or are said to be right; an image whose labels
    changed is in correction unless the person said more.

    Raises
    ------
    WriteError
        The disk is full or read-only: what was there before is as it was.
    """
    entry = project.entry(left.name)
    states = left.states
    write_regions(project, left.name, left.regions)
    said = State.VERIFIED in (states.image, *states.planes.values())
    if left.touched or said:
        provenance = left.provenance() if left.provenance is not None else None
        changed = write_labels_of(project, left.name, left.stored, left.scale, provenance)
        if changed and not said:
            states = states.edited()
    elif states == project.states(left.name):
        return entry
    return project.set_states(
        left.name,
        states,
        left.planes,
        objects=count_objects(left.stored.labels),
        seconds=entry.seconds + left.seconds,
    )


def set_state(project: Project, name: str, state: State) -> Entry:
    """Say how far an image is that nobody works on; return its entry.

    What is predicted becomes its labels when it is said to be right.

    Raises
    ------
    ValueError
        There is nothing yet that could be right.
    """
    if state == State.VERIFIED and not project.file(LABELS, name, ".tif").is_file():
        predicted = read_labels_of(project, name, PREDICTIONS)
        if predicted is None:
            raise ValueError(f"{name} has no labels yet that could be verified. Open it first.")
        write_labels_of(project, name, predicted)
    return project.set_states(name, States(state))
