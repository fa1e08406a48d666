"""Fine-tuning side by side with torchvision: the same start, crops and minutes.

    python -m benchmarks.fine_tune_torchvision --data DIR

torchvision's `MaskRCNN` is built with the base's trunk, pyramid, heads and anchors, and loads the
base's weights, whose names are torchvision's. Two things of its own remain: it pools without the
half pixel of exact alignment, and its batch norms are the frozen ones that its users train with.
It learns by torchvision's targets, samplers and losses, by SGD as in torchvision's tutorial, with
the package's warm-up and cosine, at two rates of which the better counts, and in bfloat16 or
float32, whichever makes a step sooner. Its weights are judged by prediction with torchvision's
rules of pooling and pasting (that these are the same is tested), at the best of several scores.
Nothing is held out and no time goes into validation, so it learns from more than the package's
recipe does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN as Reference
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.models.resnet import ResNet
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

from benchmarks.engines import Engine, careful
from benchmarks.fine_tune import Case, Datasets, mean_aps, measure, medians, parser, say
from benchmarks.machine import describe
from napari_maskrcnn.device import choose_device
from napari_maskrcnn.models.load import load_model
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.network.backbone import TRUNKS
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.train.augment import Crop
from napari_maskrcnn.train.batches import Batches
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.setbacks import Setbacks
from napari_maskrcnn.train.settings import REACH, TrainSettings
from napari_maskrcnn.train.state import rate_at
from napari_maskrcnn.train.step import GRADIENT_NORM, SAMPLING
from napari_maskrcnn.train.targets import make_target

RATES = (0.005, 0.02)
MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4
# It counts from the best of these, which is more than its users have.
SCORES = (0.3, 0.5, 0.7, 0.85)
ENGINES = (Engine("torchvision", "float32"), Engine("torchvision", "bfloat16"))


def twin(base: MaskRCNN, crop: int) -> Reference:
    """Build torchvision's network with the architecture and weights of ours, for square crops."""
    config, bins = base.config, 7
    trunk = TRUNKS[config.backbone]
    stages = range(1, config.last_stage)
    body = ResNet(
        trunk.block,
        list(trunk.counts),
        groups=trunk.groups,
        width_per_group=trunk.group_width,
        norm_layer=FrozenBatchNorm2d,
    )
    backbone = BackboneWithFPN(
        body,
        {f"layer{k}": str(k - 1) for k in stages},
        base.backbone.body.channels,
        config.fpn_channels,
    )
    maps = [str(k - 1) for k in stages]
    ratios = (config.anchor_ratios,) * len(config.anchor_sizes)
    anchors = AnchorGenerator(tuple((size,) for size in config.anchor_sizes), ratios)
    channels = config.fpn_channels
    network = Reference(
        backbone,
        min_size=crop,
        max_size=crop,
        image_mean=config.image_mean,
        image_std=config.image_std,
        rpn_anchor_generator=anchors,
        rpn_head=RPNHead(channels, anchors.num_anchors_per_location()[0], config.rpn_convs),
        rpn_pre_nms_top_n_train=SAMPLING.pre_nms,
        rpn_post_nms_top_n_train=SAMPLING.post_nms,
        rpn_batch_size_per_image=SAMPLING.rpn_samples,
        box_roi_pool=MultiScaleRoIAlign(maps, bins, config.sampling_ratio),
        box_head=TwoMLPHead(channels * bins**2, config.box_channels),
        box_predictor=FastRCNNPredictor(config.box_channels, config.num_classes),
        box_batch_size_per_image=SAMPLING.roi_samples,
        box_positive_fraction=SAMPLING.roi_positive,
        mask_roi_pool=MultiScaleRoIAlign(maps, config.mask_bins, config.sampling_ratio),
        mask_head=MaskRCNNHeads(channels, (config.mask_channels,) * 4, 1),
        mask_predictor=MaskRCNNPredictor(
            config.mask_channels, config.mask_channels, config.num_classes
        ),
    )
    network.load_state_dict(base.state_dict() if config.frozen_norm else _frozen(base))
    return network


def _frozen(network: MaskRCNN) -> dict[str, Tensor]:
    """Weights without what trained norms have counted."""
    state = network.state_dict()
    return {name: value for name, value in state.items() if not name.endswith("_tracked")}


def as_torchvision(config: NetworkConfig) -> NetworkConfig:
    """Return the configuration with torchvision's rules of pooling, anchors and paste."""
    return replace(config, aligned=False, round_anchors=True, paste="torchvision")


def read_back(network: Reference, base: Model) -> Model:
    """Return a model of ours with torchvision's weights and torchvision's rules."""
    ours = MaskRCNN(as_torchvision(base.network.config))
    ours.load_state_dict(base.network.state_dict() | network.state_dict())
    return Model(ours.eval().to(base.device), base.card, None, base.device)


def target_of(crop: Crop, device: torch.device) -> dict[str, Tensor]:
    """Boxes, classes and masks, as torchvision wants them."""
    truth = make_target(crop, {}, device)
    masks = (truth.labels == truth.ids[:, None, None]).to(torch.uint8)
    return {"boxes": truth.boxes, "labels": truth.classes, "masks": masks}


class Training:
    """torchvision's network in training on the package's crops."""

    def __init__(
        self, base: Model, examples: Sequence[Example], settings: TrainSettings, engine: Engine
    ) -> None:
        config = base.network.config
        network = twin(base.network, settings.side).train().to(base.device)
        self.network, self._engine, self._device = careful(network, engine), engine, base.device
        self._batches = Batches(examples, settings, config.class_names, config.scale or 1.0)
        self._optimizer = torch.optim.SGD(
            network.parameters(), lr=1e-9, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
        )
        # What of a training's state the package's batches look at.
        self._at = SimpleNamespace(step=0, setbacks=Setbacks())

    @property
    def steps(self) -> int:
        """Steps done."""
        return int(self._at.step)

    def step(self, rate: float) -> None:
        """Learn from one batch."""
        crops, _ = self._batches.crops(self._at)
        images = [torch.from_numpy(crop.image).to(self._device) for crop in crops]
        targets = [target_of(crop, self._device) for crop in crops]
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with self._engine.autocast(self._device):
            loss = sum(self.network(images, targets).values())
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self._optimizer.step()
        self._at.step += 1

    def run(self, minutes: float, peak: float) -> None:
        """Learn for so long."""
        begin = time.monotonic()
        while (position := (time.monotonic() - begin) / (60 * minutes)) < 1:
            self.step(rate_at(peak, self.steps, position))


def faster(base: Model, examples: Sequence[Example], settings: TrainSettings) -> Engine:
    """Return the precision whose step takes less time; the first of each is not counted."""
    taken = {}
    for engine in ENGINES:
        training = Training(base, examples, settings, engine)
        for _ in range(3):
            begin = time.monotonic()
            training.step(0.0)
            taken[engine] = time.monotonic() - begin
    return min(taken, key=lambda engine: taken[engine])


def main() -> None:
    """Print a line for each training and the medians, and write them as JSON."""
    args = parser(
        "Compare fine-tuning with torchvision.", "fine_tune_torchvision.json"
    ).parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    data, base = Datasets.read(args.data, args.limit), load_model(args.base)
    engine = faster(base, data.learn, TrainSettings())
    found: dict[str, Any] = {
        **describe(choose_device("auto")),
        "minutes": args.minutes,
        "precision": engine.dtype,
        "before": data.judge(base),
        "trainings": [],
    }
    start = read_back(twin(base.network, TrainSettings().side), base)
    say({"case": "before", **found["before"]})
    say({"case": "before, torchvision's rules", **data.judge(start)})
    rows = found["trainings"]
    for seed in range(args.seeds):
        for rate in RATES:
            torch.manual_seed(seed)
            training = Training(base, data.learn, TrainSettings(seed=seed), engine)
            training.run(args.minutes, rate)
            model = read_back(training.network, base)
            scored = mean_aps(model, data.new, SCORES)
            best = int(np.argmax(scored))
            name = f"torchvision, rate {rate}"
            row = {"case": name, "seed": seed, "steps": training.steps, "score": SCORES[best]}
            old = mean_aps(model, data.old, SCORES)[best]
            rows.append({**row, "new": scored[best], "old": old})
            say(rows[-1])
        case = Case("ours", data.learn, args.base)
        rows.append(measure(case, data, args.minutes, seed, REACH))
        say(rows[-1])
        found["median"] = medians(rows, ("case",))
        args.output.write_text(json.dumps(found, indent=1), encoding="utf-8")
    for row in found["median"]:
        say(row)


if __name__ == "__main__":
    main()
