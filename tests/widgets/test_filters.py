"""The rare filters act on the prediction in the layer, like the sliders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.widgets import chooser
from napari_maskrcnn.widgets.choice_box import CORRECTED
from napari_maskrcnn.widgets.placing import change, place
from napari_maskrcnn.widgets.prediction import KEY
from tests.widgets.predicting import docked


def squares(corners: list[tuple[int, int]], shape: tuple[int, int] = (128, 128)) -> Instances:
    """Squares of 20 × 20 by their first pixel, best first."""
    origins = np.array(corners, np.int32)
    boxes = np.concatenate([origins[:, ::-1], origins[:, ::-1] + 20], axis=1)
    scores = np.linspace(0.9, 0.6, len(corners))
    return Instances(
        boxes.astype(np.float32),
        scores.astype(np.float32),
        np.ones(len(corners), np.int64),
        ("nucleus",),
        shape,
        (np.ones((20, 20), bool),) * len(corners),
        origins,
    )


def shown(layer: Any) -> list[int]:
    return [int((layer.data == k).sum()) for k in np.unique(layer.data)[1:]]


def test_covered_and_cut_off_objects_can_be_left_out(viewer: Any, qtbot: Any) -> None:
    found = squares([(0, 40), (40, 40), (40, 52), (80, 108)])
    kept = Kept({(None, None): found}, PredictSettings(), "nuclei", "hash", 0.5, "CPU, float32")
    layer = place(viewer.layers, viewer.layers["cells"], kept, None)
    widget = docked(viewer, "nuclei")
    filters = widget.choice.filters
    assert shown(layer) == [400, 400, 240, 400]
    filters.at_border.setChecked(False)
    assert shown(layer) == [400, 240]
    filters.overlap.setValue(30)
    assert shown(layer) == [400]
    assert layer.metadata[KEY].choice == Choice(0.5, hidden=0.3, border=False)
    change(viewer.layers, layer, kept, Choice(0.5, hidden=0.6))
    widget.choice.load(layer)
    assert (filters.overlap.value(), filters.at_border.isChecked()) == (60, True)
    layer.paint((3, 3), 500)
    qtbot.waitUntil(lambda: not filters.isEnabled())
    assert not widget.choice.score.isEnabled()


@pytest.mark.parametrize("most", ["MOST_PIXELS", "MOST_OBJECTS"])
def test_sliders_over_very_much_leave_the_window_free(
    viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    monkeypatch.setattr(chooser, most, 0)
    found = squares([(0, 40), (40, 40), (40, 52), (80, 100)])
    kept = Kept({(None, None): found}, PredictSettings(), "nuclei", "hash", 0.5, "CPU, float32")
    layer = place(viewer.layers, viewer.layers["cells"], kept, None)
    widget = docked(viewer, "nuclei")
    for score in (0.85, 0.75, 0.65):
        widget.choice.score.setValue(score)
    assert len(shown(layer)) == 4  # nothing yet: the window goes on
    qtbot.waitUntil(lambda: len(shown(layer)) == 3)
    assert widget.choice.count.text() == "3 objects"
    assert layer.metadata[KEY].choice == Choice(0.65)
    # What was painted while a choice was under way stays.
    widget.choice.score.setValue(0.85)
    layer.paint((3, 3), 500)
    painted = layer.data.copy()
    qtbot.waitUntil(lambda: not widget.chooser.running)
    assert np.array_equal(layer.data, painted)
    assert widget.choice.note.text() == CORRECTED
