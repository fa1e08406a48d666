"""Where journals lie, which of them a crash left behind, and when they go."""

from __future__ import annotations

import logging
import shutil
import time
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from napari_maskrcnn.annotate.journal.batch import End, JournalBusy, JournalError, StoredLayer
from napari_maskrcnn.annotate.journal.file import Journal
from napari_maskrcnn.models.folder import state_folder

logger = logging.getLogger(__name__)

NAME = "journal.sqlite"
KEPT_DAYS = 30
MOST_BYTES = 2_000_000_000
_DAY = 86_400.0


@dataclass(frozen=True)
class StoredWindow:
    """A window that does not live any more, with its edited layers."""

    path: Path
    started: float
    ended: End | None
    layers: tuple[StoredLayer, ...]

    @property
    def offered(self) -> tuple[StoredLayer, ...]:
        """Layers that were open when the window crashed."""
        return tuple(x for x in self.layers if not x.ended) if self.ended is None else ()


def journal_folder() -> Path:
    """Return the folder of all journals of this user (it may not exist yet)."""
    return state_folder() / "journal"


def new_journal(root: Path) -> Path:
    """Return the file of a new window's journal, in a folder of its own that does not exist yet."""
    return root / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}" / NAME


def stored_windows(
    root: Path, crashed: bool = False, parts: Collection[str] | None = None
) -> list[StoredWindow]:
    """Return the windows that do not live any more and have edited layers, newest first.

    Windows that live, and files that cannot be read, are passed over.

    Parameters
    ----------
    root : Path
        The folder of all journals.
    crashed : bool
        Leave out those that ended as usual, without reading what is in them.
    parts : collection of str, optional
        Names of the layers' parts to read; without it all.
    """
    found = []
    for path in _journals(root):
        try:
            found.append(_read(path, crashed, parts))
        except JournalBusy:
            continue
        except JournalError as error:
            logger.info("Passed over a journal. %s", error)
    return sorted((w for w in found if w.layers), key=lambda w: w.started, reverse=True)


def mark(path: Path, how: End) -> None:
    """Note how a window ended whose journal is not offered any more.

    Raises
    ------
    JournalError
        When it cannot be written, or is being read by another window.
    """
    journal = Journal(path, make=False)
    try:
        journal.end(how)
    finally:
        journal.close()


def prune(root: Path, days: float = KEPT_DAYS, most_bytes: int = MOST_BYTES) -> list[Path]:
    """Remove the journals that are older than this, and the oldest until the rest is small enough.

    Those that crashed go after those that were closed; those of living windows stay.
    """
    oldest = time.time() - days * _DAY
    known = [(path, _last_change(path), _size(path)) for path in _journals(root)]
    removed = [path for path, changed, _ in known if changed < oldest and _remove(path)]
    left = [entry for entry in known if entry[0] not in removed]
    total = sum(size for _, _, size in left)
    if total > most_bytes:
        for path, _, size in sorted(left, key=lambda entry: (_crashed(entry[0]), entry[1])):
            if total > most_bytes and _remove(path):
                total -= size
                removed.append(path)
    return removed


def _journals(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob(f"*/{NAME}"))


def _read(path: Path, crashed: bool = False, parts: Collection[str] | None = None) -> StoredWindow:
    journal = Journal(path, make=False)
    try:
        ended = journal.ended
        layers = [] if crashed and ended else journal.layers(parts)
        edited = tuple(layer for layer in layers if layer.edits)
        return StoredWindow(path, journal.started, ended, edited)
    finally:
        journal.close()


def _crashed(path: Path) -> bool:
    try:
        return _read(path).ended is None
    except JournalError:
        return True


def _last_change(path: Path) -> float:
    return max((p.stat().st_mtime for p in path.parent.iterdir()), default=0.0)


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.parent.iterdir())


def _remove(path: Path) -> bool:
    """Remove a journal's folder unless its window lives."""
    try:
        Journal(path, make=False).close()
    except JournalBusy:
        return False
    except JournalError:
        logger.debug("Removing a journal that cannot be read.", exc_info=True)
    shutil.rmtree(path.parent, ignore_errors=True)
    return not path.exists()
