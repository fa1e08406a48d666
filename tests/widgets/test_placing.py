"""Who owns a labels layer: untouched predictions are replaced, corrections never."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_maskrcnn.annotate.image_states import State
from napari_maskrcnn.annotate.regions import KEY as REGIONS
from napari_maskrcnn.annotate.regions import Region
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.kept import Choice, Kept
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.widgets import placing
from napari_maskrcnn.widgets.follower import Follower
from napari_maskrcnn.widgets.layer_states import say
from napari_maskrcnn.widgets.ledger import ledger_of
from napari_maskrcnn.widgets.placing import change, place
from napari_maskrcnn.widgets.prediction import (
    KEY,
    is_untouched,
    prediction_of,
)

PLANE: tuple[None, None] = (None, None)


def squares(count: int, scores: tuple[float, ...] = (0.9, 0.8, 0.7, 0.6)) -> Instances:
    labels = np.zeros((20, 40), np.int32)
    for k in range(count):
        labels[4:10, 2 + 9 * k : 8 + 9 * k] = k + 1
    found = Instances.from_labels(labels, ("nucleus",))
    return Instances(
        found.boxes,
        np.asarray(scores[:count], np.float32),
        found.classes,
        found.class_names,
        found.shape,
        found.crops,
        found.origins,
    )


def kept(planes: dict[Hashable, Instances], model: str = "nuclei") -> Kept:
    return Kept(planes, PredictSettings(model=model), model, f"hash of {model}", 0.5, "CPU")


@pytest.fixture
def viewer() -> ViewerModel:
    model = ViewerModel()
    model.add_image(np.zeros((20, 40)), name="cells", scale=(0.5, 0.5), translate=(3, 4))
    return model


@pytest.fixture
def image(viewer: ViewerModel) -> Image:
    return viewer.layers["cells"]


def stroke(layer: Labels) -> None:
    layer.data_setitem((np.array([0, 0]), np.array([0, 1])), 1)


def test_a_first_prediction_is_a_new_layer_over_the_image(
    viewer: ViewerModel, image: Image
) -> None:
    layer = place(viewer.layers, image, kept({PLANE: squares(3)}), None)
    assert [item.name for item in viewer.layers] == ["cells", "cells instances"]
    assert np.array_equal(layer.scale, image.scale)
    assert np.array_equal(layer.translate, image.translate)
    assert layer.features["index"].tolist() == [0, 1, 2, 3]
    assert layer.features["class"].tolist() == ["", "nucleus", "nucleus", "nucleus"]
    assert layer.metadata[KEY].kept.model_hash == "hash of nuclei"
    assert is_untouched(layer)


def test_an_untouched_one_is_replaced_in_place(viewer: ViewerModel, image: Image) -> None:
    first = place(viewer.layers, image, kept({PLANE: squares(3)}), None)
    second = place(viewer.layers, image, kept({PLANE: squares(2)}, "mine"), first)
    assert second is first
    assert np.unique(first.data).tolist() == [0, 1, 2]
    assert len(first.features) == 3
    assert is_untouched(first)


def test_a_corrected_one_stays_and_a_layer_comes(viewer: ViewerModel, image: Image) -> None:
    first = place(viewer.layers, image, kept({PLANE: squares(3)}), None)
    stroke(first)
    data = first.data.copy()
    second = place(viewer.layers, image, kept({PLANE: squares(2)}), first)
    assert second is not first
    assert np.array_equal(first.data, data)
    assert [item.name for item in viewer.layers] == [
        "cells",
        "cells instances",
        "cells instances [1]",
    ]


def test_after_undo_a_fresh_layer_takes_the_place(viewer: ViewerModel, image: Image) -> None:
    first = place(viewer.layers, image, kept({PLANE: squares(3)}), None)
    viewer.add_points(np.zeros((1, 2)), name="on top")
    first.opacity = 0.3
    stroke(first)
    first.undo()
    assert is_untouched(first)
    second = place(viewer.layers, image, kept({PLANE: squares(2)}), first)
    assert second is not first
    assert [item.name for item in viewer.layers] == ["cells", "cells instances", "on top"]
    assert second.opacity == 0.3
    # The stroke that could be done again belonged to the old labels.
    second.redo()
    assert is_untouched(second)


def test_the_preferred_layer_is_taken_before_others(viewer: ViewerModel, image: Image) -> None:
    first = place(viewer.layers, image, kept({PLANE: squares(3)}), None)
    stroke(first)
    second = place(viewer.layers, image, kept({PLANE: squares(3)}), None)
    first.undo()
    assert place(viewer.layers, image, kept({PLANE: squares(1)}), second) is second
    assert np.unique(first.data).tolist() == [0, 1, 2, 3]


def test_a_layer_of_another_image_is_left_alone(viewer: ViewerModel, image: Image) -> None:
    other = viewer.add_image(np.zeros((20, 40)), name="others")
    first = place(viewer.layers, image, kept({PLANE: squares(3)}), None)
    second = place(viewer.layers, other, kept({PLANE: squares(2)}), first)
    assert second.name == "others instances"
    assert len(first.features) == 4


def test_a_duplicate_is_not_the_prediction(viewer: ViewerModel, image: Image) -> None:
    first = place(viewer.layers, image, kept({PLANE: squares(3)}), None)
    copy = Labels(first.data.copy(), metadata=dict(first.metadata))
    viewer.layers.append(copy)
    assert prediction_of(copy) is None
    assert not is_untouched(copy)


def test_planes_of_a_stack_gather_in_one_layer(viewer: ViewerModel) -> None:
    stack = viewer.add_image(np.zeros((5, 20, 40)), name="stack")
    first = place(viewer.layers, stack, kept({(1, None, None): squares(2)}), None)
    second = place(viewer.layers, stack, kept({(3, None, None): squares(3)}), first)
    assert second is first
    assert [np.unique(plane).tolist() for plane in first.data] == [
        [0],
        [0, 1, 2],
        [0],
        [0, 3, 4, 5],
        [0],
    ]
    assert first.features["index"].tolist() == [0, 1, 2, 3, 4, 5]
    first.data_setitem((np.array([4]), np.array([0]), np.array([0])), 1)
    assert not is_untouched(first)


def test_planes_of_two_models_get_two_layers(viewer: ViewerModel) -> None:
    stack = viewer.add_image(np.zeros((5, 20, 40)), name="stack")
    first = place(viewer.layers, stack, kept({(1, None, None): squares(2)}), None)
    second = place(viewer.layers, stack, kept({(3, None, None): squares(3)}, "mine"), first)
    assert second is not first


def test_a_choice_shows_at_once_and_can_be_taken_back(viewer: ViewerModel, image: Image) -> None:
    layer = place(viewer.layers, image, kept({PLANE: squares(4)}), None)
    data = layer.data.copy()
    candidates = layer.metadata[KEY].kept
    assert change(viewer.layers, layer, candidates, Choice(0.75)) is layer
    assert np.unique(layer.data).tolist() == [0, 1, 2]
    assert is_untouched(layer)
    change(viewer.layers, layer, candidates, Choice(0.5))
    assert np.array_equal(layer.data, data)
    assert len(layer.features) == 5


def test_the_choice_survives_predicting_again_with_the_same_model(
    viewer: ViewerModel, image: Image
) -> None:
    layer = place(viewer.layers, image, kept({PLANE: squares(4)}), None)
    change(viewer.layers, layer, layer.metadata[KEY].kept, Choice(0.85))
    place(viewer.layers, image, kept({PLANE: squares(4)}), layer)
    assert layer.metadata[KEY].choice == Choice(0.85)
    place(viewer.layers, image, kept({PLANE: squares(4)}, "mine"), layer)
    assert layer.metadata[KEY].choice == Choice(0.5)


def correction_counts(layer: Labels) -> str:
    follower = Follower(ViewerModel())
    follower.follow(layer)
    follower.look(np.inf)
    return follower.said()


def test_corrections_are_counted_as_a_difference(viewer: ViewerModel, image: Image) -> None:
    layer = place(viewer.layers, image, kept({PLANE: squares(4)}), None)
    assert correction_counts(layer) == "Nothing corrected yet"
    layer.data_setitem(np.nonzero(layer.data == 4), 0)
    layer.data_setitem((np.array([15, 15, 16]), np.array([1, 2, 1])), 9)
    assert correction_counts(layer) == "Corrected: 1 added, 1 removed"
    layer.undo()
    layer.undo()
    assert correction_counts(layer) == "Nothing corrected yet"
    assert correction_counts(Labels(np.zeros((4, 4), int))) == ""


def test_an_image_that_was_replaced_meanwhile_is_refused(viewer: ViewerModel, image: Image) -> None:
    image.data = np.zeros((30, 50))
    with pytest.raises(ValueError, match=r"changed .* Predict again"):
        place(viewer.layers, image, kept({PLANE: squares(2)}), None)
    assert len(viewer.layers) == 1


def test_accepting_or_another_class_makes_a_layer_the_persons(
    viewer: ViewerModel, image: Image
) -> None:
    layer = place(viewer.layers, image, kept({PLANE: squares(3)}), None)
    ledger = ledger_of(layer)
    for toggle in (
        lambda: ledger.toggle_accepted([2]),
        lambda: ledger.toggle_class([1], "mitosis"),
    ):
        assert toggle()
        assert not is_untouched(layer)
        assert place(viewer.layers, image, kept({PLANE: squares(2)}), layer) is not layer
        viewer.layers.remove(viewer.layers[-1])
        assert not toggle()
        assert is_untouched(layer)
    ledger.toggle_accepted([1, 3])
    assert correction_counts(layer) == "Nothing corrected yet; 2 accepted"
    stroke(layer)
    layer.undo()
    assert layer.features["area"].tolist() == [0, 36, 36, 36]
    assert layer.features["state"].tolist() == ["", "accepted", "predicted", "accepted"]


@pytest.mark.parametrize("said", ["verified", "excluded", "finished"])
def test_what_a_person_said_to_be_right_is_not_replaced(
    viewer: ViewerModel, image: Image, said: str
) -> None:
    layer = place(viewer.layers, image, kept({PLANE: squares(3)}), None)
    data = layer.data.copy()
    if said == "finished":
        region = Region(PLANE, np.array([(0, 0), (0, 9), (9, 9)], float))
        layer.metadata[REGIONS] = [region.to_json()]
    else:
        say(layer, State(said), PLANE)
    assert not is_untouched(layer)
    assert place(viewer.layers, image, kept({PLANE: squares(1)}, "mine"), layer) is not layer
    assert np.array_equal(layer.data, data)
    say(layer, State.PREDICTED, PLANE)
    layer.metadata.pop(REGIONS, None)
    assert is_untouched(layer)


def test_a_large_new_layer_is_shown_a_turn_later_with_the_labels_that_are_there(
    viewer: ViewerModel, image: Image, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "MANY_PIXELS", 100)
    found = kept({PLANE: squares(3)})
    data = found.choose(Choice(0.5)).labels[PLANE].copy()
    layer = place(viewer.layers, image, found, None, data=data)
    assert not layer.visible
    assert layer.data is data
    assert is_untouched(layer)
    qtbot.waitUntil(lambda: layer.visible)
    viewer.layers.clear()
    other = place(viewer.layers, image, found, None, data=np.zeros((3, 3), np.int32))
    assert np.array_equal(other.data, data)
    qtbot.waitUntil(lambda: other.visible)
