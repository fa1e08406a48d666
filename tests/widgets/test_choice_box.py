"""The count and the sliders of a prediction follow its layer, where it may have changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_maskrcnn.annotate.image_states import State
from napari_maskrcnn.widgets import choice_box
from napari_maskrcnn.widgets.choice_box import CORRECTED, SETTLE_MS, SPOKEN_OF, ChoiceBox
from napari_maskrcnn.widgets.layer_states import say
from napari_maskrcnn.widgets.placing import place
from napari_maskrcnn.widgets.prediction import is_untouched
from tests.widgets.test_placing import kept, squares

PLANES = [(at, None, None) for at in range(4)]


@pytest.fixture
def model() -> ViewerModel:
    made = ViewerModel()
    image = made.add_image(np.zeros((4, 20, 40)))
    place(made.layers, image, kept({plane: squares(2) for plane in PLANES}), None)
    return made


@pytest.fixture
def box(model: ViewerModel, qtbot: Any) -> ChoiceBox:
    made = ChoiceBox(model)
    qtbot.addWidget(made)
    made.load(model.layers[1])
    return made


def test_another_plane_is_not_compared_with_the_prediction(
    model: ViewerModel, box: ChoiceBox, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Any] = []

    def look(layer: Any) -> bool:
        looked.append(layer)
        return is_untouched(layer)

    monkeypatch.setattr(choice_box, "is_untouched", look)
    for at in (0, 3, 2):
        model.dims.set_point(0, at)
        qtbot.wait(SETTLE_MS + 50)
    model.dims.roll()
    qtbot.wait(SETTLE_MS + 50)
    assert looked == []
    # What a script writes and has drawn is seen, in the same view and in another one.
    layer = model.layers[1]
    layer.data[0, 0, 0] = 1
    layer.refresh()
    qtbot.waitUntil(lambda: box.note.text() == CORRECTED)
    layer.data[0, 0, 0] = 0
    layer.data = layer.data.copy()
    qtbot.waitUntil(box.score.isEnabled)


def test_what_a_person_said_locks_the_sliders(
    model: ViewerModel, box: ChoiceBox, qtbot: Any
) -> None:
    layer = model.layers[1]
    assert box.score.isEnabled()
    say(layer, State.VERIFIED, PLANES[1])
    qtbot.waitUntil(lambda: not box.score.isEnabled())
    assert box.note.text() == SPOKEN_OF
    say(layer, State.PREDICTED, PLANES[1])
    qtbot.waitUntil(box.score.isEnabled)
    box.load(None)
    say(layer, State.VERIFIED, PLANES[1])
    assert not box._settle.isActive()
