"""How many proposals and detections an image may have: as many as it shows objects.

A fixed number is either too small for a dense image, where it silently drops objects, or too large
for all others, whose time it costs. So where the configuration gives none, the RPN's own output
says how crowded the image is: it holds some two dozen anchors of every object for likelier an
object than not. A number in the configuration stays what it is, as torchvision's weights expect.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_maskrcnn.network.config import NetworkConfig

# One proposal for so many confident anchors is about three an object; more only adds duplicates.
ANCHORS_A_PROPOSAL = 8
# What torchvision gives every image; small images with few objects never need more.
LEAST = 1000
# No image holds more than one object on so many network pixels: it bounds time and memory.
PIXELS_AN_OBJECT = 64


@dataclass(frozen=True)
class Limits:
    """The most that one image may have.

    Parameters
    ----------
    pre_nms, post_nms : int
        Proposals of each level before non-maximum suppression, and of the image after it.
    detections : int or None
        Objects; None: all.
    short : bool
        Whether the image shows more than `post_nms` proposals can cover, so that objects are lost.
    """

    pre_nms: int
    post_nms: int
    detections: int | None = None
    short: bool = False


def image_limits(
    config: NetworkConfig, logits: list[Tensor], size: tuple[int, int]
) -> list[Limits]:
    """Limits of each image of a batch.

    Parameters
    ----------
    config : NetworkConfig
        Uses ``pre_nms``, ``post_nms`` and ``max_detections``.
    logits : list of (B, n) float
        Objectness of the anchors of each level.
    size : (int, int)
        Height and width of the images without padding, network pixels.
    """
    confident = torch.stack([(level > 0).sum(dim=1) for level in logits]).sum(dim=0)
    room = max(LEAST, size[0] * size[1] // PIXELS_AN_OBJECT)
    found = []
    for anchors in confident.tolist():
        wanted = max(LEAST, anchors // ANCHORS_A_PROPOSAL)
        post = config.post_nms or min(wanted, room)
        # Twice as many before NMS where it is crowded; where it is not, just torchvision's.
        pre = config.pre_nms or max(post, 2 * post - LEAST)
        found.append(Limits(pre, post, config.max_detections or room, wanted > post))
    return found
