"""A label crop to what the losses compare with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from napari_maskrcnn.instances import label_boxes
from napari_maskrcnn.network.targets import Target

# Slivers that the crop's edge leaves of an object teach nothing, network pixels.
SMALLEST_SIDE = 3
SMALLEST_AREA = 12


def make_target(
    labels: NDArray[np.int64], classes: Mapping[int, int], device: torch.device
) -> Target:
    """Boxes, classes and ids of the objects in a label crop.

    Parameters
    ----------
    labels : (S, S) int64
        Network pixels.
    classes : Mapping of int to int
        Class (from 1) of a label value; values that are absent are class 1.
    device : torch.device
        Where the network is.
    """
    ids, slices = label_boxes(labels)
    kept, boxes = [], []
    for i, (y, x) in zip(ids.tolist(), slices, strict=True):
        small = min(y.stop - y.start, x.stop - x.start) < SMALLEST_SIDE
        if small or np.count_nonzero(labels[y, x] == i) < SMALLEST_AREA:
            continue
        kept.append(i)
        boxes.append([x.start, y.start, x.stop, y.stop])
    return Target(
        torch.tensor(boxes, dtype=torch.float32, device=device).reshape(-1, 4),
        torch.tensor([classes.get(i, 1) for i in kept], dtype=torch.int64, device=device),
        torch.tensor(kept, dtype=torch.int64, device=device),
        torch.from_numpy(labels).to(device),
    )
