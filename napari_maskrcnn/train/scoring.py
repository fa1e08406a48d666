"""How well a network finds what was held out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from napari_maskrcnn.jobs import Job, Progress, run
from napari_maskrcnn.models.card import ModelCard
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.predict.plane import predict_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.metrics import average_precision, count_errors


def score_network(
    network: MaskRCNN,
    *,
    card: ModelCard,
    held: Sequence[Example],
    stop: threading.Event | None = None,
) -> dict[str, float]:
    """Mean AP at IoU 0.5 and 0.75 of a network on the held-out examples, and errors in all.

    Empty when stopped.
    """
    return run(score_job(network, card, held, stop))


def score_job(
    network: MaskRCNN,
    card: ModelCard,
    held: Sequence[Example],
    stop: threading.Event | None = None,
) -> Job[dict[str, float]]:
    """Measure as `score_network` does, image by image; empty when stopped."""
    model = Model(network, card, None, next(network.parameters()).device)
    sums = [0.0, 0.0]
    errors: Counter[str] = Counter()
    for done, example in enumerate(held):
        yield Progress(done, len(held), "Measuring the model before")
        found = run(
            predict_job(example.image, PredictSettings(), model, stop, limits=example.intensities)
        )
        if stop is not None and stop.is_set():
            return {}
        labels = example.judged(found.above(card.score).to_labels())
        scores = average_precision(example.labels, labels, (0.5, 0.75))
        sums = [total + value for total, value in zip(sums, scores.values(), strict=True)]
        errors.update(count_errors(example.labels, labels))
    return {"ap50": sums[0] / len(held), "ap75": sums[1] / len(held), **errors}
