"""The same weights give torchvision's detections and its label image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection import MaskRCNN as Reference
from torchvision.ops import box_iou

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.network.fuse import fuse
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.paste import RULES, paste
from napari_maskrcnn.network.prepare import prepare, to_image
from tests.network.reference import DETECTIONS, KINDS, NAMES, make_image, make_ours, make_reference

# How near to a threshold a detection lies that only one of two float32 networks finds.
NEAR = 1e-3


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest) -> tuple[Reference, MaskRCNN]:
    reference = make_reference(request.param)
    return reference, make_ours(request.param, reference)


def theirs(network: Reference, image: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        found: dict[str, Tensor] = network([image])[0]
    return found


def ours(network: MaskRCNN, image: Tensor) -> Instances:
    ready = prepare(image, network.config)
    found = network.detect(ready.image[None], ready.size)[0]
    assert found.complete_above >= found.scores[-1]
    boxes = to_image(found.boxes, ready.zoom).numpy()
    shape = (int(image.shape[1]), int(image.shape[2]))
    crops, origins = paste(found.masks.numpy(), boxes, shape, RULES[network.config.paste])
    return Instances(
        boxes, found.scores.numpy(), found.classes.numpy(), NAMES, shape, crops, origins
    )


def painted(found: dict[str, Tensor]) -> NDArray[np.int32]:
    """torchvision's objects in a label image as its users make one, the best score on top."""
    labels = np.zeros(tuple(found["masks"].shape[-2:]), np.int32)
    for k in reversed(range(len(found["scores"]))):
        labels[(found["masks"][k, 0] > 0.5).numpy()] = k + 1
    return labels


@pytest.mark.parametrize("fused", [False, True])
def test_in_float64_the_detections_are_the_same(
    pair: tuple[Reference, MaskRCNN], fused: bool
) -> None:
    image = make_image()
    network = fuse(pair[1], torch.float64) if fused else pair[1]
    expected, found = theirs(pair[0], image), ours(network, image)
    assert len(expected["scores"]) == len(found) == DETECTIONS
    np.testing.assert_allclose(found.boxes, expected["boxes"].numpy(), atol=1e-6, rtol=0)
    np.testing.assert_allclose(found.scores, expected["scores"].numpy(), atol=1e-9, rtol=0)
    assert np.array_equal(found.classes, expected["labels"].numpy())
    assert set(found.classes.tolist()) == {1, 2, 3}
    assert np.ptp(found.scores) > 0.1
    labels = painted(expected)
    assert len(np.unique(labels)) > 10
    assert (found.to_labels() != labels).mean() <= 1e-3


@pytest.mark.parametrize("fused", [False, True])
def test_in_float32_they_are_the_same_but_for_rounding(
    pair: tuple[Reference, MaskRCNN], fused: bool
) -> None:
    reference, network = pair
    image = make_image().float()
    try:
        single = fuse(network, torch.float32) if fused else network.float()
        expected, found = theirs(reference.float(), image), ours(single, image)
    finally:
        reference.double(), network.double()
    one, other = _arrays(expected), (found.boxes, found.scores, found.classes)
    matches = _matches(one, other)
    assert len(matches) >= 0.995 * max(len(found), len(expected["scores"]))
    for detections, matched in ((one, matches[:, 0]), (other, matches[:, 1])):
        for k in sorted(set(range(len(detections[1]))) - set(matched.tolist())):
            assert _is_near_a_threshold(k, *detections)
    # Pixels of the two label images that belong to no pair of the same object.
    partner = np.full(len(found) + 1, -1)
    partner[0], partner[matches[:, 1] + 1] = 0, matches[:, 0] + 1
    assert (partner[found.to_labels()] != painted(expected)).mean() <= 1e-3


Detected = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def _arrays(found: dict[str, Tensor]) -> Detected:
    return found["boxes"].numpy(), found["scores"].numpy(), found["labels"].numpy()


def _matches(one: Detected, other: Detected) -> NDArray[np.int64]:
    """Pairs (M, 2) of the same class within 0.01 px and 1e-4 in score, each object in one."""
    boxes, scores, classes = (np.subtract.outer(a, b) for a, b in zip(one, other, strict=True))
    del boxes
    apart = np.abs(one[0][:, None] - other[0][None]).max(-1)
    pairs, used = [], set()
    for k, row in enumerate((apart <= 0.01) & (np.abs(scores) <= 1e-4) & (classes == 0)):
        free = [j for j in np.flatnonzero(row).tolist() if j not in used]
        if free:
            used.add(free[0])
            pairs.append((k, free[0]))
    return np.asarray(pairs, np.int64).reshape(-1, 2)


def _is_near_a_threshold(
    k: int, boxes: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any]
) -> bool:
    """Whether the score floor, the limit on detections or the NMS nearly decided otherwise."""
    same = torch.from_numpy(boxes[classes == classes[k]])
    iou = box_iou(torch.from_numpy(boxes[k : k + 1]), same)
    at_a_score = min(abs(scores[k] - 0.05), abs(scores[k] - scores[-1])) <= NEAR
    return bool(at_a_score or ((iou - 0.5).abs() <= NEAR).any())
