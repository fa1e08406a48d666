"""A lock on an open file that the system takes away from a process that dies."""

from __future__ import annotations

import sys
from typing import IO

#: Far behind what is written: Windows lets nobody read a locked byte.
_PLACE = 2**20

if sys.platform == "win32":
    import msvcrt

    def lock(file: IO[bytes]) -> None:
        """Take the lock; OSError when another holder has it, in this process or elsewhere."""
        file.seek(_PLACE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)

else:
    import fcntl

    def lock(file: IO[bytes]) -> None:
        """Take the lock; OSError when another holder has it, in this process or elsewhere."""
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
