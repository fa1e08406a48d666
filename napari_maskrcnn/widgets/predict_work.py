"""What the Predict tab runs in the background: a job whose result the window only has to show."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.device_line import Facts, Idle, find_facts, idle_device
from napari_maskrcnn.jobs import Job, Progress, explain, reason
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.predict.link import tracks
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.preview import make_patch
from napari_maskrcnn.predict.regions import Region
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.predict.size import estimate_job
from napari_maskrcnn.widgets.layers import PlaneIndex, as_slices
from napari_maskrcnn.widgets.reading import Pixels

if TYPE_CHECKING:
    from napari_maskrcnn.models.model import Model


@dataclass(frozen=True, eq=False)
class Predicted:
    """A prediction, and what the window says about it.

    Attributes
    ----------
    kept : Kept, optional
        None when nothing was finished.
    idle : Idle, optional
        The better device that was not used.
    looks : float, optional
        How large the objects look in pixels, where none was found.
    merged : (Kept, Kept), optional
        The prediction that is there already, and both as one.
    ways : (N, ndim + 1) float64, optional
        Where each object is, frame by frame, for a Tracks layer.
    data : (…, H, W) int32, optional
        The labels of a layer of its own, where there is no earlier prediction.
    trouble : str
        What ended it early; empty when nothing did.
    """

    kept: Kept | None
    idle: Idle | None = None
    looks: float | None = None
    merged: tuple[Kept, Kept] | None = None
    ways: NDArray[np.float64] | None = None
    data: NDArray[np.int32] | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Estimated:
    """How large the objects look in pixels; None: nothing looks like one."""

    diameter: float | None


@dataclass(frozen=True, eq=False)
class Request:
    """What to predict: a copy of all settings, which the window may change meanwhile.

    Parameters
    ----------
    pixels : Pixels
        Of the layer.
    planes : sequence of PlaneIndex
        Which planes of it.
    settings : PredictSettings
        How.
    regions : mapping, optional
        The parts of the planes that are meant; None: all of them.
    factor : int
        Every so many pixels one is shown of the tiles that are finished.
    tracks : bool
        Tell also where each object of a series is, frame by frame.
    older : (Kept, Choice), optional
        The prediction of the image that is there already, and what is chosen of it.
    download : bool
        Fetch the model "coco" first, which was agreed to.
    """

    pixels: Pixels
    planes: Sequence[PlaneIndex]
    settings: PredictSettings
    regions: Mapping[PlaneIndex, Sequence[Region]] | None = None
    factor: int = 1
    tracks: bool = False
    older: tuple[Kept, Choice] | None = None
    download: bool = False


def predict_work(request: Request, stop: threading.Event) -> Job[Predicted]:
    """Predict what is asked for, and find out what the window says about it."""
    model = yield from _model(request, stop)
    if model is None:
        return Predicted(None)
    # Before the first tile is done, since the window then makes its first labels layer.
    _import_for_window()
    settings = request.settings
    score = model.score if settings.score is None else settings.score
    read = partial(request.pixels.read, diameter=settings.diameter, known=model.card.diameter)
    troubles: list[Exception] = []
    planes, regions = request.planes, request.regions
    job = predict_planes_job(planes, read, settings, stop, model, regions, troubles.append)
    kept = yield from _with_patches(job, score, request.factor)
    kept = replace(kept, channel_axis=request.pixels.channel)
    if not kept.planes:
        return Predicted(None)
    if not len(kept.choose(Choice(kept.score))):
        kept.lower_score(Choice(kept.score))
    merged = _merged(kept, request)
    looks = None
    if not len(kept.choose(Choice(kept.score))) and not stop.is_set() and model.card.diameter:
        looks = yield from estimate_job(_whole(request), settings, model, stop)
    # A layer that is there takes the labels of each plane; a new one takes all of them as they are.
    data = _assembled(kept, request) if request.older is None or request.tracks else None
    ways = _ways(data) if data is not None and request.tracks else None
    idle = idle_device(kept.device, _facts())
    trouble = ended_early(troubles[0]) if troubles else ""
    return Predicted(kept, idle, looks, merged, ways, None if request.older else data, trouble)


def estimate_work(request: Request, stop: threading.Event) -> Job[Estimated]:
    """Estimate the size of the objects in the first plane that is asked for."""
    model = yield from _model(request, stop)
    if model is None:
        return Estimated(None)
    return Estimated((yield from estimate_job(_whole(request), request.settings, model, stop)))


def _whole(request: Request) -> Any:
    """The first plane in the pixels in which diameters are given, read where it is sliced."""
    return request.pixels.plane(request.planes[0])


def _model(request: Request, stop: threading.Event) -> Job[Model | None]:
    """Load the model; None when its download was stopped."""
    from napari_maskrcnn.models import load_model

    settings = request.settings
    if request.download:
        from napari_maskrcnn.models.download import download_coco_job

        if (yield from download_coco_job(stop)) is None:
            return None
    yield Progress(0, 0, f"Loading {settings.model}")
    return load_model(settings.model, settings.device)


def _with_patches(job: Job[Kept], score: float, factor: int) -> Job[Kept]:
    """Pass a prediction through, in every step only the few pixels that the window shows."""
    while True:
        try:
            step = next(job)
        except StopIteration as end:
            kept: Kept = end.value
            return kept
        patch = make_patch(step, score, factor)
        yield replace(step, data={} if patch is None else {"patch": patch})


def _merged(kept: Kept, request: Request) -> tuple[Kept, Kept] | None:
    """Do here what the window would do: put the prediction to the older one, and paint both."""
    if request.older is None:
        return None
    older, choice = request.older
    both = older.updated(kept)
    if both is None or both is kept:
        return None
    both.choose(choice)
    return older, both


def ended_early(error: Exception) -> str:
    """Say what ended a prediction of which something is finished."""
    why = explain(error) if isinstance(error, RuntimeError) else reason(error)
    return (
        f"Only part of the image was predicted: {why.removesuffix('.')}. What was finished before "
        "is kept; when the image can be read, predict the rest with Where."
    )


def _assembled(kept: Kept, request: Request) -> NDArray[np.int32]:
    """Put the planes together that the network's own score gives."""
    labels = np.zeros(request.pixels.shape, np.int32)
    for plane, found in kept.choose(Choice(kept.score)).labels.items():
        labels[as_slices(plane)] = found
    return labels


def _ways(labels: NDArray[np.int32]) -> NDArray[np.float64] | None:
    ways = tracks(labels)
    return ways if len(ways) else None


@lru_cache(maxsize=1)
def _facts() -> Facts:
    return find_facts()


@cache
def _import_for_window() -> None:
    """Do once in the thread what the window does next: its first time imports and works out a lot.

    Once only: napari silences warnings meanwhile, which two threads must not do at one time.
    """
    from napari.layers import Labels
    from vispy.visuals import LineVisual

    Labels(np.zeros((1, 1), np.uint8))
    # napari draws such a line over every labels layer. vispy works out its dashes point by point,
    # once, and remembers them.
    LineVisual(np.zeros((2, 2)), method="agg")
