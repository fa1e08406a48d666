"""Names of files that are not finished, beside the place that they are to take."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from pathlib import Path


def beside(target: Path) -> Path:
    """Return a new hidden name in the same folder, with the same suffix."""
    return target.with_name(f"{_start(target)}{uuid.uuid4().hex[:8]}{target.suffix}")


def leftovers(path: str | Path) -> list[Path]:
    """Return the unfinished files that killed processes left `beside` a file.

    One of them may be that of a process that is writing right now.
    """
    target = Path(os.path.realpath(path))
    name = re.compile(f"{re.escape(_start(target))}[0-9a-f]{{8}}{re.escape(target.suffix)}")
    try:
        return [part for part in target.parent.iterdir() if name.fullmatch(part.name)]
    except OSError:
        return []


def _start(target: Path) -> str:
    # Names are cut, so that they do not get too long, and may be the same up to there.
    whole = hashlib.sha256(target.name.encode("utf-8", "surrogateescape")).hexdigest()
    return f".{target.stem[:40]}-{whole[:8]}"
