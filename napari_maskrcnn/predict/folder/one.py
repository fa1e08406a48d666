"""One image file from reading to its two outputs: the labels, and the table beside them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.images import read_image
from napari_maskrcnn.jobs import Job
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


@dataclass(frozen=True)
class Outcome:
    """What came of one image: its number of objects, and whether a limit on them was hit."""

    objects: int
    limited: bool = False


def predict_file_job(
    task: Task,
    request: Request,
    model: Model,
    overwrite: bool = False,
    stop: threading.Event | None = None,
) -> Job[Outcome | None]:
    """Predict one image file and write its labels and its table.

    Parameters
    ----------
    task : Task
        The image and its outputs.
    request : Request
        How.
    model : Model
        Loaded already.
    overwrite : bool
        Replace outputs that exist.
    stop : threading.Event, optional
        Ends the job when set; then nothing is written.

    Returns
    -------
    Outcome or None
        None after `stop`.

    Raises
    ------
    FileNotFoundError, ValueError
        The image cannot be read or used.
    FileExistsError, WriteError
        The outputs cannot be written; then neither of them is.
    """
    image = read_image(task.source)
    kept = yield from predict_planes_job([None], lambda _: image, request.settings, stop, model)
    if not kept.planes or kept.partial:
        return None  # it was stopped: what was found of this image so far is not all of it
    choice = replace(request.choice, score=kept.score)
    chosen = kept.choose(choice)
    _write(task, chosen, image, kept.describe(choice), request, overwrite)
    return Outcome(len(chosen), chosen.limited)


def _write(
    task: Task,
    chosen: Chosen,
    image: NDArray[Any],
    prediction: dict[str, Any],
    request: Request,
    overwrite: bool,
) -> None:
    from napari_maskrcnn.formats.label_data import per_axis
    from napari_maskrcnn.formats.provenance import describe_image, provenance
    from napari_maskrcnn.formats.verbs import export

    (labels,) = chosen.labels.values()
    name = task.source.name
    options: dict[str, Any] = {
        "image": image,
        "table": chosen.table,
        "overwrite": overwrite,
        "scale": per_axis(request.pixel_size, labels.ndim),
        "name": name,
    }
    said = provenance(prediction, describe_image(name, image))
    task.labels.parent.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        written.append(export(labels, task.labels, provenance=said, **options))
        # The table lies beside the labels, which say where both come from.
        written.append(export(labels, task.table, **options))
    except BaseException:
        # Half an output would make the next run refuse this image.
        for path in written:
            path.unlink(missing_ok=True)
        raise
