"""One image file from reading to its two outputs: the labels, and the table beside them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.images import read_image
from napari_maskrcnn.jobs import Job, run
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.folder.inputs import Task
from napari_maskrcnn.predict.kept import predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings

if TYPE_CHECKING:
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
        Micrometres, kept in the files: one number, or one an axis.
    """

    settings: PredictSettings = field(default_factory=PredictSettings)
    choice: Choice = field(default_factory=lambda: Choice(0.0))
    pixel_size: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in one image file.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array
        Its pixels.
    chosen : Chosen
        Labels and table.
    prediction : dict
        What makes the same labels again, as `Kept.describe` gives it.
    """

    image: NDArray[Any]
    chosen: Chosen
    prediction: dict[str, Any]


def find_in_file_job(
    source: Path, request: Request, model: Model, stop: threading.Event | None = None
) -> Job[Found | None]:
    """Read one image file and predict it.

    Returns
    -------
    Found or None
        None after `stop`: what was found so far is not all of it.

    Raises
    ------
    FileNotFoundError, ValueError
        The image cannot be read or used.
    """
    image = read_image(source)
    kept = yield from predict_planes_job([None], lambda _: image, request.settings, stop, model)
    if not kept.planes or kept.partial:
        return None
    choice = replace(request.choice, score=kept.score)
    return Found(image, kept.choose(choice), kept.describe(choice))


def write_outputs(task: Task, found: Found, request: Request, overwrite: bool = False) -> None:
    """Write the labels and the table of an image: both or neither.

    Raises
    ------
    FileExistsError, WriteError
        They cannot be written; files that were there are as they were.
    """
    from napari_maskrcnn.formats.atomic import atomic_path
    from napari_maskrcnn.formats.label_data import LabelData, per_axis
    from napari_maskrcnn.formats.provenance import describe_image, provenance
    from napari_maskrcnn.formats.table import write_csv
    from napari_maskrcnn.formats.tiff import write_tiff

    (labels,) = found.chosen.labels.values()
    name = task.source.name
    data = LabelData.checked(
        labels,
        found.image,
        found.chosen.table,
        per_axis(request.pixel_size, labels.ndim),
        provenance(found.prediction, describe_image(name, found.image)),
        name,
    )
    task.labels.parent.mkdir(parents=True, exist_ok=True)
    # Neither takes its place before both are whole.
    with atomic_path(task.labels, overwrite) as tiff, atomic_path(task.table, overwrite) as csv:
        run(write_tiff(data, tiff))
        run(write_csv(data, csv))


def remove_leftovers(task: Task) -> None:
    """Remove what a process left of an image's outputs that was killed while it wrote them."""
    from napari_maskrcnn.formats.atomic import leftovers

    for target in (task.labels, task.table):
        for part in leftovers(target):
            part.unlink(missing_ok=True)
