"""A crop to what the losses compare with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from napari_maskrcnn.instances import label_boxes
from napari_maskrcnn.network.targets import Target
from napari_maskrcnn.train.augment import Crop

# Slivers that the crop's edge leaves of an object teach nothing, network pixels.
SMALLEST_SIDE = 3
SMALLEST_AREA = 12


def make_target(crop: Crop, classes: Mapping[int, int], device: torch.device) -> Target:
    """Boxes, classes and ids of the objects in a crop.

    Objects too small to learn are unknown area, not background.

    Parameters
    ----------
    crop : Crop
        Network pixels.
    classes : Mapping of int to int
        Class (from 1) of a label value; values that are absent are class 1.
    device : torch.device
        Where the network is.
    """
    labels, ignored = crop.labels, crop.ignored
    ids, slices = label_boxes(labels)
    kept, boxes = [], []
    for i, (y, x) in zip(ids.tolist(), slices, strict=True):
        inside = labels[y, x] == i
        if min(inside.shape) < SMALLEST_SIDE or np.count_nonzero(inside) < SMALLEST_AREA:
            ignored = np.zeros(labels.shape, bool) if ignored is None else ignored
            ignored[y, x] |= inside
            continue
        kept.append(i)
        boxes.append([x.start, y.start, x.stop, y.stop])
    return Target(
        torch.tensor(boxes, dtype=torch.float32, device=device).reshape(-1, 4),
        torch.tensor([classes.get(i, 1) for i in kept], dtype=torch.int64, device=device),
        torch.tensor(kept, dtype=torch.int64, device=device),
        torch.from_numpy(labels).to(device),
        None if ignored is None else torch.from_numpy(ignored).to(device),
    )
