"""The command line that does what the window did: only where it really gives the same labels."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats import read_labels
from napari_maskrcnn.formats.registry import find_format, writable
from napari_maskrcnn.images import read_image
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.models.folder import find_model
from napari_maskrcnn.models.model import file_hash
from napari_maskrcnn.widgets.export_job import ExportRequest
from napari_maskrcnn.widgets.layers import file_of, full_data

if TYPE_CHECKING:
    from napari_maskrcnn.widgets.prediction import Prediction

PROGRAM = "napari-maskrcnn"
NOT_SAVED = (
    "The command reads labels from a file, and these are no prediction of an image file as it is "
    "now, nor saved as they are now. Export them as TIFF, then copy the command."
)


def command_job(
    request: ExportRequest, record: Prediction | None, saved: Path | None, stop: threading.Event
) -> Job[str]:
    """Do what `command` does, in the background: it reads files of any size."""
    yield Progress(0, 0, "Looking what gives the same labels")
    return command(request, record, saved)


def command(request: ExportRequest, record: Prediction | None, saved: Path | None) -> str:
    """Return the command line that makes the requested file again.

    Of a prediction that nobody changed it is the prediction and the export, of any other labels
    the export of the file that holds them.

    Parameters
    ----------
    request : ExportRequest
        The export of the labels.
    record : Prediction, optional
        What they came from, as it is now: the window goes on with its own.
    saved : Path, optional
        A file that the layer was exported to.

    Raises
    ------
    ValueError
        No file holds the labels, and no prediction gives them.
    """
    labels = np.asarray(request.labels)
    if record is not None and (image := _predicted_file(record, labels, request)) is not None:
        return _predict(record, image, request)
    for source in (saved, request.source):
        if source is not None and _holds(source, labels):
            return quoted(_export(source, request))
    raise ValueError(NOT_SAVED)


def quoted(words: Sequence[str]) -> str:
    """Return words as one line that the system's shell takes apart again."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _predict(record: Prediction, image: Path, request: ExportRequest) -> str:
    settings, choice = record.kept.settings, record.choice
    folder = request.path.parent
    words = [PROGRAM, "predict", str(image), "--output", str(folder), "--model", settings.model]
    if settings.device != "auto":
        words += ["--device", settings.device]
    if settings.precision != "auto":
        words += ["--precision", settings.precision]
    words += ["--score", repr(choice.score)]
    if settings.diameter is not None:
        words += ["--diameter", repr(settings.diameter)]
    if settings.channels is not None:
        words += ["--channels", ",".join(map(str, settings.channels))]
    if choice.smallest > 0:
        words += ["--min-size", repr(choice.smallest)]
    if not np.isinf(choice.largest):
        words += ["--max-size", repr(choice.largest)]
    if choice.hidden < 1:
        words += ["--covered", repr(choice.hidden)]
    if not choice.border:
        words += ["--border", "drop"]
    words += _pixel_size(request)
    labels = folder / f"{image.stem}_labels.tif"
    if labels == request.path and request.format.name == "tiff":
        return quoted(words)
    return f"{quoted(words)} && {quoted(_export(labels, request))}"


def _export(source: Path, request: ExportRequest) -> list[str]:
    words = [PROGRAM, "export", str(source), "--output", str(request.path)]
    if request.image_source is not None:
        words += ["--image", str(request.image_source)]
    if not _is_chosen_by_suffix(request):
        words += ["--format", request.format.name]
    return words + _pixel_size(request)


def _pixel_size(request: ExportRequest) -> list[str]:
    if request.scale is None:
        return []
    return ["--pixel-size", ",".join(repr(size) for size in request.scale)]


def _is_chosen_by_suffix(request: ExportRequest) -> bool:
    try:
        return find_format(request.path, None, writable()) == request.format
    except ValueError:
        return False


def _predicted_file(
    record: Prediction, labels: NDArray[Any], request: ExportRequest
) -> Path | None:
    """Return the image file whose prediction the labels are, untouched and to be had again."""
    image = record.image()
    source = file_of(image) if image is not None else None
    if image is None or source is None or image.ndim != 2:
        return None
    if not record.matches(labels, request.table):
        return None
    if record.kept.partial:
        return None  # the command line predicts whole images
    if not np.isclose(*np.abs(image.scale[-2:])):
        return None  # pixels that are not square are said by the layer, not by the file
    path = Path(source)
    try:
        # The layer may have been filtered, the file or the model of this name replaced since.
        same = _equal(read_image(path), np.asarray(full_data(image)))
        same &= file_hash(find_model(record.kept.settings.model)) == record.kept.model_hash
    except (OSError, ValueError):
        return None
    return path if same else None


def _holds(path: Path, labels: NDArray[Any]) -> bool:
    try:
        return _equal(read_labels(path), labels)
    except (OSError, ValueError):
        return False


def _equal(first: NDArray[Any], second: NDArray[Any]) -> bool:
    return first.shape == second.shape and np.array_equal(first, second)
