"""Weight gradients of convolutions, led around the shapes in which a processor is slow.

On CPUs whose matrix unit is AMX, bfloat16 weight gradients have such shapes, seen with oneDNN on
two cores: 3×3, 256→256, on four maps of 64×64 took 1.2 s, against 0.14 s in float32 and 0.011 s for
one map alone; 1×1, 256→2, on 64 maps of 28×28 took 0.51 s, against 0.007 s as a matrix product. So
large maps go one by one there, and few outputs of a point as a product: the same numbers to
rounding, by a rule that knows only shapes, so that a repeated run is the same bit for bit.

``python -m benchmarks.gradients`` times every shape of a training step and marks the slow ones.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Cells of a map from which the images of a batch go one by one, and outputs of a 1×1 convolution up
# to which it is a product.
LARGE = 48 * 48
FEW = 16
BACKWARD = torch.ops.aten.convolution_backward.default


def routed(device: torch.device) -> AbstractContextManager[object]:
    """Context for ``backward()``: does nothing but where this processor needs it."""
    amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return Routed() if device.type == "cpu" and amx() else nullcontext()


class Routed(TorchDispatchMode):
    """Replaces slow weight gradients of the backward pass that runs under it."""

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if operator is not BACKWARD or not args[10][1] or args[0].dtype != torch.bfloat16:
            return operator(*args, **(kwargs or {}))
        gradient, values, weight, _, stride, *_, transposed, _, groups, wanted = args
        if transposed or groups > 1:
            return operator(*args)
        if weight.shape[2:] == (1, 1) and stride == [1, 1] and len(weight) <= FEW:
            found = _as_product(gradient, values, weight)
        elif len(gradient) > 1 and gradient[0, 0].numel() >= LARGE:
            found = _by_image(gradient, values, weight, args[3:10])
        else:
            return operator(*args)
        others = operator(*args[:10], [wanted[0], False, wanted[2]])
        return others[0], found, others[2]


def _as_product(gradient: Tensor, values: Tensor, weight: Tensor) -> Tensor:
    """Weight gradient of a 1×1 convolution: all points of all images are rows."""
    outputs, inputs = (part.movedim(1, -1).flatten(0, -2) for part in (gradient, values))
    return (outputs.T @ inputs).reshape(weight.shape)


def _by_image(gradient: Tensor, values: Tensor, weight: Tensor, options: tuple[Any, ...]) -> Tensor:
    """Weight gradient as a sum over images, in float32: bfloat16 would round every sum."""
    total = torch.zeros_like(weight, dtype=torch.float32)
    for parts in zip(gradient.split(1), values.split(1), strict=True):
        total += BACKWARD(*parts, weight, *options, [False, True, False])[1]
    return total.to(weight.dtype)
