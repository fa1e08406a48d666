"""What a bug report needs to know of an installation."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from napari_maskrcnn.models.card import plugin_version

PACKAGES = ("napari", "torch", "torchvision", "numpy", "scikit-image", "PyQt6", "PySide6", "PyQt5")


def installation() -> list[tuple[str, str]]:
    """Return (what, which) rows: versions, device and precision, folders."""
    from napari_maskrcnn.models import folder

    shared = os.pathsep.join(str(path) for path in folder.shared_folders())
    return [
        ("napari-maskrcnn", plugin_version()),
        ("python", platform.python_version()),
        *_versions(),
        ("platform", platform.platform()),
        *_computing(),
        ("models", f"{folder.model_folder()} ({len(folder.list_models())} in all)"),
        ("shared models", shared or f"none (set {folder.SHARED_VARIABLE})"),
        ("user data", str(folder.home_folder())),
        ("package", str(folder.embedded_folder().parent.parent)),
    ]


def _versions() -> list[tuple[str, str]]:
    rows = []
    for name in PACKAGES:
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            # Of the Qt bindings one is enough.
            if "Qt" not in name and "PySide" not in name:
                rows.append((name, "not installed"))
    return rows


def _computing() -> list[tuple[str, str]]:
    import torch

    from napari_maskrcnn.device import choose_device, describe_device

    device, _, precision = describe_device(choose_device()).rpartition(", ")
    return [
        ("device", device),
        ("precision", precision),
        ("threads", str(torch.get_num_threads())),
        ("CUDA in torch", torch.version.cuda or "no"),
    ]
