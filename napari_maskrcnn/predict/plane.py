"""One image to its instances: prepare, detect tile by tile, paste, and put the tiles together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from napari_maskrcnn.images import as_image, check_form
from napari_maskrcnn.instances import LIMITED, Instances, joined
from napari_maskrcnn.jobs import Job, Progress, is_out_of_memory, run
from napari_maskrcnn.predict.intensity import measure
from napari_maskrcnn.predict.regions import (
    Region,
    clip_region,
    grown,
    intersection,
    only_in,
)
from napari_maskrcnn.predict.seams import stitch
from napari_maskrcnn.predict.search import Search
from napari_maskrcnn.predict.settings import PredictSettings, channel_numbers
from napari_maskrcnn.predict.tiles import Grid, Tile
from napari_maskrcnn.sources.resampled import Resampled

if TYPE_CHECKING:
    from napari_maskrcnn.models.model import Model

_LOG = logging.getLogger(__name__)

#: Takes the error that ended a prediction of which something is finished.
Rescue = Callable[[Exception], object]

# Side of a tile in network pixels; one this large takes about 1.5 GB.
TILE = 1536
# Side of a tile in image pixels that are shrunk for the network: it has to be read as it is.
WIDEST = 4096
# What the network should see around an object, network pixels.
CONTEXT = 64


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
        channels=channel_numbers(channels),
        device=device,
        precision=precision,
    )
    settings.validate()
    image = as_image(image)
    check_form(image)
    loaded = load_model(model, device) if not isinstance(model, Model) else model
    found = run(predict_job(image, settings, loaded, stop), progress)
    found = found.above(loaded.score if score is None else score)
    if found.limited:
        _LOG.warning("%s.", LIMITED.capitalize())
    return found


def predict_job(
    image: Any,
    settings: PredictSettings,
    model: Model | None = None,
    stop: threading.Event | None = None,
    region: Region | None = None,
    rescue: Rescue | None = None,
    limits: tuple[float, float] | None = None,
) -> Job[Instances]:
    """Find all candidates of one image, down to the network's score floor.

    Callers take ``.above(score)``; keeping the rest lets a threshold move without the network.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        numpy, or anything with ``shape``, ``dtype`` and slices, such as dask or zarr: only a tile
        of it is in memory at a time. Of a `Resampled` one the network sees what that holds.
    settings : PredictSettings
    model : Model, optional
        Loaded already; None loads ``settings.model``.
    stop : threading.Event, optional
        Ends the job at the next tile.
    region : (top, left, bottom, right), optional
        Image pixels, half-open. Only objects whose centre lies in it are looked for; the network
        sees what is around it, too.
    rescue : callable, optional
        Called with an error that comes when tiles are finished, such as one of a file that cannot
        be read further; they are then the result, as after `stop`. Without it the error is raised.
    limits : (float, float), optional
        Intensities that become 0 and 1 where the network wants them stretched, such as those of a
        larger image that this is a part of; None measures them.

    Yields
    ------
    Progress
        Before the first tile, and after every tile or every few that were computed together. Then
        its data hold ``found``, the `Instances` of these tiles in image pixels, and ``finished``,
        the regions that these tiles answer for, a tuple. An object at the border of two of them may
        come twice; in the result it does not. When memory ran out, its message says what is done
        about it, and its data hold ``trouble``, the error, and ``model`` if that had to move.

    Returns
    -------
    Instances
        What all tiles hold; when it was stopped, the finished ones.
    """
    settings.validate()
    if isinstance(image, Resampled):
        seen = replace(settings, diameter=image.seen_diameter(settings.diameter))
        inner = predict_job(
            image.seen, seen, model, stop, image.seen_region(region), rescue, limits
        )
        return (yield from image.mapped(inner))
    image = as_image(image)
    shape = check_form(image)
    wanted = (0, 0, *shape) if region is None else clip_region(region, shape)
    if model is None:
        from napari_maskrcnn.models.load import load_model

        yield Progress(0, 0, "Loading the model")
        model = load_model(settings.model, settings.device)
    zoom = zoom_of(settings.diameter, model)
    grid, tiles = _tiles(wanted, shape, zoom, model)
    read = measure(image, settings.channels, model.network.config.stretch)
    if limits is not None and read.limits is not None:
        read = replace(read, limits=limits)
    search = Search(model, settings, read, zoom, tiles, grid)
    yield Progress(0, len(tiles), f"Tile 1 of {len(tiles)}")
    while search.left and not (stop is not None and stop.is_set()):
        try:
            step = _next(search, wanted)
        except Exception as error:
            if rescue is None or not search.done:
                raise
            rescue(error)
            break
        yield step
    every = Instances.empty(shape, model.class_names)
    if search.done:
        every = only_in(stitch(search.done, search.parts), [wanted])
    if not search.left:
        # Without the last progress who drains this sees that it is not complete.
        yield Progress(len(search.done), len(search.done), f"{len(every)} candidates")
    return every


def _next(search: Search, wanted: Region) -> Progress:
    """Do the next tiles, or say what is done about too little memory for them."""
    trouble: str | None = None
    before, model = len(search.done), search.model
    try:
        search.step()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        trouble = str(error).partition("\n")[0]
    done = len(search.done)
    if trouble is not None:
        # Only here: the error held on to what the tiles had taken.
        message = search.retreat(trouble)
        _LOG.warning("%s (%s).", message, trouble)
        moved = {"model": search.model} if search.model is not model else {}
        return Progress(done, done + len(search.left), message, {"trouble": trouble, **moved})
    total = done + len(search.left)
    regions = (intersection(tile.core, wanted) for tile in search.done[before:])
    data = {
        "found": only_in(joined(search.parts[before:]), [wanted]),
        "finished": tuple(region for region in regions if region is not None),
    }
    message = f"Tile {done + 1} of {total}" if done < total else "Putting the tiles together"
    return Progress(done, total, message, data)


def zoom_of(diameter: float | None, model: Model) -> float:
    """Magnification at which objects of a diameter (pixels) have the size that a model knows.

    Raises
    ------
    ValueError
        The model knows no one size.
    """
    if diameter is None:
        return 1.0
    if model.card.diameter is None:
        raise ValueError(
            f"Model {model.name!r} was not trained at one object size, so it cannot use a diameter "
            f"({diameter} px); leave the diameter out."
        )
    return model.card.diameter / diameter


def _tiles(
    wanted: Region, shape: tuple[int, int], zoom: float, model: Model
) -> tuple[Grid, list[Tile]]:
    """Tiles over what is wanted and what is seen around it, and how they were cut."""
    from napari_maskrcnn.network.prepare import STRIDE

    config = model.network.config
    if config.scale is None:
        # These weights were trained on whole images shrunk to one size.
        grid = Grid(max(shape), max(shape) - 1)
        return grid, grid.tiles((0, 0, *shape))
    factor = config.scale * zoom
    # The largest objects fit into it with their surroundings; larger ones are put together.
    overlap = min(max(config.anchor_sizes) + 2 * CONTEXT, TILE // 2)
    side = max(8, int(min(TILE, max(WIDEST * factor, 2 * overlap)) / factor))
    # A network sees an object alike where its grids lie alike.
    grid = Grid(side, min(int(overlap / factor), side // 2), STRIDE / factor)
    top, left, bottom, right = grown(wanted, grid.overlap // 2, shape)
    top, left = (round(start // grid.align * grid.align) for start in (top, left))
    tiles = grid.tiles((top, left, bottom, right))
    return grid, [tile for tile in tiles if intersection(tile.core, wanted)]
