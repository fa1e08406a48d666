"""Importing torch in a background thread without freezing the window.

Loading torch's shared libraries holds Python's lock for hundreds of milliseconds, because the
import machinery keeps it while the operating system links them. Opened beforehand through
ctypes, which lets go of the lock during a call, they are already there when torch imports them.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

from napari_maskrcnn.jobs import Job, Progress

logger = logging.getLogger(__name__)

NICENESS = 10
_LIBRARIES = {
    "linux": ("libc10.so", "libtorch_cpu.so", "libtorch.so", "libtorch_python.so"),
    "darwin": ("libc10.dylib", "libtorch_cpu.dylib", "libtorch.dylib", "libtorch_python.dylib"),
}


def lower_priority() -> None:
    """Let the window go first: make this thread, and the threads torch starts from it, nicer.

    Only Linux has a priority for each thread that any user may lower; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        except OSError:
            logger.debug("The thread keeps its priority.", exc_info=True)


def warm_up_job() -> Job[None]:
    """Import torch and torchvision's operators in steps that leave the window its turns."""
    if "torchvision.ops" in sys.modules:
        return
    yield Progress(0, 0, "Starting torch")
    _open_libraries()
    yield Progress(0, 0, "Starting torch")
    import torch  # noqa: F401

    yield Progress(0, 0, "Starting torch")
    import torchvision.ops  # noqa: F401


def _open_libraries() -> None:
    """Open torch's shared libraries; a failure is no harm, torch's import will open them."""
    names = _LIBRARIES.get(sys.platform, ())
    spec = find_spec("torch")
    if not names or spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes = (ctypes.c_char_p, ctypes.c_int)
    dlopen.restype = ctypes.c_void_p
    for name in names:
        opened = dlopen(os.fsencode(folder / name), os.RTLD_LAZY | os.RTLD_LOCAL)
        logger.debug("%s %s", "Opened" if opened else "Could not open", folder / name)
