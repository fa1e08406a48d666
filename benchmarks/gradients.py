"""Seconds of every convolution's weight gradient in a training step, in both precisions.

    python -m benchmarks.gradients [CASE]      a training case, see benchmarks/cases.py

The libraries behind PyTorch have shapes for which bfloat16 is far slower than float32; the training
step must not use them. Each gradient that a step of ours asks for is repeated alone, with its
shapes and layout; beside it stand two other ways to the same numbers: image by image, and as a
matrix product where the kernel is 1×1. A line that ends in SLOW needs one of them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.cases import CASES, Training
from benchmarks.engines import Engine, trainer
from benchmarks.setting import make_setting, read_setting

TURNS = 5
WEIGHT_ONLY = [False, True, False]


@dataclass(frozen=True)
class Shape:
    """A weight gradient: shapes and strides of the output's gradient and the input, and the rest.

    ``options`` are bias, stride, padding, dilation, transposed, output padding and groups.
    """

    gradient: tuple[tuple[int, ...], tuple[int, ...]]
    values: tuple[tuple[int, ...], tuple[int, ...]]
    weight: tuple[int, ...]
    options: str

    def describe(self) -> str:
        """Words for a table."""
        batch, inputs, height, width = self.values[0]
        outputs, kernel = self.gradient[0][1], self.weight[2:]
        last = all(s[1][1] == 1 for s in (self.gradient, self.values))
        layout = "channels last" if last else "mixed layouts"
        kernel_size = "×".join(map(str, kernel))
        return f"{kernel_size} {inputs}→{outputs} on {batch}×{height}×{width}, {layout}"


class Recorder(TorchDispatchMode):
    """Collects the weight gradients of the steps made under it."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[Shape] = Counter()
        self.options: dict[Shape, tuple[Any, ...]] = {}

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if operator is torch.ops.aten.convolution_backward.default and args[10][1]:
            gradient, values, weight, *options = args
            parts = [(tuple(t.shape), t.stride()) for t in (gradient, values)]
            shape = Shape(*parts, tuple(weight.shape), str(options[:7]))
            self.counts[shape] += 1
            self.options[shape] = tuple(options[:7])
        return operator(*args, **(kwargs or {}))


def seconds(
    shape: Shape, options: tuple[Any, ...], dtype: torch.dtype, whole: bool = True
) -> float:
    """Least seconds of a weight gradient; not `whole`: image by image."""
    gradient, values = (
        torch.empty_strided(*part, dtype=dtype).uniform_(-1, 1)
        for part in (shape.gradient, shape.values)
    )
    weight = torch.empty(shape.weight, dtype=dtype)
    weight = weight.to(memory_format=torch.channels_last)

    def one(g: Tensor, v: Tensor) -> Tensor:
        found: Tensor = torch.ops.aten.convolution_backward(g, v, weight, *options, WEIGHT_ONLY)[1]
        return found

    if whole:
        return _least(lambda: one(gradient, values))
    pairs = list(zip(gradient.split(1), values.split(1), strict=True))
    return _least(lambda: sum(one(g, v) for g, v in pairs))


def seconds_as_product(shape: Shape, dtype: torch.dtype) -> float:
    """Least seconds of the gradient of a 1×1 convolution of stride 1 as a matrix product."""
    rows = [
        torch.empty_strided(*part, dtype=dtype).uniform_(-1, 1).movedim(1, -1).flatten(0, -2)
        for part in (shape.gradient, shape.values)
    ]
    return _least(lambda: rows[0].T @ rows[1])


def _least(call: Callable[[], object]) -> float:
    call()
    taken = []
    for _ in range(TURNS):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def table(case: Training) -> list[str]:
    """Return a line for each weight gradient of a step, the slowest first."""
    with tempfile.TemporaryDirectory() as name:
        make_setting(case, Path(name))
        step = trainer(Engine("ours", "bfloat16"), read_setting(Path(name)), torch.device("cpu"))
        with Recorder() as recorder:
            step()
    lines = []
    for shape, count in recorder.counts.items():
        options = recorder.options[shape]
        full = seconds(shape, options, torch.float32)
        half = seconds(shape, options, torch.bfloat16)
        split = seconds(shape, options, torch.bfloat16, whole=False)
        point = shape.weight[2:] == (1, 1) and shape.gradient[0][2:] == shape.values[0][2:]
        product = seconds_as_product(shape, torch.bfloat16) if point else float("nan")
        numbers = " ".join(f"{1000 * s:9.2f}" for s in (full, half, split, product))
        slow = "  SLOW" if half > full else ""
        lines.append((half * count, f"{count:3d} × {shape.describe():58} {numbers}{slow}"))
    return [line for _, line in sorted(lines, reverse=True)]


def main() -> None:
    """Print the table of a case."""
    cases = {case.name: case for case in CASES if isinstance(case, Training)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="?", choices=list(cases), default=next(iter(cases)))
    case = cases[parser.parse_args().case]
    head = " ".join(f"{name:>9}" for name in ("float32", "bfloat16", "by image", "product"))
    print(f"{case.name}, {torch.get_num_threads()} threads, milliseconds\n{'':64} {head}")
    for line in table(case):
        print(line)


if __name__ == "__main__":
    main()
