"""One image file from reading to its two outputs: the labels, and the table beside them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.formats.label_data import per_axis
from napari_maskrcnn.formats.provenance import describe_image
from napari_maskrcnn.jobs import Job, run
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.folder.inputs import Task
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.sources.opening import open_image
from napari_maskrcnn.sources.resampled import choose_level

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_maskrcnn.models import Model
    from napari_maskrcnn.predict.kept import Chosen


@dataclass(frozen=True)
class Request:
    """How every image of a run is predicted.

    Parameters
    ----------
    settings : PredictSettings
        Model, score, diameter, channels and device.
    choice : Choice
        What of the candidates counts; its score is that of the settings, or else the model's own.
    pixel_size : tuple of float, optional
        Micrometres, kept in the files: one number, or one an axis. None: what the image says.
    axes : str, optional
        What the axes of the images are, one letter each. None: what the images say.
    """

    settings: PredictSettings = field(default_factory=PredictSettings)
    choice: Choice = field(default_factory=lambda: Choice(0.0))
    pixel_size: tuple[float, ...] | None = None
    axes: str | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in one image file.

    Parameters
    ----------
    labels : (…, H, W) int32
        Of all planes.
    chosen : Chosen
        The same by plane, and the table.
    prediction : dict
        What makes the same labels again, as `Kept.describe` gives it.
    about : dict
        The image, as `describe_image` gives it; its pixels as the file has them.
    image : (…, H, W) or (…, H, W, C) array, optional
        Its pixels, unless they are too many to be held.
    pixel_size : tuple of float, optional
        Micrometres along each axis of the labels.
    axes : str, optional
        Letters of these axes.
    reading : str
        How the axes of the image were read, where they are easily meant otherwise.
    """

    labels: NDArray[np.int32]
    chosen: Chosen
    prediction: dict[str, Any]
    about: dict[str, Any]
    image: NDArray[Any] | None = None
    pixel_size: tuple[float, ...] | None = None
    axes: str | None = None
    reading: str = ""


def find_in_file_job(
    path: Path, request: Request, model: Model, stop: threading.Event | None = None
) -> Job[Found | None]:
    """Read one image file, all of its planes, and predict it.

    Returns
    -------
    Found or None
        None after `stop`: what was found so far is not all of it.

    Raises
    ------
    FileNotFoundError, ValueError
        The image cannot be read or used.
    """
    settings = request.settings
    with open_image(path, request.axes) as source:
        size = per_axis(request.pixel_size, len(source.label_axes)) or source.pixel_size
        source = replace(source, pixel_size=size)
        source.check_link(settings.link)
        planes = source.planes
        level = choose_level(source.level_shapes, settings.diameter, model.card.diameter)
        read = partial(source.read_level, level=level)
        kept = yield from predict_planes_job(planes, read, settings, stop, model)
        if len(kept.planes) < len(planes) or kept.partial:
            return None
        choice = replace(request.choice, score=kept.score)
        chosen = kept.choose(choice)
        labels = source.assemble(chosen.labels)
        said = kept.describe(choice)
        if request.axes is not None:
            said["settings"]["axes"] = request.axes
        # Who links frames says that they are some.
        series = settings.link == "t" and len(source.stack_axes) == 1
        axes = f"{'T' if series else source.stack_axes}YX"
        reading = source.reading if request.axes is None else ""
        image = None if source.is_large else source.whole()
        about = describe_image(path.name, None if source.is_large else source.array)
        return Found(labels, chosen, said, about, image, size, axes, reading)


def write_outputs(
    task: Task,
    found: Found,
    overwrite: bool = False,
    written: Callable[[Sequence[Path]], object] = lambda parts: None,
) -> None:
    """Write the labels and the table of an image: both or neither.

    Parameters
    ----------
    task : Task
        Where they go.
    found : Found
        What they hold.
    overwrite : bool
        Replace files that exist.
    written : callable
        Called with the two finished files before they take their places.

    Raises
    ------
    FileExistsError, WriteError
        They cannot be written; files that were there are as they were.
    """
    from napari_maskrcnn.formats.atomic import atomic_paths
    from napari_maskrcnn.formats.label_data import LabelData
    from napari_maskrcnn.formats.provenance import provenance
    from napari_maskrcnn.formats.table import write_csv
    from napari_maskrcnn.formats.tiff import write_tiff

    name = task.source.name
    data = LabelData.checked(
        found.labels,
        found.image,
        found.chosen.table,
        found.pixel_size,
        provenance(found.prediction, found.about),
        name,
        found.axes,
    )
    task.labels.parent.mkdir(parents=True, exist_ok=True)
    with atomic_paths([task.labels, task.table], overwrite) as (tiff, csv):
        run(write_tiff(data, tiff))
        run(write_csv(data, csv))
        written((tiff, csv))


def remove_leftovers(task: Task) -> None:
    """Remove what a process left of an image's outputs that was killed while it wrote them."""
    from napari_maskrcnn.formats.unfinished import leftovers

    for target in (task.labels, task.table):
        for part in leftovers(target):
            part.unlink(missing_ok=True)
