"""One image to its instances: prepare, detect tile by tile, paste, and put the tiles together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_maskrcnn.images import check_image, is_constant, percentiles, stretch, to_chw, unit
from napari_maskrcnn.instances import LIMITED, Instances
from napari_maskrcnn.jobs import Job, Progress, run
from napari_maskrcnn.predict.finder import Finder
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.predict.tiles import Tile, make_tiles

if TYPE_CHECKING:
    from napari_maskrcnn.models.model import Model

_LOG = logging.getLogger(__name__)

# Side and overlap of a tile in network pixels; one this large takes about 1.5 GB.
TILE = 1536
OVERLAP = 256
SEAM_IOU = 0.5


def predict(
    image: ArrayLike,
    model: str | Model = "nuclei",
    score: float | None = None,
    diameter: float | None = None,
    channels: Sequence[int] | None = None,
    device: str = "auto",
    progress: Callable[[Progress], object] | None = None,
    stop: threading.Event | None = None,
    precision: str = "auto",
) -> Instances:
    """Find the objects of one image.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Grey, RGB, RGBA or several channels; any real type.
    model : str or Model
        Name of a model, a weights file, or one that `load_model` returned.
    score : float, optional
        Least score of an object, 0 to 1; None: the model's own.
    diameter : float, optional
        Typical diameter of the objects in pixels; None: the image as it is.
    channels : sequence of int, optional
        One to three channels to look at.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``; ignored for a `Model`, which has one.
    progress : callable, optional
        Called with a `Progress` after every tile.
    stop : threading.Event, optional
        Ends the work at the next tile; what was found is returned.
    precision : str
        ``float32``, ``bfloat16``, or ``auto``: bfloat16 where the device is clearly faster with it.
        Scores, boxes and masks are float32 in any case.

    Returns
    -------
    Instances
        Best score first; object ``k`` is label ``k + 1`` of ``to_labels()``. Its ``limited`` says
        whether a limit on their number was hit.

    Raises
    ------
    ValueError
        The image or a setting cannot be used; the message says why and what to do.
    """
    from napari_maskrcnn.models.load import load_model
    from napari_maskrcnn.models.model import Model

    settings = PredictSettings(
        model=model.name if isinstance(model, Model) else str(model),
        score=score,
        diameter=diameter,
        channels=tuple(channels) if channels is not None else None,
        device=device,
        precision=precision,
    )
    settings.validate()
    check_image(image)
    loaded = load_model(model, device) if not isinstance(model, Model) else model
    found = run(predict_job(image, settings, loaded, stop), progress)
    found = found.above(loaded.score if score is None else score)
    if found.limited:
        _LOG.warning("%s.", LIMITED.capitalize())
    return found


def predict_job(
    image: ArrayLike,
    settings: PredictSettings,
    model: Model | None = None,
    stop: threading.Event | None = None,
) -> Job[Instances]:
    """Find all candidates of one image, down to the network's score floor.

    Callers take ``.above(score)``; keeping the rest lets a threshold move without the network.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
    settings : PredictSettings
    model : Model, optional
        Loaded already; None loads ``settings.model``.
    stop : threading.Event, optional
        Ends the job at the next tile.

    Yields
    ------
    Progress
        After every tile.
    """
    from napari_maskrcnn.device import precision

    settings.validate()
    array = check_image(image)
    if model is None:
        from napari_maskrcnn.models.load import load_model

        yield Progress(0, 0, "Loading the model")
        model = load_model(settings.model, settings.device)
    shape = (array.shape[0], array.shape[1])
    zoom = _zoom(settings.diameter, model)
    tiles = _tiles(shape, zoom, model)
    parts: list[Instances] = []
    if not is_constant(array):
        chw = to_chw(array, settings.channels)
        ready = _normaliser(chw, array.dtype, model)
        finder = Finder(model, precision(model.device, settings.precision), shape, zoom)
        few = finder.at_a_time(tiles)
        for k in range(0, len(tiles), few):
            if stop is not None and stop.is_set():
                # Without the last progress: who drains this sees that it is not complete.
                return _join(parts, shape, model.class_names)
            yield Progress(k, len(tiles), f"Tile {k + 1} of {len(tiles)}")
            some = tiles[k : k + few]
            parts += finder.find([ready(chw[:, *tile.slices]) for tile in some], some)
    found = _join(parts, shape, model.class_names)
    yield Progress(len(tiles), len(tiles), f"{len(found)} candidates")
    return found


def _normaliser(
    chw: NDArray[Any], dtype: np.dtype[Any], model: Model
) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """Return what brings any part of an image into [0, 1], as the model was trained."""
    if not model.network.config.stretch:
        return lambda pixels: unit(pixels, dtype)
    limits = percentiles(chw)
    return lambda pixels: stretch(pixels, limits)


def _zoom(diameter: float | None, model: Model) -> float:
    if diameter is None:
        return 1.0
    if model.card.diameter is None:
        raise ValueError(
            f"Model {model.name!r} was not trained at one object size, so it cannot use a diameter "
            f"({diameter} px); leave the diameter out."
        )
    return model.card.diameter / diameter


def _tiles(shape: tuple[int, int], zoom: float, model: Model) -> list[Tile]:
    scale = model.network.config.scale
    if scale is None:
        # These weights were trained on whole images shrunk to one size.
        return make_tiles(shape, max(shape), 0)
    factor = scale * zoom
    return make_tiles(shape, max(8, int(TILE / factor)), int(OVERLAP / factor))


def _join(parts: list[Instances], shape: tuple[int, int], names: tuple[str, ...]) -> Instances:
    """All tiles' objects, best score first, each once."""
    complete_above = max((part.complete_above for part in parts), default=0.0)
    parts = [part for part in parts if len(part)]
    if not parts:
        return replace(Instances.empty(shape, names), complete_above=complete_above)
    every = Instances(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.classes for part in parts]),
        names,
        shape,
        tuple(crop for part in parts for crop in part.crops),
        np.concatenate([part.origins for part in parts]),
        complete_above,
    )
    order: NDArray[Any] = np.argsort(-every.scores, kind="stable")
    if len(parts) > 1:
        import torch
        from torchvision.ops import batched_nms

        values = (torch.from_numpy(v) for v in (every.boxes, every.scores, every.classes))
        order = batched_nms(*values, SEAM_IOU).numpy()
    return every[order]
