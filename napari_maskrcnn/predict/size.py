"""How large the objects of an image are: a quick look at a part of it, at three magnifications.

A network finds objects best at the size it learned, but it also finds, less surely, what is twice
as large or small. So the part is looked at as if its objects were smaller, as large and larger
than the model knows; where most of the area is surely an object's, the median diameter is right.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.images import is_constant
from napari_maskrcnn.jobs import Job, Progress, run
from napari_maskrcnn.predict.choice import Facts

if TYPE_CHECKING:
    from napari_maskrcnn.instances import Instances
    from napari_maskrcnn.models.model import Model
    from napari_maskrcnn.predict.settings import PredictSettings

# The sizes tried, relative to the one that the model knows, and the part looked at, in objects of
# that size across.
FACTORS = (1 / 3, 1.0, 3.0)
ACROSS = 20
# Every so many pixels tell in which part of the image something is.
STEP = 4


def estimate_job(
    image: Any,
    settings: PredictSettings,
    model: Model | None = None,
    stop: threading.Event | None = None,
) -> Job[float | None]:
    """Estimate the typical diameter of an image's objects.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        numpy, dask or zarr: only parts of it are read.
    settings : PredictSettings
        Model, channels and device; its diameter is ignored.
    model : Model, optional
        Loaded already.
    stop : threading.Event, optional
        Ends the job when set.

    Yields
    ------
    Progress
        Before every magnification.

    Returns
    -------
    float or None
        Median diameter in pixels; None where nothing looks like an object at any size, or when it
        was stopped.

    Raises
    ------
    ValueError
        The model was not trained at one object size, so a diameter means nothing to it.
    """
    from napari_maskrcnn.models import load_model
    from napari_maskrcnn.predict.plane import predict_job

    settings.validate()
    if model is None:
        yield Progress(0, len(FACTORS), "Loading the model")
        model = load_model(settings.model, settings.device)
    known = model.card.diameter
    if known is None:
        raise ValueError(
            f"Model {model.name!r} was not trained at one object size: leave the diameter at auto."
        )
    best, diameter = 0.0, None
    for number, factor in enumerate(FACTORS):
        yield Progress(number, len(FACTORS), f"Looking for objects of {known * factor:.0f} px")
        if stop is not None and stop.is_set():
            return None
        part = busiest_part(image, round(ACROSS * known * factor))
        if is_constant(part):
            continue
        wanted = replace(settings, diameter=known * factor)
        found = run(predict_job(part, wanted, model, stop))
        covered, median = _certainty(found, model.score)
        if covered > best:
            best, diameter = covered, median
    return diameter


def busiest_part(image: Any, side: int) -> NDArray[Any]:
    """The part of an image, of nine that are spread over it, whose pixels differ most.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Anything that can be sliced.
    side : int
        Pixels on a side of the part, at most; a smaller image is taken whole.
    """
    height, width = (int(n) for n in image.shape[:2])
    parts = [
        np.asarray(image[top : top + side, left : left + side])
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]
    return max(parts, key=_spread)


def _starts(length: int, side: int) -> list[int]:
    room = max(0, length - side)
    # The middle first: of equal parts the first is taken.
    return list(dict.fromkeys((room // 2, room // 6, room - room // 6)))


def _spread(part: NDArray[Any]) -> float:
    """How much pixels differ; a few very bright ones count little."""
    values = part[::STEP, ::STEP].astype(float)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0
    return float(np.minimum(values, np.percentile(values, 99)).std())


def _certainty(found: Instances, score: float) -> tuple[float, float]:
    """Share of the image that surely is an object's, and the objects' median diameter."""
    facts = Facts.of(found)
    sure = (found.scores >= score) & ~facts.at_border
    if not sure.any():
        return 0.0, 0.0
    pixels = found.shape[0] * found.shape[1]
    covered = float((facts.areas * found.scores)[sure].sum()) / pixels
    return covered, float(np.median(facts.diameters[sure]))
