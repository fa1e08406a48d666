"""A tiny model that finds something in every image, and images to find it in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import pytest
import torch

from napari_maskrcnn.cli import main
from napari_maskrcnn.models import ModelCard, save_weights
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.synthetic import synthetic_nuclei

Main = Callable[..., int]
SIDE = 64


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = NetworkConfig(
        backbone="resnet18",
        frozen_norm=False,
        last_stage=4,
        fpn_channels=8,
        box_channels=16,
        mask_channels=8,
        anchor_sizes=(8, 16, 32, 64),
        class_names=("nucleus",),
        stretch=True,
        scale=1.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MaskRCNN(config).eval()
    with torch.no_grad():
        # Sure of every proposal, and of every pixel in it.
        network.roi_heads.box_predictor.cls_score.bias.copy_(torch.tensor([-2.0, 2.0]))
        network.roi_heads.mask_predictor.mask_fcn_logits.bias.fill_(3.0)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    card = ModelCard("tiny", "For tests.", base="nuclei", score=0.5, diameter=12.0)
    return save_weights(path, network, card)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Make a folder with a.png, b.png and sub/c.tif."""
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "b.png", "sub/c.tif")):
        iio.imwrite(folder / name, synthetic_nuclei((SIDE, SIDE), count=6, seed=seed)[0])
    return folder


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Make a dataset of two images, x and y."""
    folder = tmp_path / "dataset"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for seed, name in enumerate("xy"):
        image, labels = synthetic_nuclei((SIDE, SIDE), count=6, seed=seed + 10)
        iio.imwrite(folder / "images" / f"{name}.png", image)
        iio.imwrite(folder / "labels" / f"{name}.tif", labels.astype("uint16"))
    return folder


@pytest.fixture
def run() -> Main:
    """Run a command in this process and return its exit status."""

    def command(*words: object) -> int:
        try:
            return main([str(word) for word in words])
        except SystemExit as end:  # argparse's way out
            return int(end.code or 0)

    return command
