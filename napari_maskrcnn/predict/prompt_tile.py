"""Making a tile of an image ready for questions: its features, around the place in question."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_maskrcnn.images import as_image, check_form
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.predict.intensity import measure
from napari_maskrcnn.predict.plane import TILE, zoom_of
from napari_maskrcnn.predict.prompt import Prompter, with_surroundings
from napari_maskrcnn.predict.regions import Region, clip_region
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.sources.resampled import Resampled

if TYPE_CHECKING:
    from napari_maskrcnn.models.model import Model


def prompter_job(
    image: Any,
    settings: PredictSettings,
    place: Region,
    model: Model | None = None,
    stop: threading.Event | None = None,
) -> Job[Prompter | None]:
    """Make ready to answer questions about a place of an image.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        numpy, or anything with ``shape``, ``dtype`` and slices. Of a `Resampled` one the network
        sees what that holds; questions and answers are in the image's own pixels.
    settings : PredictSettings
        Model, diameter, channels and precision.
    place : (top, left, bottom, right)
        What must be covered, image pixels, half-open.
    model : Model, optional
        Loaded already.
    stop : threading.Event, optional
        Ends the job at its next step.

    Returns
    -------
    Prompter or None
        None when it was stopped.

    Raises
    ------
    ValueError
        The image or a setting cannot be used, or the place lies outside the image.
    """
    import torch

    from napari_maskrcnn.device import precision
    from napari_maskrcnn.models.load import load_model
    from napari_maskrcnn.network.prepare import prepare
    from napari_maskrcnn.network.prompts import Prompts

    settings.validate()
    if isinstance(image, Resampled):
        return (yield from _resampled_job(image, settings, place, model, stop))
    image = as_image(image)
    shape = check_form(image)
    place = with_surroundings(clip_region(place, shape), shape)
    yield Progress(0, 3, "Loading the model")
    model = model or load_model(settings.model, settings.device)
    config = model.network.config
    zoom = zoom_of(settings.diameter, model)
    yield Progress(1, 3, "Getting ready")
    if stop is not None and stop.is_set():
        return None
    tile: Region = (0, 0, *shape)
    if config.scale is not None:
        side = TILE / (config.scale * zoom)
        # What is larger than a tile is looked at from further away.
        further = max(1.0, (place[2] - place[0]) / side, (place[3] - place[1]) / side)
        zoom, side = zoom / further, side * further
        tile = tile_around(place, shape, np.ceil(side))
    read = measure(image, settings.channels, config.stretch)
    pixels = read((slice(tile[0], tile[2]), slice(tile[1], tile[3])))
    if pixels is None:
        pixels = np.zeros((3, tile[2] - tile[0], tile[3] - tile[1]), np.float32)
    ready = prepare(torch.from_numpy(np.ascontiguousarray(pixels)), config, zoom)
    yield Progress(2, 3, "Getting ready")
    if stop is not None and stop.is_set():
        return None
    network = model.fused(precision(model.device, settings.precision))
    prompts = Prompts(network, ready.image[None].to(model.device), ready.size)
    return Prompter(model, prompts, ready.zoom, tile, shape)


def _resampled_job(
    image: Resampled,
    settings: PredictSettings,
    place: Region,
    model: Model | None,
    stop: threading.Event | None,
) -> Job[Prompter | None]:
    """Make ready what is seen, and have it asked in pixels of the image."""
    seen = replace(settings, diameter=image.seen_diameter(settings.diameter))
    inside = image.seen_region(clip_region(place, image.size))
    assert inside is not None
    prompter = yield from prompter_job(image.seen, seen, inside, model, stop)
    if prompter is None:
        return None
    (y, x), (top, left, bottom, right) = image.factors, prompter.tile
    zoom = prompter.zoom[0] / y, prompter.zoom[1] / x
    tile = (top * y, left * x, bottom * y, right * x)
    return replace(prompter, zoom=zoom, tile=tile, shape=image.size)


def tile_around(place: Region, shape: tuple[int, int], side: float) -> Region:
    """Return a part of an image of `shape` (H, W) around the middle of a place.

    It is as large as `side` allows (pixels), and lies inside the image.
    """
    edges = []
    for start, stop, length in ((place[0], place[2], shape[0]), (place[1], place[3], shape[1])):
        size = min(length, max(1, int(side)))
        first = min(max((start + stop - size) // 2, 0), length - size)
        edges.append((first, first + size))
    (top, bottom), (left, right) = edges
    return top, left, bottom, right
