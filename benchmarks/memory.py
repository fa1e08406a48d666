"""Peak memory of this process, and a limit that makes too large a request an error."""

from __future__ import annotations

import sys
from pathlib import Path

# A process that needs more than this share of what is free is stopped, not the machine.
SHARE = 0.7


def peak_bytes() -> int:
    """Most memory that this process ever held; 0 where the system does not tell."""
    if sys.platform == "linux":
        # ru_maxrss of a new process starts at its parent's.
        return _kilobytes("/proc/self/status", "VmHWM") * 1024
    try:
        import resource
    except ImportError:
        return 0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def limit() -> int:
    """Forbid this process more than a share of the free memory; bytes, 0 where there is no limit.

    The limit is on data that belongs to the process alone, so libraries mapped from files are free.
    """
    if sys.platform != "linux":
        return 0
    import resource

    allowed = int(_kilobytes("/proc/meminfo", "MemAvailable") * 1024 * SHARE)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, resource.RLIM_INFINITY))
    return allowed


def _kilobytes(path: str, name: str) -> int:
    for line in Path(path).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0
