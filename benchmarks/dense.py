"""Dense arithmetic alone: the floor under any implementation on this machine.

Every convolution, deconvolution and matrix product of a call is recorded as it reaches the
processor's library, with its shapes, type, layout and weights, and then repeated by itself.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from napari_maskrcnn.network.maskrcnn import MaskRCNN

OPERATORS = (
    "aten::convolution",
    "aten::_convolution",
    "aten::mkldnn_convolution",
    "aten::addmm",
    "aten::mm",
    "aten::bmm",
    "aten::baddbmm",
    "aten::mkldnn_linear",
    "mkldnn::_convolution_pointwise",
    "mkldnn::_convolution_pointwise_",
    "mkldnn::_convolution_transpose_pointwise",
    "mkldnn::_linear_pointwise",
)
# Repetitions of a call, unless it takes longer than so many seconds.
TURNS, LONG = 3, 0.5


class Recorder(TorchDispatchMode):
    """Collects the dense operators of the calls made under it, each signature once with a count."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[Any, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {}
        self.counts: Counter[Any] = Counter()

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if operator._schema.name in OPERATORS:
            key = (operator, *(_signature(value) for value in (*args, *kwargs.values())))
            self.counts[key] += 1
            if key not in self.calls:
                self.calls[key] = (operator, *tree_map(_stand_in, (args, kwargs)))
        return operator(*args, **kwargs)


def _signature(value: Any) -> Any:
    if isinstance(value, Tensor):
        strides = value.stride() if value.layout == torch.strided else ()
        return (tuple(value.shape), strides, value.dtype, str(value.layout))
    return str(value)


def _stand_in(value: Any) -> Any:
    """Numbers of the same shape and layout; what the processor's library packed stays as it is."""
    if (
        not isinstance(value, Tensor)
        or value.layout != torch.strided
        or not value.is_floating_point()
    ):
        return value
    made = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=value.device)
    return made.uniform_(-1, 1)


def record(call: Callable[[], object]) -> Recorder:
    """Record what our network computes in a call that predicts; the rest of it is not the network.

    It must have been called before: at first, the network looks what the libraries can do.
    """
    recorder = Recorder()
    detect = MaskRCNN.detect

    def watched(network: MaskRCNN, *args: Any, **kwargs: Any) -> Any:
        with recorder:
            return detect(network, *args, **kwargs)

    with patch.object(MaskRCNN, "detect", watched):
        call()
    return recorder


def dense_seconds(call: Callable[[], object], device: torch.device) -> float:
    """Least seconds of the dense arithmetic of a call, repeated by itself."""
    recorder = record(call)
    total = 0.0
    with torch.inference_mode():
        for key, (operator, args, kwargs) in recorder.calls.items():
            seconds = [_timed(operator, args, kwargs, device)]
            if seconds[0] < LONG:
                seconds += [_timed(operator, args, kwargs, device) for _ in range(TURNS)]
            total += min(seconds) * recorder.counts[key]
    return total


def _timed(operator: Any, args: Any, kwargs: Any, device: torch.device) -> float:
    start = time.perf_counter()
    operator(*args, **kwargs)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
