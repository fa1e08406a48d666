"""The score from which an object counts, chosen where precision and recall balance best."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.predict.plane import predict_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.metrics import average_precision

SCORES = tuple(round(0.3 + 0.05 * k, 2) for k in range(13))
# More images hardly move the choice, and each costs a prediction.
MOST_IMAGES = 60
IOUS = (0.5, 0.75)


def choose_score_job(
    model: Model, examples: Sequence[Example], seed: int, stop: threading.Event | None = None
) -> Job[float]:
    """Find the score with the highest mean AP on examples.

    Parameters
    ----------
    model : Model
    examples : sequence of Example
        At most 60 of them are looked at, drawn by `seed`.
    seed : int
    stop : threading.Event, optional
        Ends the job; the images so far decide, or the model's own score stays.

    Returns
    -------
    float
        One of 0.30, 0.35, … 0.90.
    """
    order = np.random.default_rng(seed).permutation(len(examples))[:MOST_IMAGES]
    totals = np.zeros(len(SCORES))
    for done, k in enumerate(order):
        if stop is not None and stop.is_set():
            break
        yield Progress(done, len(order), "Choosing the score")
        settings, limits = PredictSettings(), examples[k].intensities
        found = yield from predict_job(examples[k].image, settings, model, stop, limits=limits)
        for s, score in enumerate(SCORES):
            labels = examples[k].judged(found.above(score).to_labels())
            totals[s] += sum(average_precision(examples[k].labels, labels, IOUS).values())
    return SCORES[int(totals.argmax())] if totals.any() else model.score
