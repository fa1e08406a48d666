"""A guard against forgetting: what is returned lies between the base and what was learnt.

A training on a few images of one microscope moves weights that other microscopes need, and the
images that taught them those are not there to repeat them. But the weights on the straight line
from the base to a fine-tuned network are good ones as well: part of the way along it most of the
gain is there and little is lost (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
2022). So the weights that are validated and returned are::

    base + (1 - keep) · (learnt - base)

and training itself goes on undisturbed. It needs no old images, costs one pass over the weights a
validation, and is the same at every resumed run, for the base's weights come from the base.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Mapping

import torch
from torch import Tensor

from napari_maskrcnn.network.maskrcnn import MaskRCNN


class Guard:
    """The base's weights, and how much of them is kept.

    Parameters
    ----------
    network : MaskRCNN
        As it starts, before its first step; copied.
    keep : float
        Share of the base in what is returned: 0 is what was learnt, 1 is the base.
    free : Mapping of str to (rows,) bool Tensor, optional
        By the name of a tensor its rows that the base does not know, as those of new classes: they
        are returned as learnt.
    """

    def __init__(
        self, network: MaskRCNN, keep: float, free: Mapping[str, Tensor] | None = None
    ) -> None:
        self._base = {
            name: value.detach().clone()
            for name, value in network.state_dict().items()
            if value.is_floating_point()
        }
        self._keep, self._free = keep, dict(free or {})

    def checksum(self) -> int:
        """CRC-32 of the base's weights, by which a checkpoint knows its base again."""
        total = 0
        for value in self._base.values():
            total = zlib.crc32(
                value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy(), total
            )
        return total

    @torch.no_grad()
    def between(self, learnt: MaskRCNN) -> MaskRCNN:
        """Copy of a network, of which this share is the base again.

        Whole numbers, such as what a norm has counted, are those of `learnt`.
        """
        mixed = copy.deepcopy(learnt)
        for name, value in mixed.state_dict().items():
            if (base := self._base.get(name)) is None:
                continue
            # From the base on, so that what training left alone is the base's to the last bit.
            between = torch.lerp(base, value, 1 - self._keep)
            if (free := self._free.get(name)) is not None:
                between[free] = value[free]
            value.copy_(between)
        return mixed
