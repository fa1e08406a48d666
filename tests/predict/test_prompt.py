"""Questions about an image, answered by a network that is made up so that its answers are known."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models.card import ModelCard
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.presets import compact_config
from napari_maskrcnn.network.prompts import Prompts
from napari_maskrcnn.network.roi_heads import Detections
from napari_maskrcnn.predict import prompt_tile
from napari_maskrcnn.predict.prompt import Prompter, with_surroundings
from napari_maskrcnn.predict.prompt_tile import prompter_job, tile_around
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.sources.resampled import Resampled, squared

SHAPE = (60, 80)


class Known:
    """Stands for `Prompts`: full masks in the boxes it was told, or in the one it is asked."""

    def __init__(self, boxes: list[list[float]], fill: float = 1.0) -> None:
        self.boxes, self.fill = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), fill
        self.asked: list[Any] = []

    def box(self, box: Tensor) -> Detections:
        self.asked.append(box.tolist())
        return self._found(box[None])

    def click(self, x: float, y: float) -> Detections:
        self.asked.append((x, y))
        return self._found(self.boxes)

    def _found(self, boxes: Tensor) -> Detections:
        count = len(boxes)
        scores = torch.linspace(0.9, 0.1, count)
        masks = torch.full((count, 28, 28), self.fill)
        return Detections(boxes, scores, torch.ones(count, dtype=torch.int64), masks, 0.0)


@pytest.fixture(scope="module")
def model() -> Model:
    config = replace(
        compact_config(("cell",)), backbone="resnet18", fpn_channels=16, box_channels=16
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MaskRCNN(replace(config, mask_channels=8, scale=2.0)).eval()
    return Model(network, ModelCard("tiny", diameter=20.0), None, torch.device("cpu"))


def prompter(model: Model, known: Known, tile: Any = (0, 0, 60, 80)) -> Prompter:
    return Prompter(model, cast("Prompts", known), (2.0, 2.0), tile, SHAPE)


def mask_of(found: Any, i: int = 0) -> NDArray[np.bool_]:
    full = np.zeros(found.shape, bool)
    y, x = found.origins[i]
    crop = found.crops[i]
    full[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    return full


def test_a_box_goes_to_network_pixels_of_the_tile_and_back(model: Model) -> None:
    known = Known([])
    found = prompter(model, known, (10, 20, 60, 80)).box((30, 15, 50, 40))
    assert known.asked == [[20.0, 10.0, 60.0, 60.0]]
    expected = np.zeros(SHAPE, bool)
    expected[15:40, 30:50] = True
    assert np.array_equal(mask_of(found), expected)
    assert found.boxes.tolist() == [[30.0, 15.0, 50.0, 40.0]]
    assert found.class_names == ("cell",)


def test_a_box_that_leaves_the_image_is_cut(model: Model) -> None:
    found = prompter(model, Known([])).box((-20, -5, 10, 8))
    assert mask_of(found).sum() == 80
    assert mask_of(found)[:8, :10].all()


@pytest.mark.parametrize(
    ("box", "text"),
    [
        ((3, 3, 4, 30), "less than 2 px"),
        ((30, 30, 10, 10), "less than 2 px"),
        ((-30, 0, -10, 20), "less than 2 px"),
        ((0, 0, np.nan, 5), "four numbers"),
        ((0, 0, 5), "four numbers"),
    ],
)
def test_what_is_no_box_is_refused(model: Model, box: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        prompter(model, Known([])).box(box)


def test_a_box_of_nothing_says_what_to_do(model: Model) -> None:
    with pytest.raises(ValueError, match="with Add"):
        prompter(model, Known([], fill=0.39)).box((10, 10, 30, 30))
    assert mask_of(prompter(model, Known([], fill=0.41)).box((10, 10, 30, 30))).sum() == 400


def test_a_click_keeps_what_holds_the_point_once(model: Model) -> None:
    boxes = [
        [20, 20, 60, 60],  # holds the point
        [20, 20, 60, 62],  # the same once more
        [70, 20, 100, 60],  # beside it
        [30, 30, 50, 50],  # holds it, a smaller one
    ]
    known = Known(cast("list[list[float]]", boxes))
    found = prompter(model, known).click(20.0, 20.0)
    assert known.asked == [(40.0, 40.0)]
    assert found.boxes.tolist() == [[10, 10, 30, 30], [15, 15, 25, 25]]


def test_candidates_under_other_objects_are_left_out(model: Model) -> None:
    known = Known([[20, 20, 60, 60], [30, 30, 50, 50]])
    taken = np.ones(SHAPE, bool)
    taken[15:25, 15:25] = False
    found = prompter(model, known).click(20.0, 20.0, taken)
    assert found.boxes.tolist() == [[15, 15, 25, 25]]
    assert not len(prompter(model, known).click(20.0, 20.0, np.ones(SHAPE, bool)))


def test_only_the_largest_piece_of_a_mask_is_taken(model: Model) -> None:
    class Pieces(Known):
        def _found(self, boxes: Tensor) -> Detections:
            found = super()._found(boxes)
            found.masks[:, :, 10:14] = 0
            return found

    mask = mask_of(prompter(model, Pieces([])).box((0, 0, 28, 28)))
    assert not mask[:, :14].any()
    assert mask[:28, 14:28].all()


def test_a_tile_lies_in_the_image_around_the_place() -> None:
    assert tile_around((40, 40, 60, 60), (200, 300), 100) == (0, 0, 100, 100)
    assert tile_around((140, 240, 160, 260), (200, 300), 100) == (100, 200, 200, 300)
    assert tile_around((90, 140, 110, 160), (200, 300), 100) == (50, 100, 150, 200)
    assert tile_around((90, 140, 110, 160), (50, 300), 100) == (0, 100, 50, 200)


def test_the_surroundings_of_a_place_end_at_the_border() -> None:
    assert with_surroundings((0, 40, 20, 80), (22, 200)) == (0, 29, 22, 91)


def test_a_prompter_answers_alike_wherever_its_tile_lies(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (200, 260), dtype=np.uint8)
    settings = PredictSettings(precision="float32")
    whole = run(prompter_job(image, settings, (100, 120, 120, 140), model))
    # Tiles of 128 px: the network, which sees further, must not matter for where a box lies.
    monkeypatch.setattr(prompt_tile, "TILE", 256)
    part = run(prompter_job(image, settings, (100, 120, 120, 140), model))
    assert whole is not None
    assert part is not None
    assert whole.tile == (0, 0, 200, 260)
    assert part.tile == (46, 66, 174, 194)
    assert part.covers((60, 80, 100, 120))
    assert not part.covers((60, 80, 100, 190))
    assert whole.covers((0, 0, 200, 260))
    assert whole.box((120, 100, 140, 120)).boxes.tolist() == [[120, 100, 140, 120]]
    assert part.box((120, 100, 140, 120)).boxes.tolist() == [[120, 100, 140, 120]]


def test_a_place_larger_than_a_tile_is_seen_from_further_away(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_tile, "TILE", 128)
    image = np.random.default_rng(0).integers(0, 255, (200, 260), dtype=np.uint8)
    place = (40, 40, 140, 140)
    found = run(prompter_job(image, PredictSettings(), place, model))
    assert found is not None
    assert found.covers(place)
    assert found.zoom[0] < 1


def test_a_blank_image_and_a_lazy_one_can_be_asked(model: Model, tmp_path: Path) -> None:
    import dask.array as da

    blank = run(prompter_job(np.zeros((40, 40)), PredictSettings(), (0, 0, 40, 40), model))
    assert blank is not None
    blank.click(20.0, 20.0)
    lazy = da.random.random((64, 64, 3), chunks=16)
    found = run(prompter_job(lazy, PredictSettings(), (0, 0, 40, 40), model))
    assert found is not None
    assert found.shape == (64, 64)


def test_a_stopped_job_gives_nothing_and_a_place_outside_is_named(model: Model) -> None:
    image = np.zeros((40, 40))
    stop = threading.Event()
    stop.set()
    assert run(prompter_job(image, PredictSettings(), (0, 0, 9, 9), model, stop)) is None
    with pytest.raises(ValueError, match="holds no pixel"):
        run(prompter_job(image, PredictSettings(), (50, 50, 60, 60), model))


def test_an_image_that_is_stretched_is_asked_in_its_own_pixels(model: Model) -> None:
    image = np.random.default_rng(0).integers(0, 99, (30, 80), np.uint8)
    seen = Resampled(squared(image, 2.0), (30, 80))
    ready = run(prompter_job(seen, PredictSettings(), (0, 0, 30, 80), model))
    assert ready is not None
    assert (ready.zoom, ready.shape) == ((4.0, 2.0), (30, 80))
    assert ready.tile == (0, 0, 30, 80)
    assert ready.covers((0, 0, 30, 80))
    known = Known([])
    found = replace(ready, prompts=cast("Prompts", known)).box((10, 5, 30, 20))
    assert known.asked == [[20.0, 20.0, 60.0, 80.0]]
    expected = np.zeros((30, 80), bool)
    expected[5:20, 10:30] = True
    assert np.array_equal(mask_of(found), expected)
