"""The journal of a window: one SQLite file with the labels as they are now, tile by tile.

A batch is one transaction, so after a crash the file holds the labels as they were at one moment.
SQLite's own lock on the file is held as long as the window lives: a file that can be locked belongs
to no living window.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.journal.batch import (
    Batch,
    End,
    JournalError,
    StoredLayer,
    explained,
)
from napari_maskrcnn.annotate.journal.tiles import Tiles, pack

logger = logging.getLogger(__name__)

VERSION = 1
#: How long to wait for another window that looks whether this one lives.
BUSY_SECONDS = 5.0
#: Parts whose change is no correction; of the metadata only what a person says is one.
NO_EDIT = ("look", "prediction", "metadata")

_SETUP = """
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA journal_size_limit = 67108864;
PRAGMA wal_autocheckpoint = 4000;
"""
_TABLES = (
    "CREATE TABLE IF NOT EXISTS window (version INTEGER, started REAL, ended TEXT)",
    "CREATE TABLE IF NOT EXISTS layers"
    " (id INTEGER PRIMARY KEY, tiles TEXT, changed REAL, edits INTEGER, ended TEXT)",
    "CREATE TABLE IF NOT EXISTS tiles"
    " (layer INTEGER, number INTEGER, content BLOB, PRIMARY KEY (layer, number))",
    "CREATE TABLE IF NOT EXISTS parts"
    " (layer INTEGER, name TEXT, content BLOB, PRIMARY KEY (layer, name))",
)


class Journal:
    """An open journal file, for one thread at a time.

    Parameters
    ----------
    path : Path
        The file.
    make : bool
        Make the file and its folder when they are not there.

    Raises
    ------
    JournalBusy
        Another window holds it.
    JournalError
        It cannot be written, or is no journal.
    """

    def __init__(self, path: Path, make: bool = True) -> None:
        self.path = path
        self._known: dict[tuple[int, int | str], bytes] = {}
        self._tiles: dict[int, Tiles] = {}
        with self._explained():
            if make:
                path.parent.mkdir(parents=True, exist_ok=True)
            mode = "rwc" if make else "rw"
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                timeout=BUSY_SECONDS if make else 0,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            with self._explained():
                self._db.executescript(_SETUP)
                # The lock comes with the first transaction.
                with self._transaction():
                    if make:
                        self._start()
                    self._check()
        except BaseException:
            self._db.close()
            raise

    def _start(self) -> None:
        for statement in _TABLES:
            self._db.execute(statement)
        if self._db.execute("SELECT count(*) FROM window").fetchone() == (0,):
            self._db.execute("INSERT INTO window VALUES (?, ?, NULL)", (VERSION, time.time()))

    def _check(self) -> None:
        named = self._db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'window'")
        if named.fetchone() == (0,):
            raise JournalError(f"{self.path} is empty: its window ended before it had layers.")
        (version,) = self._db.execute("SELECT version FROM window").fetchone()
        if version != VERSION:
            raise JournalError(f"{self.path} is a journal of version {version}, not {VERSION}.")

    @property
    def started(self) -> float:
        """When the window was opened, in seconds since 1970."""
        return float(self._db.execute("SELECT started FROM window").fetchone()[0])

    @property
    def ended(self) -> End | None:
        """How the window ended; None after a crash."""
        found: End | None = self._db.execute("SELECT ended FROM window").fetchone()[0]
        return found

    def write(self, batch: Batch) -> None:
        """Write a batch as one transaction: all of it or nothing.

        Raises
        ------
        JournalError
            Naming the reason; what was written before stays.
        """
        with self._explained():
            fresh = {
                number: block() if callable(block) else block
                for number, block in batch.blocks.items()
            }
            parts = dict(_packed(batch))
            with self._transaction():
                known = self._write(batch, fresh, parts)
                if batch.ended:
                    self._drop_unedited(batch.layer)
        self._tiles[batch.layer] = batch.tiles
        self._known |= known

    def _write(
        self, batch: Batch, blocks: dict[int, NDArray[Any]], parts: dict[str, bytes]
    ) -> dict[tuple[int, int | str], bytes]:
        layer, tiles = batch.layer, batch.tiles
        before = self._tiles.get(layer)
        if before is None:
            values = (layer, json.dumps(tiles.to_json()), time.time())
            self._db.execute("INSERT INTO layers VALUES (?, ?, ?, 0, NULL)", values)
        elif before != tiles:
            self._recut(layer, tiles)
        digests: dict[tuple[int, int | str], bytes] = {
            (layer, name): _digest(content) for name, content in (blocks | parts).items()
        }
        known = {key: new for key, new in digests.items() if new != self._known.get(key)}
        for _, name in known:
            if isinstance(name, int):
                row: tuple[Any, ...] = (layer, name, pack(blocks[name], tiles.dtype))
                self._db.execute("INSERT OR REPLACE INTO tiles VALUES (?, ?, ?)", row)
            else:
                row = (layer, name, parts[name])
                self._db.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?)", row)
        # What was not there before is a snapshot; moving or renaming a layer is no correction.
        corrected = any(key in self._known and key[1] not in NO_EDIT for key in known)
        edits = max(batch.edits, int(corrected and batch.by_hand))
        if known or edits or batch.ended:
            self._db.execute(
                "UPDATE layers SET changed = ?, edits = edits + ?, ended = ? WHERE id = ?",
                (time.time(), edits, batch.ended, layer),
            )
        return known

    def _drop_unedited(self, layer: int) -> None:
        (edits,) = self._db.execute("SELECT edits FROM layers WHERE id = ?", (layer,)).fetchone()
        if not edits:
            self._drop(layer)

    def _drop(self, layer: int) -> None:
        for table, key in (("tiles", "layer"), ("parts", "layer"), ("layers", "id")):
            self._db.execute(f"DELETE FROM {table} WHERE {key} = ?", (layer,))

    def _recut(self, layer: int, tiles: Tiles) -> None:
        """Start the pixels of a layer anew: its array was replaced by one of another shape."""
        self._db.execute("DELETE FROM tiles WHERE layer = ?", (layer,))
        self._db.execute(
            "UPDATE layers SET tiles = ? WHERE id = ?", (json.dumps(tiles.to_json()), layer)
        )
        self._known = {
            key: value
            for key, value in self._known.items()
            if key[0] != layer or isinstance(key[1], str)
        }

    def layers(self, parts: Collection[str] | None = None) -> list[StoredLayer]:
        """Return the layers, without their pixels, oldest first; of their parts all, or these."""
        with self._explained():
            rows = self._db.execute(
                "SELECT id, tiles, changed, edits, ended,"
                " (SELECT count(*) FROM tiles WHERE layer = id) FROM layers ORDER BY id"
            ).fetchall()
            return [self._stored(parts, *row) for row in rows]

    def _stored(
        self,
        wanted: Collection[str] | None,
        i: int,
        tiles: str,
        changed: float,
        edits: int,
        ended: End | None,
        count: int,
    ) -> StoredLayer:
        cut = json.loads(tiles)
        made = Tiles(tuple(cut["shape"]), cut["dtype"])
        rows = self._db.execute("SELECT name, content FROM parts WHERE layer = ?", (i,))
        parts = {name: content for name, content in rows if wanted is None or name in wanted}
        return StoredLayer(i, made, changed, edits, ended, parts, count == len(made))

    def array(self, layer: StoredLayer) -> NDArray[Any]:
        """Return the pixels of a layer; 0 where they are not known."""
        array = np.zeros(layer.tiles.shape, np.dtype(layer.tiles.dtype))
        for window, block in self.blocks(layer):
            array[window] = block
        return array

    def blocks(self, layer: StoredLayer) -> Iterator[tuple[tuple[slice, ...], NDArray[Any]]]:
        """Yield the tiles of a layer that are there: where they lie, and their pixels."""
        with self._explained():
            yield from layer.tiles.unpacked(self._contents(layer))

    def _contents(self, layer: StoredLayer) -> sqlite3.Cursor:
        return self._db.execute("SELECT number, content FROM tiles WHERE layer = ?", (layer.id,))

    def end(self, how: End) -> None:
        """Write down how the window ended."""
        with self._explained():
            self._db.execute("UPDATE window SET ended = ?", (how,))

    def forget(self, layer: StoredLayer) -> None:
        """Drop a layer."""
        with self._explained(), self._transaction():
            self._drop(layer.id)

    def sync(self) -> None:
        """Bring what was written to the disk itself, so that a power cut takes nothing either."""
        with self._explained():
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # A full disk has rolled back by itself.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, JournalError):
                raise
            raise explained(self.path, error) from error


def _packed(batch: Batch) -> Iterator[tuple[str, bytes]]:
    for name, make in batch.parts.items():
        try:
            yield name, make()
        except Exception:
            # Without its table a layer is still worth having.
            logger.exception("The %s of a layer cannot be written.", name)


def _digest(content: NDArray[Any] | bytes) -> bytes:
    data = np.ascontiguousarray(content).data if isinstance(content, np.ndarray) else content
    return hashlib.blake2b(data, digest_size=16).digest()
