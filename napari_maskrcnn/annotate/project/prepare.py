"""An image of a project made ready to be shown: its pixels, and its labels or a prediction."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_maskrcnn.annotate.image_states import Plane, State, States
from napari_maskrcnn.annotate.project.entries import Entry
from napari_maskrcnn.annotate.project.picture import Picture, read_picture
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.project.stored import (
    Stored,
    certainty,
    read_labels_of,
    read_prediction,
    read_regions,
    stacked,
    write_prediction,
)
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.models.folder import find_model
from napari_maskrcnn.models.model import file_hash
from napari_maskrcnn.predict.kept import Choice, Kept
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings

if TYPE_CHECKING:
    from napari_maskrcnn.models import Model


@dataclass(frozen=True, eq=False)
class Ready:
    """An image that can be shown at once.

    Attributes
    ----------
    name : str
        Of the image in its project.
    path : Path
        Its file.
    picture : Picture
        Its pixels.
    stored : Stored
        The labels to show: those of a person, or else of the prediction.
    kept, choice : optional
        The prediction, and what counts of it.
    states : States
        Of the image and its planes.
    regions : plain value, optional
        Finished regions, as a layer's metadata hold them.
    """

    name: str
    path: Path
    picture: Picture
    stored: Stored
    kept: Kept | None
    choice: Choice | None
    states: States
    regions: Any = None

    @property
    def planes(self) -> list[Plane]:
        """All planes of a stack; none of one plane."""
        return planes_of(self.stored.labels.shape) if self.stored.labels.ndim > 2 else []


class Predictor:
    """Predicts images with the settings of a project; loads the model when it is first needed.

    Parameters
    ----------
    settings : PredictSettings
        Model and everything else.
    """

    def __init__(self, settings: PredictSettings) -> None:
        self.settings = settings
        self._model: Model | None = None
        self._hash: tuple[tuple[Path, int, int], str] | None = None

    def is_current(self, kept: Kept) -> bool:
        """Whether a prediction is what this one would make; torch is not needed to know."""
        return kept.settings == self.settings and kept.model_hash == self._model_hash()

    def predict(
        self, picture: Picture, stop: threading.Event | None
    ) -> Job[tuple[Kept, Choice] | None]:
        """Predict all planes of an image; None when it was stopped before the last one."""
        from napari_maskrcnn.models import load_model

        digest = self._model_hash()
        if self._model is None or self._model.weights_hash != digest:
            yield Progress(0, 0, f"Loading {self.settings.model}")
            self._model = load_model(self.settings.model, self.settings.device)
        planes = planes_of(picture.shape)
        kept = yield from predict_planes_job(
            planes, picture.plane, self.settings, stop, self._model
        )
        if len(kept.planes) < len(planes) or (stop is not None and stop.is_set()):
            return None
        return kept, Choice(kept.score)

    def _model_hash(self) -> str:
        path = find_model(self.settings.model)
        stat = path.stat()
        stamp = (path, stat.st_mtime_ns, stat.st_size)
        if self._hash is None or self._hash[0] != stamp:
            self._hash = (stamp, file_hash(path))
        return self._hash[1]


def planes_of(shape: tuple[int, ...]) -> list[Plane]:
    """Every plane of a stack along its last two axes."""
    return [(*at, None, None) for at in np.ndindex(*shape[:-2])]


def needs_prediction(project: Project, entry: Entry) -> bool:
    """Whether an image has neither labels nor a prediction."""
    kinds = (("labels", ".tif"), ("predictions", ".npz"))
    return not any(project.file(folder, entry.name, end).is_file() for folder, end in kinds)


def prepare_job(
    project: Project, name: str, predictor: Predictor, stop: threading.Event | None = None
) -> Job[Ready | None]:
    """Make an image of a project ready to be shown.

    One that nobody worked on is predicted first, unless the same was done before.

    Parameters
    ----------
    project : Project
        The project; a new prediction is written into it.
    name : str
        The image.
    predictor : Predictor
        How to predict.
    stop : threading.Event, optional
        Ends the job when set.

    Returns
    -------
    Ready or None
        None after `stop`.

    Raises
    ------
    OSError, ValueError
        The image or its labels cannot be read, or a prediction not be written.
    """
    yield Progress(0, 0, f"Opening {name}")
    path = project.image_path(name)
    picture = read_picture(path)
    stored = read_labels_of(project, name)
    predicted = read_prediction(project, name)
    if stored is None:
        # What is not said to be in order may be predicted better by now.
        untouched = project.entry(name).state in (State.NEW, State.PREDICTED)
        outdated = predicted is not None and untouched and not predictor.is_current(predicted[0])
        if predicted is None or outdated:
            predicted = yield from predictor.predict(picture, stop)
            if predicted is None:
                return None
            _keep_prediction(project, name, *predicted)
        chosen = predicted[0].choose(predicted[1])
        stored = Stored(stacked(chosen.labels), chosen.table)
    elif predicted is not None:
        # The window asks for it next: now it is remembered.
        predicted[0].choose(predicted[1])
    if stored.labels.shape != picture.shape:
        labels = project.file("labels", name, ".tif")
        raise ValueError(
            f"{path} has {picture.shape} pixels, but its labels {labels} have "
            f"{stored.labels.shape}. Put the right image back, or move the labels away."
        )
    kept, choice = predicted if predicted is not None else (None, None)
    regions = read_regions(project, name)
    return Ready(name, path, picture, stored, kept, choice, project.states(name), regions)


def _keep_prediction(project: Project, name: str, kept: Kept, choice: Choice) -> None:
    write_prediction(project, name, kept, choice)
    states = project.states(name)
    if states.image == State.NEW:
        states = replace(states, image=State.PREDICTED)
    facts = {
        "objects": len(kept.choose(choice)),
        "certainty": round(certainty(kept, choice), 3),
        "model": kept.model_name,
    }
    planes = [plane for plane in kept.planes if any(at is not None for at in plane)]
    project.set_states(name, states, planes, **facts)
