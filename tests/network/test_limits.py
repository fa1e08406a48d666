from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.limits import Limits, image_limits
from napari_maskrcnn.network.maskrcnn import MaskRCNN

FREE = NetworkConfig(pre_nms=None, post_nms=None, max_detections=None)


def _logits(*confident: int) -> list[torch.Tensor]:
    """Two levels of 60,000 anchors, of which `confident` are likelier an object than not."""
    logits = torch.full((len(confident), 60_000), -1.0)
    for row, count in enumerate(confident):
        logits[row, :count] = 1.0
    return list(logits.split(30_000, dim=1))


def test_limits_follow_each_image_of_a_batch() -> None:
    sparse, dense, full = image_limits(FREE, _logits(100, 24_000, 60_000), (512, 512))
    assert sparse == Limits(1000, 1000, 4096, short=False)
    assert dense == Limits(5000, 3000, 4096, short=False)
    assert full == Limits(7192, 4096, 4096, short=True)
    assert image_limits(FREE, _logits(60_000), (1024, 1024))[0].post_nms == 7500


def test_an_image_with_few_objects_keeps_the_usual_number() -> None:
    assert image_limits(FREE, _logits(100), (32, 32))[0] == Limits(1000, 1000, 1000)


def test_numbers_stay_and_say_when_they_are_too_small() -> None:
    found = image_limits(NetworkConfig(), _logits(100, 24_000), (512, 512))
    assert found == [Limits(1000, 1000, 100), Limits(1000, 1000, 100, short=True)]


def test_a_limit_on_proposals_is_said_of_the_detections(tiny: MaskRCNN) -> None:
    tiny.config = replace(tiny.config, post_nms=7)
    tiny.rpn.head.cls_logits.bias.data += 3
    images = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    pyramid = tiny.backbone(images)
    anchors = tiny.rpn(pyramid, images)
    limits = image_limits(tiny.config, anchors.logits, (256, 256))
    assert limits[0].short
    assert len(tiny.rpn.proposals(anchors, (256, 256), limits)[0]) == 7
    found = tiny.detect(images)[0]
    assert len(found.scores) <= 7 * 2
    assert found.complete_above == float("inf")


def test_each_level_gives_no_more_than_its_limit(tiny: MaskRCNN) -> None:
    images = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    pyramid = tiny.backbone(images)
    anchors = tiny.rpn(pyramid, images)
    few, many = tiny.rpn.proposals(anchors, (128, 128), [Limits(2, 100), Limits(50, 100)])
    assert len(few) <= 2 * 4 < len(many)
    alone = tiny.rpn.proposals(anchors, (128, 128), [Limits(2, 100)] * 2)
    torch.testing.assert_close(few, alone[0])


@pytest.mark.parametrize("name", ["pre_nms", "post_nms", "max_detections"])
def test_a_limit_of_none_at_all_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0; give at least 1, or None"):
        NetworkConfig.from_dict({name: 0})
