"""Whether a better device lies idle, and how to use it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

INSTALL_TORCH = "https://pytorch.org/get-started/locally/"
NVIDIA_DRIVERS = "https://www.nvidia.com/drivers"
PCI = Path("/sys/bus/pci/devices")
NVIDIA_VENDOR, DISPLAY_CLASS = "0x10de", "0x03"
PATIENCE = 5.0


@dataclass(frozen=True)
class Facts:
    """What this computer has and what torch sees of it.

    Parameters
    ----------
    cuda : bool
        Whether torch sees an NVIDIA card.
    cuda_build : str, optional
        CUDA version that torch was built for; None: it was built without.
    card : str, optional
        Name of an NVIDIA card in the computer, whether torch sees it or not.
    driver : str, optional
        Version of its driver; None: there is none.
    hidden : bool
        Whether the variable CUDA_VISIBLE_DEVICES hides it.
    mps : bool
        Whether torch sees Apple's GPU.
    apple : bool
        Whether the processor is Apple's.
    """

    cuda: bool = False
    cuda_build: str | None = None
    card: str | None = None
    driver: str | None = None
    hidden: bool = False
    mps: bool = False
    apple: bool = False


@dataclass(frozen=True)
class Idle:
    """A device that would be faster, why it is not used and what to do, and a page that helps."""

    name: str
    remedy: str
    link: str = ""


def idle_device(used: str, facts: Facts) -> Idle | None:
    """Return the better device that lies idle while `used` computes; None when none does.

    Parameters
    ----------
    used : str
        What `device.describe_device` says of the device in use.
    facts : Facts
        What there is.
    """
    if not used.startswith("CPU"):
        return None
    if facts.cuda or facts.card:
        name = facts.card or "NVIDIA card"
        return Idle(name if name.startswith("NVIDIA") else f"NVIDIA {name}", *_for_nvidia(facts))
    if facts.mps:
        return Idle("Apple GPU", "Choose “auto” as device.")
    if facts.apple:
        return Idle(
            "Apple GPU",
            "It needs macOS 14 or later, and Python and PyTorch for Apple's processors (arm64).",
            INSTALL_TORCH,
        )
    return None


def _for_nvidia(facts: Facts) -> tuple[str, str]:
    if facts.cuda:
        return "Choose “auto” as device.", ""
    if facts.hidden:
        return "The variable CUDA_VISIBLE_DEVICES hides it. Unset it and start napari again.", ""
    if facts.driver is None:
        return "It has no driver. Install NVIDIA's and start the computer again.", NVIDIA_DRIVERS
    if facts.cuda_build is None:
        return (
            "PyTorch was installed without CUDA. Install the one with CUDA that pytorch.org names "
            "for your system, then start napari again.",
            INSTALL_TORCH,
        )
    return (
        f"Its driver ({facts.driver}) is too old for this PyTorch (CUDA {facts.cuda_build}). "
        "Install a newer driver.",
        NVIDIA_DRIVERS,
    )


def find_facts() -> Facts:
    """Look what there is. Imports torch and may start a program: not for the window's thread."""
    import torch

    card, driver = _nvidia()
    return Facts(
        cuda=torch.cuda.is_available(),
        cuda_build=torch.version.cuda,
        card=card,
        driver=driver,
        hidden=os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1"),
        mps=torch.backends.mps.is_available(),
        apple=platform.system() == "Darwin" and _is_apple_processor(),
    )


def _nvidia() -> tuple[str | None, str | None]:
    """Name and driver version of the first NVIDIA card."""
    said = _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    name, _, driver = said.partition("\n")[0].partition(",")
    if driver.strip():
        return name.strip(), driver.strip()
    return ("NVIDIA card", None) if _has_pci_card() else (None, None)


def _has_pci_card(devices: Path = PCI) -> bool:
    """Whether a Linux computer has an NVIDIA card, with a driver or without."""
    return any(
        _text(device / "vendor") == NVIDIA_VENDOR
        and _text(device / "class").startswith(DISPLAY_CLASS)
        for device in devices.glob("*")
    )


def _is_apple_processor() -> bool:
    """Whether the processor is Apple's, also for a Python made for Intel's."""
    return platform.machine() == "arm64" or _output("sysctl", "-n", "hw.optional.arm64") == "1"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _output(program: str, *words: str) -> str:
    """What a program says; empty when it is not there or fails."""
    path = shutil.which(program)
    if path is None:
        return ""
    try:
        done = subprocess.run(
            [path, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
