from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from napari_maskrcnn.network.config import BACKBONES, Backbone, NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.presets import compact_config
from napari_maskrcnn.network.targets import Target


def _target(labels: Tensor, boxes: list[list[float]], ids: list[int]) -> Target:
    count = len(ids)
    return Target(
        torch.tensor(boxes).reshape(-1, 4),
        torch.ones(count, dtype=torch.int64),
        torch.tensor(ids, dtype=torch.int64),
        labels,
    )


def _seeded(config: NetworkConfig) -> MaskRCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MaskRCNN(config)


def _labels() -> Tensor:
    labels = torch.zeros(64, 96, dtype=torch.int64)
    labels[10:30, 20:50] = 5
    return labels


def test_detections_lie_in_the_image_best_first(tiny: MaskRCNN) -> None:
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    found = tiny.detect(images, (60, 90))
    assert len(found) == 2
    for one in found:
        assert len(one.scores) == 50
        assert one.complete_above == float(one.scores[-1])
        assert one.boxes.min() >= 0
        assert one.boxes[:, 2].max() <= 90
        assert one.boxes[:, 3].max() <= 60
        assert (one.scores.diff() <= 0).all()
        assert one.masks.shape == (50, 28, 28)
        assert ((one.masks >= 0) & (one.masks <= 1)).all()
        assert set(one.classes.tolist()) <= {1, 2}


def test_an_image_of_a_batch_gives_what_it_gives_alone(tiny: MaskRCNN) -> None:
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    both, alone = tiny.detect(images)[1], tiny.detect(images[1:])[0]
    torch.testing.assert_close(both.boxes, alone.boxes, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(both.scores, alone.scores, atol=1e-5, rtol=1e-4)


def test_detecting_does_not_depend_on_training_mode(tiny: MaskRCNN) -> None:
    """With frozen norms the flag changes nothing, not even the type of the result."""
    network = MaskRCNN(replace(tiny.config, frozen_norm=True))
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    before, after = network.eval().detect(images)[0], network.train().detect(images)[0]
    assert before.boxes.equal(after.boxes)


def test_no_detection_above_the_floor_is_an_empty_result(tiny_config: NetworkConfig) -> None:
    network = MaskRCNN(replace(tiny_config, score_floor=0.999)).eval()
    found = network.detect(torch.zeros(1, 3, 64, 64))[0]
    assert found.boxes.shape == (0, 4)
    assert found.masks.shape == (0, 28, 28)
    assert found.complete_above == 0


def test_losses_repeat_with_the_same_generator_and_reach_every_weight(tiny: MaskRCNN) -> None:
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    target = _target(_labels(), [[20.0, 10.0, 50.0, 30.0]], [5])
    runs = [
        tiny.losses(images, [target, target], generator=torch.Generator().manual_seed(7))
        for _ in range(2)
    ]
    assert runs[0].to_dict() == runs[1].to_dict()
    assert float(runs[0].total.detach()) == pytest.approx(sum(runs[0].to_dict().values()), rel=1e-5)
    runs[0].total.backward()
    still = [n for n, p in tiny.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_a_few_steps_learn_one_object(tiny: MaskRCNN) -> None:
    images = torch.zeros(1, 3, 64, 96)
    images[:, :, 10:30, 20:50] = 2
    target = _target(_labels(), [[20.0, 10.0, 50.0, 30.0]], [5])
    # A faster rate learns in leaps, which rounding sets off anywhere.
    optimizer = torch.optim.AdamW(tiny.parameters(), lr=2e-3)
    first = last = 0.0
    for step in range(12):
        losses = tiny.losses(images, [target], generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        last = float(losses.total.detach())
        first = first or last
    assert last < 0.6 * first


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_builds_with_and_without_c5(backbone: Backbone) -> None:
    for stage, sizes in ((4, (16, 32, 64, 128)), (5, (16, 32, 64, 128, 256))):
        config = replace(compact_config(), backbone=backbone, last_stage=stage, anchor_sizes=sizes)
        with torch.device("meta"):
            network = MaskRCNN(config)
        pyramid = network.backbone(torch.zeros(1, 3, 128, 128, device="meta"))
        sides = [p.shape[-1] for p in pyramid]
        assert sides == [32, 16, 8, 4, 2][:stage]


def test_config_travels_through_json_and_refuses_what_it_does_not_know() -> None:
    config = compact_config(("a", "b"))
    plain = config.to_dict() | {"class_names": ["a", "b"], "anchor_sizes": [16, 32, 64, 128]}
    assert NetworkConfig.from_dict(plain) == config
    with pytest.raises(ValueError, match=r"bogus.*update napari-maskrcnn"):
        NetworkConfig.from_dict(plain | {"bogus": 1})
    with pytest.raises(ValueError, match="4 pyramid levels"):
        replace(config, anchor_sizes=(16,))
    with pytest.raises(ValueError, match="vgg"):
        replace(config, backbone="vgg")
    for name, value in {
        "mask_bins": 7,
        "rpn_convs": 0,
        "box_convs": -1,
        "sampling_ratio": -1,
    }.items():
        with pytest.raises(ValueError, match=f"{name} is {value}"):
            NetworkConfig.from_dict(plain | {name: value})


def test_a_card_from_before_a_setting_takes_its_default() -> None:
    new = ("rpn_convs", "box_convs", "mask_bins", "sampling_ratio", "fpn_norm", "head_norm")
    old = {k: v for k, v in NetworkConfig().to_dict().items() if k not in new}
    assert NetworkConfig.from_dict(old) == NetworkConfig()


@pytest.mark.parametrize(
    "change",
    [
        {"mask_bins": 28},
        {"class_agnostic_boxes": True},
        {"class_agnostic_masks": True},
        {"class_agnostic_boxes": True, "class_agnostic_masks": True, "aligned": False},
        {"sampling_ratio": 0},
        {"sampling_ratio": 3},
        {"rpn_convs": 2, "box_convs": 2, "fpn_norm": True, "head_norm": True},
        {"rpn_convs": 2, "box_convs": 1, "fpn_norm": True, "head_norm": True, "frozen_norm": True},
    ],
    ids=lambda change: " ".join(change),
)
def test_every_variant_finds_and_learns(tiny_config: NetworkConfig, change: dict[str, Any]) -> None:
    config = replace(tiny_config, **change)
    network = _seeded(config)
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    target = _target(_labels(), [[20.0, 10.0, 50.0, 30.0]], [5])
    losses = network.losses(images, [target] * 2, generator=torch.Generator().manual_seed(1))
    losses.total.backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []
    found = network.eval().detect(images)[1]
    side = 56 if config.mask_bins == 28 else 28
    assert found.masks.shape == (50, side, side)
    assert set(found.classes.tolist()) <= {1, 2}
    assert 0 < found.masks.std() < 1


def test_classes_that_share_code_and_mask_get_the_same(tiny_config: NetworkConfig) -> None:
    """A class-agnostic head is the class-specific one with its rows repeated."""
    shared = replace(tiny_config, class_agnostic_boxes=True, class_agnostic_masks=True)
    agnostic = _seeded(shared).eval()
    state = agnostic.state_dict()
    for name in ("box_predictor.bbox_pred", "mask_predictor.mask_fcn_logits"):
        for kind in ("weight", "bias"):
            rows = state[f"roi_heads.{name}.{kind}"]
            state[f"roi_heads.{name}.{kind}"] = torch.cat([rows] * 3)
    specific = _seeded(tiny_config).eval()
    specific.load_state_dict(state)
    images = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    one, other = agnostic.detect(images)[0], specific.detect(images)[0]
    torch.testing.assert_close(one.boxes, other.boxes)
    torch.testing.assert_close(one.masks, other.masks)
    assert one.classes.equal(other.classes)
