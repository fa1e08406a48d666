"""Nothing is overwritten without a copy kept: what a new file replaces goes to ``history/``.

Every change of an image's state is a line of ``history/log.csv``.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from napari_maskrcnn.annotate.project.entries import Entry
from napari_maskrcnn.formats.atomic import atomic_path

FOLDER = "history"
LOG = ("time", "image", "from", "to", "objects", "seconds")


@contextmanager
def replacing(root: Path, path: Path) -> Iterator[Path]:
    """Give a temporary path whose file takes the place of another, of which a copy is kept.

    Parameters
    ----------
    root : Path
        The project's folder.
    path : Path
        A file in it, which may not be there yet.

    Raises
    ------
    WriteError
        The disk is full or read-only: then the file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path, overwrite=True) as part:
        yield part
        keep(root, path)


def keep(root: Path, path: Path, link: bool = True) -> Path | None:
    """Keep what a file of a project holds now; return where, or None when there is no file.

    Parameters
    ----------
    root : Path
        The project's folder.
    path : Path
        A file in it.
    link : bool
        Give the file a second name where the disk knows such: for a file that is replaced or
        removed next. One that others write into needs a copy.
    """
    if not path.is_file():
        return None
    folder = root / FOLDER / path.parent.relative_to(root)
    folder.mkdir(parents=True, exist_ok=True)
    copy = _free(folder, path)
    if link:
        with suppress(OSError):
            # The same file: the new one will be another, so this costs nothing.
            os.link(path, copy)
            return copy
    part = copy.with_name(f".{copy.name}")
    try:
        shutil.copy2(path, part)
        os.replace(part, copy)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return copy


def keep_once(root: Path, path: Path) -> None:
    """Keep a file as it was found, unless the last copy is the same."""
    copies = sorted((root / FOLDER).glob(f"{path.stem} *{path.suffix}"))
    if not copies or copies[-1].read_bytes() != path.read_bytes():
        # A person may open it in a program that writes into it.
        keep(root, path, link=False)


def _free(folder: Path, path: Path) -> Path:
    """A name with the moment in it that is not taken yet."""
    # To the millisecond: then names sort by time.
    stem = f"{path.stem} {datetime.now(UTC):%Y%m%d-%H%M%S-%f}"[:-3]
    copy, number = folder / f"{stem}{path.suffix}", 2
    while copy.exists():
        copy, number = folder / f"{stem}-{number}{path.suffix}", number + 1
    return copy


def log(root: Path, before: Entry, now: Entry) -> None:
    """Write down that an image changed its state, or how long a person worked on it."""
    path = root / FOLDER / "log.csv"
    path.parent.mkdir(exist_ok=True)
    fresh = not path.exists()
    when = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    spent = round(now.seconds - before.seconds)
    row = (when, now.name, before.state.value, now.state.value, now.objects, spent)
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([LOG, row] if fresh else [row])
