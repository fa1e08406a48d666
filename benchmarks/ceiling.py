"""What the coding of boxes and masks costs by itself: truth in, truth out.

    python benchmarks/ceiling.py FOLDER     with images/ and labels/ as for training

Every true object becomes a box code and mask targets, as in training, and comes back as in
prediction. The average precision of the result against the truth is the most that any network with
these rules can reach.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_maskrcnn.instances import Instances, label_boxes
from napari_maskrcnn.network.boxes import BOX_WEIGHTS, decode, encode
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.mask_targets import mask_targets
from napari_maskrcnn.network.paste import RULES, paste
from napari_maskrcnn.network.presets import compact_config
from napari_maskrcnn.train.dataset import read_dataset
from napari_maskrcnn.train.metrics import evaluate

# A proposal is never the true box: so far off, in shares of its size.
PROPOSAL_SHIFT = 0.2
SHOWN = ("0.50", "0.75", "0.85", "0.90")


def there_and_back(labels: NDArray[np.int64], config: NetworkConfig) -> NDArray[np.int32]:
    """Code the objects of a label image (H, W), and draw them again from their codes."""
    truth = Instances.from_labels(labels)
    boxes = torch.from_numpy(truth.boxes)
    size = boxes[:, 2:] - boxes[:, :2]
    proposals = boxes + PROPOSAL_SHIFT * torch.cat([size, size], 1)
    codes = encode(boxes, proposals, BOX_WEIGHTS)
    found = decode(codes, proposals, BOX_WEIGHTS)
    ids = torch.from_numpy(label_boxes(labels)[0].astype(np.int64))
    masks = mask_targets(
        torch.from_numpy(labels), ids, found, config.mask_size, config.aligned
    ).numpy()
    crops, origins = paste(masks, found.numpy(), truth.shape, RULES[config.paste])
    return replace(truth, crops=crops, origins=origins).to_labels()


def main() -> None:
    """Print a line for each rule and mask size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds images/ and labels/")
    args = parser.parse_args()
    truth = [example.labels.astype(np.int64) for example in read_dataset(args.folder)]
    print(f"{len(truth)} label images; AP at IoU {', '.join(SHOWN)}")
    for name, base in (("ours", compact_config()), ("torchvision's", NetworkConfig())):
        for bins in (14, 28):
            config = replace(base, mask_bins=bins)
            back = [there_and_back(labels, config) for labels in truth]
            found = evaluate(truth, back)["ap"]
            values = " ".join(f"{found[key]:.4f}" for key in SHOWN)
            print(f"{name:14} {2 * bins} × {2 * bins}: {values}")


if __name__ == "__main__":
    main()
