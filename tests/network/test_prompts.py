from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.prompts import CENTRE, DRAWN, Prompts
from napari_maskrcnn.network.roi_align import rois_of


@pytest.fixture
def image() -> Tensor:
    return torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def prompts(tiny: MaskRCNN, image: Tensor) -> Prompts:
    return Prompts(tiny, image, (60, 90))


def test_a_box_is_drawn_as_it_is_and_named_by_the_box_head(prompts: Prompts) -> None:
    box = torch.tensor([10.0, 12.0, 34.0, 40.0])
    found = prompts.box(box)
    assert torch.equal(found.boxes, box[None])
    logits, _ = prompts.heads.predict_boxes(prompts.features, rois_of([box[None]]))
    chances = logits.softmax(-1)[0, 1:]
    assert found.classes.tolist() == [int(chances.argmax()) + 1]
    assert found.scores[0] == chances.max()
    alone = prompts.heads.draw(prompts.features, rois_of([box[None]]), found.classes)
    assert torch.equal(found.masks, alone)


def test_masks_are_those_that_detection_draws(tiny: MaskRCNN, image: Tensor) -> None:
    (found,) = tiny.detect(image, (60, 90))
    prompts = Prompts(tiny, image, (60, 90))
    one = prompts.heads.draw(prompts.features, rois_of([found.boxes[:5]]), found.classes[:5])
    torch.testing.assert_close(one, found.masks[:5], atol=1e-5, rtol=1e-5)


def test_a_click_gives_boxes_around_it_likeliest_first(prompts: Prompts) -> None:
    found = prompts.click(45.0, 30.0)
    assert 0 < len(found.scores) <= DRAWN
    assert (found.scores.diff() <= 0).all()
    assert (found.boxes[:, :2] <= torch.tensor([45.0, 30.0])).all()
    assert (found.boxes[:, 2:] >= torch.tensor([45.0, 30.0])).all()
    assert found.masks.shape[0] == len(found.boxes)


def test_of_equal_boxes_the_one_around_the_click_comes_first(prompts: Prompts) -> None:
    first = prompts.click(45.0, 30.0)
    centre = (first.boxes[0, :2] + first.boxes[0, 2:]) / 2
    again = prompts.click(float(centre[0]), float(centre[1]))
    # At its centre nothing is taken off a box's score; at the border most is.
    assert again.scores.max() >= first.scores[0]
    assert torch.exp(torch.tensor(-CENTRE * 0.25)) < 0.5


def test_a_click_outside_the_image_gives_what_reaches_there_or_nothing(prompts: Prompts) -> None:
    found = prompts.click(-500.0, -500.0)
    assert len(found.scores) == 0
    assert found.masks.shape[0] == 0


def test_hidden_detections_are_more_than_those_of_a_prediction(
    prompts: Prompts, tiny: MaskRCNN, image: Tensor
) -> None:
    (found,) = tiny.detect(image, (60, 90))
    assert len(prompts.hidden.boxes) > len(found.boxes)
