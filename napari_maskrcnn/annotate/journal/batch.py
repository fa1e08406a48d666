"""What goes into a journal and comes out of it, and what can go wrong with its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from napari_maskrcnn.annotate.journal.tiles import Block, Tiles

#: How a window or a layer came to its end: closed as usual, restored into another window, or
#: discarded. Nothing: it crashed, or it lives.
End = Literal["closed", "restored", "discarded"]


class JournalError(OSError):
    """A journal cannot be written or read; the message names the file, the reason, the remedy."""


class JournalBusy(JournalError):
    """A journal belongs to a window that lives."""


@dataclass
class Batch:
    """What changed in one layer since the last batch.

    Parameters
    ----------
    layer : int
        Number of the layer in its window.
    tiles : Tiles
        How its array is cut; when the shape or type changed, earlier tiles are dropped.
    blocks : dict of int to array
        Content of tiles, or a function that reads it.
    parts : dict of str to callable
        What belongs to the layer beside its pixels, by name: a function that makes the bytes.
    edits : int
        Steps made by hand.
    by_hand : bool
        Whether pixels or parts that differ from what is there count as an edit too.
    ended : str, optional
        The layer was closed.
    """

    layer: int
    tiles: Tiles
    blocks: dict[int, Block] = field(default_factory=dict)
    parts: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    edits: int = 0
    by_hand: bool = True
    ended: End | None = None


@dataclass(frozen=True)
class StoredLayer:
    """A layer in a journal: everything but its pixels.

    `changed` is in seconds since 1970; `whole` says whether every pixel is there.
    """

    id: int
    tiles: Tiles
    changed: float
    edits: int
    ended: End | None
    parts: Mapping[str, bytes]
    whole: bool


def explained(path: Path, error: BaseException) -> JournalError:
    """Say what an error of SQLite or of the system means for a journal, and what helps."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return JournalBusy(f"{path} belongs to a window that is open.")
    if name == "SQLITE_FULL":
        return JournalError(f"{path} cannot be written: the disk is full. Free some space.")
    reason = str(error) or type(error).__name__
    return JournalError(
        f"{path} cannot be written or read: {reason}. Check that its folder can be written."
    )
