"""Which processor computes, and in which precision."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")
# A probe must win clearly, or the rounding of bfloat16 is not worth it.
CLEARLY_FASTER = 1.5


def choose_device(name: str = "auto") -> torch.device:
    """Device for `name`: ``auto`` takes a CUDA GPU, else Apple's, else the CPU.

    Raises
    ------
    ValueError
        The name is unknown or the device is not there.
    """
    import torch

    kind = name.partition(":")[0]
    if kind not in DEVICES:
        raise ValueError(f"device is {name!r}; choose one of {', '.join(DEVICES)}.")
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if kind == "auto":
        return torch.device(next(k for k, there in available.items() if there))
    if not available[kind]:
        raise ValueError(
            f"device is {name!r}, but torch sees no such device here; choose auto or cpu."
        )
    return torch.device(name)


def precision(device: torch.device, wanted: str = "auto") -> torch.dtype:
    """Type of the arithmetic: as wanted; ``auto`` is bfloat16 where it is native and pays."""
    import torch

    if wanted not in PRECISIONS:
        raise ValueError(f"precision is {wanted!r}; choose one of {', '.join(PRECISIONS)}.")
    if wanted != "auto":
        return torch.float32 if wanted == "float32" else torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    if device.type == "cpu" and _bfloat16_pays():
        return torch.bfloat16
    return torch.float32


def layout(device: torch.device) -> torch.memory_format:
    """Order of a map's numbers that convolutions are fastest in: channels last, but for Apple's."""
    import torch

    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def autocast(device: torch.device, wanted: str = "auto") -> AbstractContextManager[object]:
    """Context in which the network's convolutions run in `precision`."""
    import torch

    dtype = precision(device, wanted)
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def describe_device(device: torch.device, wanted: str = "auto") -> str:
    """Device and precision in words, for the device line."""
    import torch

    names = {"cpu": "CPU", "mps": "Apple GPU"}
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else names[device.type]
    return f"{name}, {str(precision(device, wanted)).removeprefix('torch.')}"


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@lru_cache(maxsize=1)
def _bfloat16_pays() -> bool:
    """Time one matrix product in both types: many CPUs only emulate bfloat16, slowly.

    The best of nine, so that a busy moment does not change the precision of a run.
    """
    import torch

    def seconds(dtype: torch.dtype) -> float:
        a = torch.ones(512, 512, dtype=dtype)
        a @ a
        return min(_timed(lambda: a @ a) for _ in range(9))

    return seconds(torch.float32) > CLEARLY_FASTER * seconds(torch.bfloat16)
