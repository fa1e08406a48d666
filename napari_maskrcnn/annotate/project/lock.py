"""One window a project: a lock that the system takes away from a process that dies.

Its file says who has it, and may stay behind: only the lock on it counts, so none is ever stale.
"""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from napari_maskrcnn.formats.lock import lock

NAME = "lock"


class ProjectInUse(OSError):
    """Another window has the project open; the message says where and since when."""


class Lock:
    """The lock on a project's folder, held from its making until `release`.

    Raises
    ------
    ProjectInUse
        Another window has it.
    OSError
        The folder cannot be written in.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        self._file: IO[bytes] | None = path.open("a+b")
        try:
            lock(self._file)
        except OSError as error:
            self.release()
            raise ProjectInUse(
                f"The project {folder} is open in another window{_holder(path)}. Close it there "
                "first: two windows would overwrite each other's labels."
            ) from error
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        said = {"computer": socket.gethostname(), "process": os.getpid(), "since": now}
        self._file.truncate(0)
        self._file.write(json.dumps(said).encode())
        self._file.flush()

    def release(self) -> None:
        """Let another window have the project."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _holder(path: Path) -> str:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return f" (on {said['computer']}, process {said['process']}, since {said['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
