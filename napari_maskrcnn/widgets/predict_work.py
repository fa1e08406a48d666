"""What the Predict tab runs in the background: a job whose result the window only has to show."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.device_line import Facts, Idle, find_facts, idle_device
from napari_maskrcnn.jobs import Job
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept, predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.predict.size import estimate_job
from napari_maskrcnn.widgets.layers import PlaneIndex, plane_data


@dataclass(frozen=True, eq=False)
class Predicted:
    """A prediction, the better device that lay idle, and how large objects look if none was found.

    `kept` is None when nothing was finished.
    """

    kept: Kept | None
    idle: Idle | None = None
    looks: float | None = None


@dataclass(frozen=True)
class Estimated:
    """How large the objects look in pixels; None: nothing looks like one."""

    diameter: float | None


@dataclass(frozen=True, eq=False)
class Request:
    """What to predict: a copy of all settings, which the window may change meanwhile.

    Parameters
    ----------
    data : array
        The layer's, still lazy.
    planes : sequence of PlaneIndex
        What of it.
    settings : PredictSettings
        How.
    download : bool
        Fetch the model "coco" first, which was agreed to.
    """

    data: Any
    planes: Sequence[PlaneIndex]
    settings: PredictSettings
    download: bool = False


def predict_work(request: Request, stop: threading.Event) -> Job[Predicted]:
    """Predict what is asked for, and find out what the window says about it."""
    if not (yield from _downloaded(request, stop)):
        return Predicted(None)

    def read(plane: PlaneIndex) -> NDArray[Any]:
        return plane_data(request.data, plane)

    kept = yield from predict_planes_job(request.planes, read, request.settings, stop)
    if not kept.planes:
        return Predicted(None)
    _import_for_window(kept)
    looks = None
    if not len(kept.choose(Choice(kept.score))) and not stop.is_set():
        looks = yield from _looks(read(request.planes[0]), request.settings, stop)
    return Predicted(kept, idle_device(kept.device, _facts()), looks)


def estimate_work(request: Request, stop: threading.Event) -> Job[Estimated]:
    """Estimate the size of the objects in the first plane that is asked for."""
    if not (yield from _downloaded(request, stop)):
        return Estimated(None)
    plane = plane_data(request.data, request.planes[0])
    return Estimated((yield from estimate_job(plane, request.settings, stop=stop)))


def _downloaded(request: Request, stop: threading.Event) -> Job[bool]:
    if not request.download:
        return True
    from napari_maskrcnn.models.download import download_coco_job

    return (yield from download_coco_job(stop)) is not None


def _looks(image: NDArray[Any], settings: PredictSettings, stop: threading.Event) -> Job[Any]:
    """Advice for somebody who found nothing: the size at which there is something."""
    try:
        return (yield from estimate_job(image, settings, stop=stop))
    except ValueError:
        # A model for objects of any size has no such advice to give.
        return None


@lru_cache(maxsize=1)
def _facts() -> Facts:
    return find_facts()


def _import_for_window(kept: Kept) -> None:
    """Do once in the thread what the window does next: its first time imports a great deal."""
    from napari.layers import Labels

    kept.choose(Choice(kept.score))
    Labels(np.zeros((1, 1), np.uint8))
