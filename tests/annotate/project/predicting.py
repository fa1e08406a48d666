"""A predictor without a network: two squares of scores 0.9 and 0.4 in every plane."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np

from napari_maskrcnn.annotate.project.picture import Picture
from napari_maskrcnn.annotate.project.prepare import Predictor, planes_of
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.predict.kept import Choice, Kept
from napari_maskrcnn.predict.settings import PredictSettings


def squares(shape: tuple[int, ...]) -> Instances:
    labels = np.zeros(shape, np.int32)
    labels[2:8, 2:8] = 1
    labels[12:20, 12:20] = 2
    found = Instances.from_labels(labels, ("nucleus",))
    return replace(found, scores=np.array([0.9, 0.4], np.float32))


class Squares(Predictor):
    """Counts how often it predicted."""

    def __init__(self, settings: PredictSettings | None = None, digest: str = "1") -> None:
        super().__init__(settings or PredictSettings())
        self.digest = digest
        self.predicted = 0

    def _model_hash(self) -> str:
        return self.digest

    def predict(
        self, picture: Picture, stop: threading.Event | None
    ) -> Job[tuple[Kept, Choice] | None]:
        yield Progress(0, 1, "Predicting")
        if stop is not None and stop.is_set():
            return None
        self.predicted += 1
        shape = picture.shape
        planes = {plane: squares(shape[-2:]) for plane in planes_of(shape)}
        return Kept(planes, self.settings, "squares", self.digest, 0.3), Choice(0.3)
