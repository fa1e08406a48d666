"""A case on disk: image, truth, weights and threshold, made once and read by every engine."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.cases import Case, Prediction, object_diameters
from benchmarks.networks import lively_network, score_of, torchvision_network
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.synthetic import synthetic_nuclei

FILE = "setting.json"


@dataclass(frozen=True)
class Setting:
    """What the engines of a case share.

    Parameters
    ----------
    config : NetworkConfig
    images : (B, H, W, 3) uint8
    labels : (B, H, W) int32
    weights : Path
        State dict of either network.
    """

    config: NetworkConfig
    images: NDArray[np.uint8]
    labels: NDArray[np.int32]
    weights: Path

    def ours(self) -> MaskRCNN:
        """Load our network, in eval mode."""
        network = MaskRCNN(self.config).eval()
        network.load_state_dict(torch.load(self.weights, weights_only=True))
        return network

    def torchvision(self) -> Any:
        """Load torchvision's network, in eval mode."""
        network = torchvision_network(self.config).eval()
        network.load_state_dict(torch.load(self.weights, weights_only=True))
        return network


def make_setting(case: Case, folder: Path) -> None:
    """Draw the images, make the weights, and find the threshold."""
    batch = 1 if isinstance(case, Prediction) else case.batch
    size = object_diameters(case.side, case.objects)
    drawn = [
        synthetic_nuclei((case.side, case.side), case.objects, size, seed=k, style="histology")
        for k in range(batch)
    ]
    images, labels = (np.stack(parts) for parts in zip(*drawn, strict=True))
    chw = torch.from_numpy(images[0]).permute(2, 0, 1).float() / 255
    network = lively_network(case.config(), chw)
    config = case.config()
    if isinstance(case, Prediction):
        config = replace(config, score_floor=score_of(network, chw, case))
    torch.save(network.state_dict(), folder / "weights.pt")
    np.savez(folder / "images.npz", images=images, labels=labels)
    (folder / FILE).write_text(json.dumps(config.to_dict()), encoding="utf-8")


def read_setting(folder: Path) -> Setting:
    """Read what `make_setting` wrote."""
    config = NetworkConfig.from_dict(json.loads((folder / FILE).read_text(encoding="utf-8")))
    arrays = np.load(folder / "images.npz")
    return Setting(config, arrays["images"], arrays["labels"], folder / "weights.pt")
