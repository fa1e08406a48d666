"""Planes predicted one after the other, or parts of them, to what is kept of a prediction."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.images import NoFinitePixelError
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.predict.regions import Region, replaced

if TYPE_CHECKING:
    from napari_maskrcnn.models.model import Model
    from napari_maskrcnn.predict.plane import Rescue
    from napari_maskrcnn.predict.settings import PredictSettings

_LOG = logging.getLogger(__name__)


def predict_planes_job(
    keys: Sequence[Hashable],
    read: Callable[[Any], Any],
    settings: PredictSettings,
    stop: threading.Event | None = None,
    model: Model | None = None,
    regions: Mapping[Any, Sequence[Region]] | None = None,
    rescue: Rescue | None = None,
) -> Job[Kept]:
    """Predict planes one after the other, keeping every candidate.

    Parameters
    ----------
    keys : sequence
        Key of each plane, in the order of prediction.
    read : callable
        Returns the image of a key, (H, W) or (H, W, C): numpy, dask, zarr or alike.
    settings : PredictSettings
        Model, diameter, channels and device.
    stop : threading.Event, optional
        Ends the job when set; planes and tiles that are finished are kept.
    model : Model, optional
        Loaded already.
    regions : mapping, optional
        Of a plane the parts to predict; a plane without an entry is predicted as a whole.
    rescue : callable, optional
        Called with an error that comes when planes or tiles are finished: then these are returned,
        and no other plane is begun. Without it the error is raised.

    Yields
    ------
    Progress
        As of `predict_job`, with the key of the plane in its data as ``plane``.

    Returns
    -------
    Kept
        The planes of which anything is finished, perhaps none.
    """
    from napari_maskrcnn.device import describe_device
    from napari_maskrcnn.models import load_model
    from napari_maskrcnn.predict.plane import predict_job

    yield Progress(0, len(keys), f"Loading {settings.model}")
    model = model or load_model(settings.model, settings.device)
    parts = [(key, region) for key in keys for region in (regions or {}).get(key, (None,))]
    planes: dict[Hashable, Instances] = {}
    partial: dict[Hashable, tuple[Region, ...]] = {}
    troubles: list[Exception] = []
    note = None if rescue is None else troubles.append
    for number, (key, region) in enumerate(parts):
        if troubles or (stop is not None and stop.is_set()):
            break
        try:
            image = read(key)
            job = predict_job(image, settings, model, stop, region, note)
            if len(keys) > 1:
                name = f"Plane {keys.index(key) + 1}"
                job = _even_blank(job, name, image.shape, model.class_names)
            part = yield from _numbered(job, key, number, len(parts))
        except Exception as error:
            if rescue is None or not planes:
                raise
            troubles.append(error)
            break
        model = part.model or model
        if part.complete and region is None:
            planes[key] = part.found
        elif part.finished:
            older = planes.get(key)
            new = part.found if older is None else replaced(older, part.found, part.finished)
            planes[key] = new
            partial[key] = (*partial.get(key, ()), *part.finished)
    if rescue is not None and troubles:
        rescue(troubles[0])
    score = model.score if settings.score is None else settings.score
    by = describe_device(model.device, settings.precision)
    return Kept(planes, settings, model.name, model.weights_hash, score, by, partial)


def _even_blank(
    job: Job[Instances], plane: str, shape: Sequence[int], names: tuple[str, ...]
) -> Job[Instances]:
    """Pass a plane's job through; the others do not suffer from one that holds nothing.

    Stacks that were registered or put together often have such planes.
    """
    try:
        return (yield from job)
    except NoFinitePixelError as error:
        _LOG.warning("%s has no object: %s", plane, error)
        yield Progress(1, 1)
        return Instances.empty((shape[0], shape[1]), names)


@dataclass(frozen=True, eq=False)
class _Part:
    """What the job of a plane or region came to, and the model that it moved to, if it did."""

    found: Instances
    finished: tuple[Region, ...]
    complete: bool
    model: Model | None


def _numbered(job: Job[Instances], key: Hashable, number: int, total: int) -> Job[_Part]:
    """Pass a plane's job through, its progress counted as part of all planes."""
    step = Progress(0, 1)
    finished: list[Region] = []
    model: Model | None = None
    while True:
        try:
            step = next(job)
        except StopIteration as end:
            return _Part(end.value, tuple(finished), step.done == step.total, model)
        finished += step.data.get("finished", ())
        model = step.data.get("model", model)
        data = {**step.data, "plane": key}
        if total == 1:
            yield replace(step, data=data)
        else:
            scale = max(step.total, 1)
            told = step.message if "trouble" in data else f"Plane {number + 1} of {total}"
            yield Progress(number * scale + step.done, total * scale, told, data)
