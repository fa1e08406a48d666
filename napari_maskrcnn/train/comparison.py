"""What a model finds, misses and invents on one held-out image, against another model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.instances import label_boxes
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.predict.plane import predict_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.metrics import match_labels

FOUND, MISSED, EXTRA = "found", "missed", "extra"
#: Intersection over union from which an object counts as found.
THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class Differences:
    """Predicted and missed objects of an image in one label image.

    Parameters
    ----------
    labels : (H, W) int32
        Objects from 1 on; where two overlap, the smaller one is on top, so that both are seen.
    kinds : dict of int to str
        Of every object: "found" or "extra" for a predicted one, "missed" for a true one.
    """

    labels: NDArray[np.int32]
    kinds: dict[int, str]

    def count(self, kind: str) -> int:
        """Number of objects of a kind."""
        return sum(found == kind for found in self.kinds.values())


@dataclass(frozen=True, eq=False)
class Comparison:
    """A held-out image as the base and as the trained model see it; `before` None from scratch."""

    example: Example
    before: Differences | None
    after: Differences


def differences(
    true: NDArray[np.integer], predicted: NDArray[np.integer], threshold: float = THRESHOLD
) -> Differences:
    """Tell which predicted objects are right, which are extra, and which true ones are missed.

    Parameters
    ----------
    true, predicted : (H, W) integers
        Label images, 0 for background.
    threshold : float
        Smallest intersection over union that counts as found.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    pairs = match_labels(true, predicted, threshold)
    missed = _objects(true, set(pairs[:, 0].tolist()), {False: MISSED})
    seen = _objects(predicted, set(pairs[:, 1].tolist()), {True: FOUND, False: EXTRA})
    labels = np.zeros(true.shape, np.int32)
    kinds = {}
    things = sorted([*missed, *seen], key=lambda thing: -np.count_nonzero(thing[2]))
    for number, (kind, box, mask) in enumerate(things, start=1):
        labels[box][mask] = number
        kinds[number] = kind
    return Differences(labels, kinds)


_Thing = tuple[str, tuple[slice, ...], NDArray[np.bool_]]


def _objects(
    labels: NDArray[np.integer], matched: set[int], kinds: dict[bool, str]
) -> list[_Thing]:
    """Kind, box and mask of the objects that have a kind, by whether they are matched."""
    found: list[_Thing] = []
    for i, box in zip(*label_boxes(labels), strict=True):
        kind = kinds.get(int(i) in matched)
        if kind is not None:
            found.append((kind, box, labels[box] == i))
    return found


def compare_job(
    example: Example,
    before: Callable[[], Model] | None,
    after: Model,
    stop: threading.Event | None = None,
) -> Job[Comparison | None]:
    """Predict a held-out image with two models and compare both with the truth.

    Parameters
    ----------
    example : Example
    before : callable, optional
        Makes the base as it was measured; None from scratch.
    after : Model
    stop : threading.Event, optional
        Ends the job, which then returns None.
    """
    seen: list[Differences | None] = [None]
    makers = [before, lambda: after] if before is not None else [lambda: after]
    for number, make in enumerate(makers):
        yield Progress(number, len(makers), f"Looking at {example.name}")
        model = make()
        settings, limits = PredictSettings(), example.intensities
        found = yield from predict_job(example.image, settings, model, stop, limits=limits)
        if stop is not None and stop.is_set():
            return None
        labels = example.judged(found.above(model.score).to_labels())
        seen.append(differences(example.labels, labels))
    after_seen = seen[-1]
    assert after_seen is not None
    return Comparison(example, seen[-2], after_seen)
