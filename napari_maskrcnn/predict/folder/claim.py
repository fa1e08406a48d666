"""One run an image: who works on one holds a lock, which goes when its process dies."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from napari_maskrcnn.formats.lock import lock

#: In the output folder; it is gone when no run works there.
NAME = ".napari-maskrcnn-run"
_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}


class Claim:
    """The right to work on the outputs of one image, held until `release`."""

    def __init__(self, path: Path | None, file: IO[bytes] | None) -> None:
        self._path, self._file = path, file

    def release(self) -> None:
        """Let other runs have the image."""
        if self._file is None or self._path is None:
            return
        # Removed while it is locked: who opened it meanwhile sees that it is gone. Windows removes
        # no open file: there it stays behind, and holds nobody up.
        with suppress(OSError):
            if _is_there(self._file, self._path):
                self._path.unlink()
        self._file.close()
        with suppress(OSError):
            self._path.parent.rmdir()
        self._file = None


def claim(folder: Path, labels: Path) -> Claim | None:
    """Claim an image for this run.

    Parameters
    ----------
    folder : Path
        The output folder of the run.
    labels : Path
        Where the labels of the image go.

    Returns
    -------
    Claim or None
        None while another run has it. Where the file system has no locks, everybody gets one.
    """
    name = hashlib.sha256(os.path.abspath(labels).encode("utf-8", "surrogateescape")).hexdigest()
    path = folder / NAME / f"{name[:16]}.lock"
    for _ in range(3):
        try:
            path.parent.mkdir(exist_ok=True)
            file = path.open("a+b")
        except OSError:
            # Another run removed the folder just now; or nothing can be written here, which the
            # image itself will say.
            continue
        try:
            lock(file)
            if _is_there(file, path):
                return Claim(path, file)
        except FileNotFoundError:
            pass  # removed by the run that had it
        except OSError as error:
            file.close()
            if error.errno in _TAKEN:
                return None
            return Claim(None, None)
        file.close()
    return Claim(None, None)


def _is_there(file: IO[bytes], path: Path) -> bool:
    """Whether an open file still has its name."""
    return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
