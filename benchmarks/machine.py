"""What a measurement was made on."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import torch
import torchvision


def describe(device: torch.device) -> dict[str, str]:
    """Date, machine and versions, for the caption of a table."""
    name = processor()
    if device.type == "cuda":
        name = f"{torch.cuda.get_device_name(device)} ({name})"
    return {
        "date": datetime.date.today().isoformat(),
        "device": device.type,
        "machine": f"{name}, {torch.get_num_threads()} threads, {os.cpu_count()} cores",
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"torchvision {torchvision.__version__}",
    }


def processor() -> str:
    """Name of the processor, with the number formats that decide how fast bfloat16 is."""
    file = Path("/proc/cpuinfo")
    if not file.is_file():
        return platform.processor() or platform.machine()
    lines = dict(
        (part.strip() for part in line.split(":", 1))
        for line in file.read_text().splitlines()
        if ":" in line
    )
    flags = lines.get("flags", "").split()
    known = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16", "avx512f": "AVX512", "avx2": "AVX2"}
    best = next((name for flag, name in known.items() if flag in flags), "")
    model = lines.get("model name", platform.machine())
    return f"{model} with {best}" if best else model
