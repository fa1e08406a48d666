"""What was checked is what was there at the click."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_maskrcnn.train.answers import Answer, Findings
from napari_maskrcnn.train.labelled import Labelled
from napari_maskrcnn.widgets.learn_from import Layers, Taken, read_examples_job
from napari_maskrcnn.widgets.pair_row import PairRow

FLAT = (None, None)


def test_no_stroke_counts_once_the_first_image_is_read() -> None:
    truth = np.zeros((32, 32), np.int32)
    truth[4:12, 4:12] = 1
    shown = [truth.copy(), truth.copy()]
    image = np.arange(1024, dtype=np.uint16).reshape(32, 32)
    layers = [Layers(Labelled(f"{k}", image, x, FLAT), Answer.WHOLE) for k, x in enumerate(shown)]
    job = read_examples_job(Taken(tuple(layers)))
    next(job)
    for labels in shown:
        labels[:] = 7
    try:
        while True:
            next(job)
    except StopIteration as end:
        examples = end.value
    assert [np.array_equal(example.labels, truth) for example in examples] == [True, True]


def test_the_question_and_its_answer_read_as_two_sentences(qtbot: Any) -> None:
    row = PairRow("cells", "")
    qtbot.addWidget(row)
    assert row.answers.toolTip() == "What is correct here?"
    row.set_found(Findings(objects=3))
    assert row.answers.toolTip().startswith("What is correct here? Every object has its label;")
