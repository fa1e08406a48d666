"""A guard against forgetting: what is returned lies near the base, on the way to what was learnt.

A training on a few images of one microscope moves weights that other microscopes need, and the
images that taught them those are not there to repeat them. But the weights on the straight line
from the base to a fine-tuned network are good ones as well: part of the way along it most of the
gain is there and little is lost (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
2022). What is lost grows with the distance from the base, so it is the distance that is limited, as
in Gouk et al., "Distance-based regularisation of deep networks for fine-tuning", ICLR 2021: a long
training or a fast computer goes no farther than a short or a slow one. The weights that are
validated and returned are::

    base + min(1, reach · |base| / |learnt - base|) · (learnt - base)

with the lengths over all kernels and matrices. Training itself goes on undisturbed. This needs no
old images, costs a pass over the weights at each validation, and is the same at every resumed run,
for the base's weights come from the base.
"""

from __future__ import annotations

import copy
import math
import zlib
from collections.abc import Mapping

import torch
from torch import Tensor

from napari_maskrcnn.network.maskrcnn import MaskRCNN


class Guard:
    """The base's weights, and how far from them the returned ones may lie.

    Parameters
    ----------
    network : MaskRCNN
        As it starts, before its first step; copied.
    reach : float
        Largest distance of the returned kernels from the base's, as a share of their length.
    free : Mapping of str to (rows,) bool Tensor, optional
        By the name of a tensor its rows that the base does not know, as those of new classes: they
        are returned as learnt, and do not count in the distance.
    """

    def __init__(
        self, network: MaskRCNN, reach: float, free: Mapping[str, Tensor] | None = None
    ) -> None:
        self._base = {
            name: value.detach().clone()
            for name, value in network.state_dict().items()
            if value.is_floating_point()
        }
        self._reach, self._free = reach, dict(free or {})

    def checksum(self) -> int:
        """CRC-32 of the base's weights, by which a checkpoint knows its base again."""
        total = 0
        for value in self._base.values():
            flat = value.cpu().contiguous().reshape(-1)
            total = zlib.crc32(flat.view(torch.uint8).numpy(), total)
        return total

    @torch.no_grad()
    def distance(self, learnt: MaskRCNN) -> float:
        """Distance of a network's kernels from the base's, as a share of their length."""
        moved = length = 0.0
        for name, value in learnt.state_dict().items():
            # Norms and biases are few, and of another size than kernels.
            if value.ndim > 1 and (base := self._base.get(name)) is not None:
                known = slice(None) if (free := self._free.get(name)) is None else ~free
                # In float32, as not every accelerator has float64; summed up in float64 here.
                moved += float((value[known] - base[known]).norm()) ** 2
                length += float(base[known].norm()) ** 2
        return math.sqrt(moved / length) if length else 0.0

    @torch.no_grad()
    def near(self, learnt: MaskRCNN) -> MaskRCNN:
        """Copy of a network, led back towards the base until it is within reach.

        Whole numbers, such as what a norm has counted, are those of `learnt`.
        """
        distance = self.distance(learnt)
        share = 1.0 if distance <= self._reach else self._reach / distance
        led = copy.deepcopy(learnt)
        for name, value in led.state_dict().items():
            if (base := self._base.get(name)) is None:
                continue
            # From the base on, so that what training left alone is the base's to the last bit.
            between = torch.lerp(base, value, share)
            if (free := self._free.get(name)) is not None:
                between[free] = value[free]
            value.copy_(between)
        return led
