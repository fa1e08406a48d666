"""Seconds an image: this package beside torchvision, with the same weights on the same image.

The weights are random but for one bias that lets many proposals through, so that the second stage
has as many objects to draw as it may return. Nothing is downloaded.

    python benchmarks/speed.py [--side 800] [--repeat 5] [--device cpu]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.models.detection import maskrcnn_resnet50_fpn

from napari_maskrcnn.device import choose_device, describe_device
from napari_maskrcnn.models.card import ModelCard
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.predict.plane import predict
from napari_maskrcnn.synthetic import synthetic_nuclei

CLASSES = 91
Predictor = Callable[[NDArray[Any]], int]


def networks(device: torch.device) -> tuple[torch.nn.Module, Model]:
    """Build torchvision's network and ours with one state dict."""
    torch.manual_seed(0)
    theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=CLASSES).eval()
    with torch.no_grad():
        theirs.roi_heads.box_predictor.cls_score.bias[1] += 6
    config = NetworkConfig(class_names=tuple(f"class {k}" for k in range(1, CLASSES)))
    ours = MaskRCNN(config).eval()
    counters = "num_batches_tracked"
    state = {k: v for k, v in theirs.state_dict().items() if not k.endswith(counters)}
    ours.load_state_dict(state)
    card = ModelCard(name="random", network=config.to_dict())
    return theirs.to(device), Model(ours.to(device), card, None, device)


def torchvision_predictor(network: torch.nn.Module, device: torch.device) -> Predictor:
    """Predict and draw a label image the way torchvision's own tutorial does."""

    def run(image: NDArray[Any]) -> int:
        chw = torch.from_numpy(image).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            found = network([chw.to(device)])[0]
        labels = np.zeros(image.shape[:2], np.int32)
        masks = (found["masks"][:, 0] > 0.5).cpu().numpy()
        for k in range(len(masks))[::-1]:
            labels[masks[k]] = k + 1
        return len(masks)

    return run


def our_predictor(model: Model) -> Predictor:
    """Predict and draw a label image with this package."""

    def run(image: NDArray[Any]) -> int:
        instances = predict(image, model, score=model.network.config.score_floor)
        instances.to_labels()
        return len(instances)

    return run


def measure(run: Predictor, image: NDArray[Any], repeat: int) -> tuple[float, int]:
    """Return the median seconds and the number of objects, after one call to warm up."""
    objects = run(image)
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        run(image)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), objects


def main() -> None:
    """Print one line for each engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=800, help="pixels on a side (default: 800)")
    parser.add_argument("--repeat", type=int, default=5, help="timed calls (default: 5)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    args = parser.parse_args()
    device = choose_device(args.device)
    image, _ = synthetic_nuclei((args.side, args.side), count=args.side // 4, style="histology")
    theirs, ours = networks(device)
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"image {args.side} × {args.side} RGB, ResNet-50-FPN, median of {args.repeat}")
    for name, run in {
        "torchvision (float32)": torchvision_predictor(theirs, device),
        f"napari-maskrcnn ({describe_device(device)})": our_predictor(ours),
    }.items():
        seconds, objects = measure(run, image, args.repeat)
        print(f"{name:40} {seconds:7.3f} s  {objects:4d} objects")


if __name__ == "__main__":
    main()
