from __future__ import annotations

import threading
from unittest.mock import patch

import numpy as np

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Job, Progress, run
from napari_maskrcnn.models import Model
from napari_maskrcnn.train import calibrate
from napari_maskrcnn.train.dataset import Example


def test_the_score_that_keeps_true_and_drops_false_objects_is_chosen(base: Model) -> None:
    labels = np.zeros((20, 40), int)
    labels[2:10, 2:10], labels[2:10, 15:25], labels[12:18, 30:38] = 1, 2, 3
    found = Instances.from_labels(labels)
    # The third object is false, and its score between 0.45 and the others'.
    scored = Instances(
        found.boxes,
        np.array([0.9, 0.7, 0.52], np.float32),
        found.classes,
        found.class_names,
        found.shape,
        found.crops,
        found.origins,
    )
    truth = np.where(labels == 3, 0, labels)

    def predict(*_: object, **__: object) -> Job[Instances]:
        yield Progress(0, 1)
        return scored

    with patch.object(calibrate, "predict_job", predict):
        examples = [Example(np.eye(20, 40), truth, str(k)) for k in range(3)]
        assert run(calibrate.choose_score_job(base, examples, 0)) == 0.55
        stop = threading.Event()
        stop.set()
        assert run(calibrate.choose_score_job(base, examples, 0, stop)) == base.score
