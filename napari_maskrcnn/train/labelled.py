"""Labels of an image or a stack with what tells how right they are, and the examples they make."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.image_states import Plane, State, States
from napari_maskrcnn.annotate.kinds import Pairs, kinds_of
from napari_maskrcnn.annotate.present import areas_of, ids_of, is_any
from napari_maskrcnn.annotate.regions import Region, masks
from napari_maskrcnn.images import choose_channels
from napari_maskrcnn.jobs import Job, Progress, run
from napari_maskrcnn.sources.view import View
from napari_maskrcnn.train.answers import Answer, Findings, default, not_said

if TYPE_CHECKING:
    from napari_maskrcnn.train.dataset import Example

# Around a correction, how far somebody looked: this many times the objects' diameter, in pixels
# at least the second.
LOOKED_AT = 0.5
LEAST_LOOKED_AT = 8.0
# numpy keeps other threads waiting while it counts: a few milliseconds for so many.
PIXELS_AT_ONCE = 500_000


@dataclass(frozen=True, eq=False)
class Labelled:
    """An image, its labels, and what is known of them.

    Parameters
    ----------
    name : str
        For messages and the model's card.
    image : array
        (…, H, W) or (H, W, C), as a layer has it; may be lazy.
    labels : (…, H, W) array of int
        0 is background; may be lazy. Of length 1 along the image's axis of channels.
    plane : tuple of int or None
        Any plane of the orientation that is learnt from.
    classes : mapping of int to str
        Class of each label that has one.
    predicted : mapping of plane to (H, W) integers
        What was predicted, all planes parallel to `plane`; empty: nothing was.
    partly : bool
        Whether only parts of the planes were predicted.
    accepted : frozenset of int
        Objects that somebody said are right.
    regions : tuple of Region
        Finished parts.
    states : States
        How far the planes are.
    channel_axis : int, optional
        Axis before the plane along which the image has its channels, if one does.
    channels : tuple of int, optional
        The channels that were predicted, one to three; None: those that `to_chw` takes.
    """

    name: str
    image: Any
    labels: Any
    plane: Plane
    classes: Mapping[int, str] = field(default_factory=dict)
    predicted: Mapping[Plane, NDArray[Any]] = field(default_factory=dict)
    partly: bool = False
    accepted: frozenset[int] = frozenset()
    regions: tuple[Region, ...] = ()
    states: States = field(default_factory=States)
    channel_axis: int | None = None
    channels: tuple[int, ...] | None = None

    def planes(self) -> Iterator[Plane]:
        """All planes of the orientation."""
        shape = self.labels.shape
        counts = [1 if at is None else n for at, n in zip(self.plane, shape, strict=True)]
        for position in np.ndindex(*counts):
            yield tuple(
                None if at is None else i for at, i in zip(self.plane, position, strict=True)
            )

    def of(self, plane: Plane) -> NDArray[Any]:
        """Labels of a plane, (H, W)."""
        return np.asarray(self.labels[_index(plane)])

    def pixels(self, plane: Plane) -> NDArray[Any]:
        """Copy of the image's plane with the channels to learn, (H, W) or (H, W, C)."""
        at = self.channel_axis
        if at is not None:
            view = View(self.image, (*plane[:at], None, *plane[at + 1 :]), at)
            return choose_channels(view, self.channels)
        image = np.array(self.image[_index(plane)])
        if self.channels is None or image.ndim == 2:
            return image
        return choose_channels(image, self.channels)

    def position(self, plane: Plane) -> tuple[int, ...]:
        """Where a plane lies in its stack; empty of a single image."""
        axes = enumerate(plane)
        return tuple(at for k, at in axes if at is not None and k != self.channel_axis)


def glance(labelled: Labelled) -> Findings:
    """Find what can be told without looking at any pixel: nothing is counted."""
    finished = {region.plane for region in labelled.regions}
    verified = sum(labelled.states.of(plane) is State.VERIFIED for plane in labelled.planes())
    return Findings(
        predicted=bool(labelled.predicted),
        partly=labelled.partly,
        planes=sum(1 for _ in labelled.planes()),
        verified=verified,
        finished=len(finished),
    )


def look_job(labelled: Labelled, stop: threading.Event | None = None) -> Job[Findings]:
    """Look at every plane.

    Parameters
    ----------
    labelled : Labelled
    stop : threading.Event, optional
        Ends the job when set; then the other planes are not counted.
    """
    found = glance(labelled)
    # An object of a stack has one number in all its planes.
    ids: dict[Answer, set[int]] = {answer: set() for answer in Answer}
    there: set[int] = set()
    removed = 0
    for number, plane in enumerate(labelled.planes()):
        if stop is not None and stop.is_set():
            break
        now = labelled.of(plane)
        here = {int(i) for part in _parts(now) for i in ids_of(now[part])}
        there |= here
        state = labelled.states.of(plane)
        if state is not State.EXCLUDED or not found.is_stack:
            ids[Answer.WHOLE] |= here
        if state is State.VERIFIED:
            ids[Answer.VERIFIED] |= here
        if labelled.predicted:
            changed, gone = _changed(labelled.predicted.get(plane), now)
            removed += gone
            ids[Answer.CORRECTIONS] |= changed | (labelled.accepted & here)
        yield Progress(number + 1, found.planes, f"Looking at {labelled.name}")
    finished = masks(labelled.regions, labelled.labels.shape)
    for plane, mask in finished.items():
        ids[Answer.REGIONS] |= _inside(labelled.of(plane), mask)
    names = labelled.classes
    return replace(
        found,
        objects=len(there),
        touched=len(ids[Answer.CORRECTIONS]) + removed,
        removed=removed,
        finished=len(finished),
        classes={key: Counter(names.get(i, "") for i in some) for key, some in ids.items()},
    )


def examples_of(labelled: Labelled, answer: Answer | None = None) -> Iterator[Example]:
    """Make the examples of an image or a stack.

    Of a stack that is learnt from as a whole, every plane that has an object is one: planes nobody
    labelled are no negatives, and excluded ones are not used.

    Parameters
    ----------
    labelled : Labelled
    answer : Answer, optional
        What is correct; None: what goes without saying.

    Raises
    ------
    ValueError
        Image and labels do not fit each other or cannot be used, a stack has no object, nobody
        said what is correct, or there is nothing of what was said.
    """
    from napari_maskrcnn.train.dataset import make_example
    from napari_maskrcnn.train.regions import restrict

    _check_shape(labelled)
    if answer is None:
        found = run(look_job(labelled))
        answer = default(found)
        if answer is None:
            raise ValueError(not_said(labelled.name, found))
    none = True
    for plane, known in _known(labelled, answer):
        none = False
        # A copy, as training goes on long after somebody may have changed what is shown.
        image = labelled.pixels(plane)
        name = labelled.name
        if position := labelled.position(plane):
            name += f", plane {', '.join(map(str, position))}"
        example = make_example(image, labelled.of(plane), name, dict(labelled.classes))
        example = replace(example, correct=answer.value, stack=labelled.name if position else "")
        yield from [example] if known is None else restrict(example, known)
    if none:
        raise ValueError(_NOTHING[answer].format(labelled.name))


_NOTHING = {
    Answer.WHOLE: "{} holds no object; paint or predict some before training.",
    Answer.VERIFIED: "No plane of {} is verified any more. Say again what is correct there.",
    Answer.REGIONS: "{} has no finished region any more. Say again what is correct there.",
    Answer.CORRECTIONS: "{} has no corrections any more. Say again what is correct there.",
}


def _known(labelled: Labelled, answer: Answer) -> Iterator[tuple[Plane, NDArray[np.bool_] | None]]:
    """Planes to learn from, each with what is correct there; None for all of it."""
    if answer is Answer.REGIONS:
        yield from masks(labelled.regions, labelled.labels.shape).items()
        return
    states = labelled.states
    for plane in labelled.planes():
        if answer is Answer.CORRECTIONS:
            known = _around_corrections(labelled, plane)
            if known.any():
                yield plane, known
        elif answer is Answer.VERIFIED:
            if states.of(plane) is State.VERIFIED:
                yield plane, None
        elif not labelled.position(plane) or (
            states.of(plane) is not State.EXCLUDED and labelled.of(plane).any()
        ):
            yield plane, None


def _around_corrections(labelled: Labelled, plane: Plane) -> NDArray[np.bool_]:
    """What was changed or accepted in a plane, and what lies around it, (H, W)."""
    from napari_maskrcnn.train.regions import around_changes

    now = labelled.of(plane)
    before = labelled.predicted.get(plane)
    before = np.zeros_like(now) if before is None else before
    # What was looked at counts as if it were new.
    fine = is_any(now, np.array(sorted(labelled.accepted), np.int64))
    _, areas = _areas(now)
    diameter = float(np.sqrt(4 / np.pi * np.median(areas))) if len(areas) else 0.0
    margin = max(LEAST_LOOKED_AT, LOOKED_AT * diameter)
    return around_changes(np.where(fine, 0, before), now, margin)


def _changed(before: NDArray[Any] | None, now: NDArray[Any]) -> tuple[set[int], int]:
    """Objects of a plane that are not as before, and how many are gone."""
    if before is None:
        before = np.zeros_like(now)
    pairs = Pairs.joined([Pairs.between(before[part], now[part]) for part in _parts(now)])
    if not len(pairs.pixels):
        return set(), 0
    kinds = kinds_of(pairs, *_areas(before))
    return set(kinds.after), kinds.counts.removed


def _inside(now: NDArray[Any], mask: NDArray[np.bool_]) -> set[int]:
    """Objects of a plane that a finished region holds without touching its edge."""
    from scipy import ndimage

    inside, outside = (
        {int(i) for part in _parts(now) for i in ids_of(now[part][where[part]])}
        for where in (mask, ndimage.binary_dilation(~mask, np.ones((3, 3), bool)))
    )
    return inside - outside


def _areas(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids of a plane, ascending, and the pixels of each."""
    found = [areas_of(labels[part]) for part in _parts(labels)]
    ids, place = np.unique(np.concatenate([i for i, _ in found]), return_inverse=True)
    areas = np.bincount(place, np.concatenate([n for _, n in found]), minlength=len(ids))
    return ids, areas.astype(np.int64)


def _parts(labels: NDArray[Any]) -> Iterator[slice]:
    """Rows of a plane in parts so small that no window waits for one of them."""
    rows = max(1, PIXELS_AT_ONCE // max(1, labels.shape[1]))
    for first in range(0, labels.shape[0], rows):
        yield slice(first, first + rows)


def _check_shape(labelled: Labelled) -> None:
    shape, image = labelled.labels.shape, labelled.image.shape
    over = tuple(1 if k == labelled.channel_axis else n for k, n in enumerate(image))
    if over[: len(shape)] != shape:
        raise ValueError(
            f"{labelled.name}: the labels have shape {shape}, the image {image}; "
            "they must be the same. Choose the labels that belong to this image."
        )


def _index(plane: Iterable[int | None]) -> tuple[int | slice, ...]:
    return tuple(slice(None) if at is None else at for at in plane)
