from __future__ import annotations

import pytest
import torch
from torchvision.ops import box_iou

from napari_maskrcnn.network import matching
from napari_maskrcnn.network.matching import BELOW, BETWEEN, match, sample

OBJECTS = torch.tensor([[0.0, 0, 10, 10], [20.0, 20, 24, 24]])
BOXES = torch.tensor(
    [[0.0, 0, 10, 10], [0.0, 0, 10, 20], [50.0, 50, 60, 60], [20.0, 20, 30, 30], [0.0, 5, 10, 30]]
)


def test_boxes_go_to_the_object_they_overlap() -> None:
    assert match(OBJECTS, BOXES, 0.3, 0.7, keep_best=False).tolist() == [0, BETWEEN, -1, -1, -1]


def test_every_object_keeps_its_best_box_however_small_the_overlap() -> None:
    found = match(OBJECTS, BOXES, 0.3, 0.7, keep_best=True)
    assert found.tolist() == [0, BETWEEN, BELOW, 1, BELOW]


def test_without_objects_all_is_background() -> None:
    assert match(torch.zeros(0, 4), BOXES, 0.3, 0.7, keep_best=True).tolist() == [BELOW] * 5


def test_an_object_that_no_box_overlaps_has_none() -> None:
    far = torch.tensor([[200.0, 200, 210, 210], [5.0, 5, 5, 9]])
    assert match(far, BOXES, 0.3, 0.7, keep_best=True).tolist() == [BELOW] * 5


@pytest.mark.parametrize("pairs", [7, 100, 10**6])
def test_chunks_change_nothing(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "PAIRS", pairs)
    generator = torch.Generator().manual_seed(0)
    objects, boxes = (torch.rand(n, 4, generator=generator) * 50 for n in (17, 60))
    objects[:, 2:] += objects[:, :2] + 1
    boxes[:, 2:] += boxes[:, :2] + 1
    iou = box_iou(objects, boxes)
    found = match(objects, boxes, 0.3, 0.5, keep_best=False)
    value, index = iou.max(0)
    expected = torch.where(value >= 0.5, index, torch.where(value < 0.3, BELOW, BETWEEN))
    assert found.equal(expected)
    assert (expected >= 0).any()


def test_pairwise_iou_is_torchvisions_to_the_last_bit() -> None:
    generator = torch.Generator().manual_seed(1)
    objects, boxes = (torch.rand(n, 4, generator=generator) * 20 for n in (30, 50))
    objects[:, 2:] += objects[:, :2]
    boxes[:, 2:] += boxes[:, :2]
    found = matching.pairwise_iou(objects, boxes)
    assert found.equal(box_iou(objects, boxes))
    assert 0 < (found > 0).sum() < found.numel()


def test_a_sample_is_balanced_and_random_by_its_generator_alone() -> None:
    matched = torch.tensor([0, BELOW, 1, BETWEEN, 0, BELOW, BELOW, 2, BELOW, BELOW])
    first = sample(matched, 6, 0.5, None)
    assert [x.tolist() for x in first] == [[0, 2, 4], [1, 5, 6]]
    one, same = (sample(matched, 6, 0.5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert one[0].equal(same[0])
    assert one[1].equal(same[1])
    assert set(one[0].tolist()) <= {0, 2, 4, 7}
    assert len(one[0]) == len(one[1]) == 3
    few = sample(torch.tensor([0, BELOW]), 6, 0.5, None)
    assert [x.tolist() for x in few] == [[0], [1]]
