"""Importing torch in a background thread without freezing the window, or ending it.

Three things would. Linking torch's shared libraries takes hundreds of milliseconds in which the
import machinery keeps Python's lock: opened beforehand through ctypes, which lets go of the lock,
they are there when torch wants them. Full collections of garbage keep the lock too, and half a
million new objects start several: the collector is off meanwhile. And triton, which torch imports
where it finds it, brings an LLVM of its own that crashes on that of Mesa's OpenGL, which a viewer
without a graphics card has loaded: opened with RTLD_DEEPBIND it keeps to its own.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.widgets.collector import collector_off

logger = logging.getLogger(__name__)

#: Just enough to let the window go first where the two want the same core. By more, another program
#: that is busy would keep the thread from running while it holds Python's lock, and so the window:
#: beside one, 10 made it late by up to 0.34 s, and the work take ten times as long.
NICENESS = 1
LIBRARIES = {
    "linux": ("lib/libc10.so", "lib/libtorch_cpu.so", "lib/libtorch.so", "lib/libtorch_python.so"),
    "darwin": ("lib/libc10.dylib", "lib/libtorch_cpu.dylib", "lib/libtorch_python.dylib"),
}
TRITON = "_C/libtriton.so"
#: The last one is what a training imports besides.
MODULES = ("torch", "torchvision.ops", "torch.optim")


def lower_priority() -> None:
    """Let the window go first: make this thread, and the threads torch starts from it, nicer.

    Not before torch is imported: a thread that waits for its turn while it holds Python's lock
    makes the window wait too. Only Linux has a priority for each thread that any user may lower;
    elsewhere nothing happens.
    """
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        except OSError:
            logger.debug("The thread keeps its priority.", exc_info=True)


def warm_up_job() -> Job[None]:
    """Import torch and torchvision's operators in steps that leave the window its turns."""
    if any(name not in sys.modules for name in MODULES):
        yield Progress(0, 0, "Starting torch")
        _open_libraries()
    for name in MODULES:
        if name not in sys.modules:
            yield Progress(0, 0, "Starting torch")
            with collector_off():
                import_module(name)


def _open_libraries() -> None:
    """Open shared libraries ahead; a failure is no harm, the import will open them."""
    for name in LIBRARIES.get(sys.platform, ()):
        _open("torch", name, os.RTLD_LAZY | os.RTLD_LOCAL)
    if sys.platform == "linux" and "triton" not in sys.modules:
        _open("triton", TRITON, os.RTLD_NOW | os.RTLD_LOCAL | os.RTLD_DEEPBIND)


def _open(package: str, name: str, flags: int) -> None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes = (ctypes.c_char_p, ctypes.c_int)
    dlopen.restype = ctypes.c_void_p
    path = Path(spec.origin).parent / name
    logger.debug("%s %s", "Opened" if dlopen(os.fsencode(path), flags) else "Did not open", path)
