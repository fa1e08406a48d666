"""Trainings that no crash takes: each has a folder of its own, locked while somebody works on it.

In the folder lie copies of the examples, the settings, and the checkpoint that the loop writes. The
settings come last and whole, so a folder that has them has everything that going on needs.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from napari_maskrcnn.annotate.project.lock import Lock, ProjectInUse
from napari_maskrcnn.formats.atomic import atomic_path
from napari_maskrcnn.models.folder import state_folder
from napari_maskrcnn.train.settings import TrainSettings

if TYPE_CHECKING:
    from napari_maskrcnn.train.dataset import Example

logger = logging.getLogger(__name__)

KEPT_DAYS = 30
INFO = "training.json"
CHECKPOINT = "checkpoint"
_DAY = 86_400.0
#: What reading torn or foreign files raises.
_DAMAGED = (
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
#: A folder without settings is being made, or was torn off by a crash: after this long it is that.
_MAKING = 3_600.0
#: Another window that only looks holds a lock for a moment.
_TRIES, _PAUSE = 5, 0.05


class TrainingInUse(OSError):
    """Another window works on this training."""


@dataclass(frozen=True)
class StoppedTraining:
    """A training that nobody works on any more and that can be continued.

    Parameters
    ----------
    path : Path
        Its folder.
    settings : TrainSettings
    names : tuple of str
        Names of the examples.
    changed : float
        When its state was saved last, seconds since 1970.
    """

    path: Path
    settings: TrainSettings
    names: tuple[str, ...]
    changed: float


def trainings_folder() -> Path:
    """Return the folder of all stored trainings of this user (it may not exist yet)."""
    return state_folder() / "trainings"


class StoredTraining:
    """The folder of one training; `take` it before anything is written or read.

    Parameters
    ----------
    path : Path, optional
        Its folder; without one a new name in the folder of all trainings.
    """

    def __init__(self, path: Path | None = None) -> None:
        stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
        self.path = path or trainings_folder() / stamp
        self._lock: Lock | None = None
        self._left = self._ended = False

    def __del__(self) -> None:
        # A viewer that is closed destroys its widgets without asking.
        self.release()

    @property
    def checkpoint(self) -> Path:
        """Where the loop writes its state."""
        return self.path / CHECKPOINT

    def take(self) -> None:
        """Lock the folder, and make it if it is new.

        Raises
        ------
        TrainingInUse
            Another window has it.
        OSError
            The folder cannot be made or written in.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(_TRIES)):
            try:
                self._lock = Lock(self.path)
                return
            except ProjectInUse as error:
                if not left:
                    raise TrainingInUse(
                        "This training is being continued in another window."
                    ) from error
                time.sleep(_PAUSE)

    @property
    def can_go_on(self) -> bool:
        """Whether something was learnt that another try could go on with."""
        return self.checkpoint.is_file()

    def leave(self) -> None:
        """`release` it as soon as the work on it has ended: its window was closed."""
        self._left = True
        if self._ended:
            self.release()

    def ended(self) -> None:
        """Say that the work on it ended; what came of it may still be looked at."""
        self._ended = True
        if self._left:
            self.release()

    def release(self) -> None:
        """Let others have it: it is offered from now on, if there is enough to go on."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def remove(self) -> None:
        """Remove the folder: the training was accepted or discarded."""
        # First of all, so that what cannot be removed now is at least never offered.
        with suppress(OSError):
            (self.path / INFO).unlink()
        self.release()
        shutil.rmtree(self.path, ignore_errors=True)

    def write(self, examples: Sequence[Example], settings: TrainSettings) -> None:
        """Write copies of the examples, then the settings.

        Raises
        ------
        OSError
            The disk is full, or the folder cannot be written in.
        """
        described = [_write_example(self.path, k, example) for k, example in enumerate(examples)]
        content = {"settings": asdict(settings), "examples": described}
        with atomic_path(self.path / INFO, overwrite=True) as part:
            part.write_text(json.dumps(content), encoding="utf-8")

    def read(self) -> tuple[list[Example], TrainSettings]:
        """Read what `write` wrote.

        Raises
        ------
        OSError, ValueError
            Files are missing or damaged.
        """
        try:
            content = json.loads((self.path / INFO).read_text(encoding="utf-8"))
            examples = [_read_example(self.path, k, x) for k, x in enumerate(content["examples"])]
            return examples, _settings(content)
        except _DAMAGED as error:
            raise ValueError(
                f"{self.path}: the stored training is damaged ({error}). Discard it and train anew."
            ) from error


def stopped_trainings(root: Path) -> list[StoppedTraining]:
    """Return the trainings that can be continued, newest first.

    Those that somebody works on, and folders that cannot be read, are passed over.
    """
    found = []
    for path in _folders(root):
        try:
            content = json.loads((path / INFO).read_text(encoding="utf-8"))
            names = tuple(str(example["name"]) for example in content["examples"])
            if not _lives(path):
                found.append(StoppedTraining(path, _settings(content), names, _last_change(path)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.info("Passed over the training in %s. %s", path, error)
    return sorted(found, key=lambda stopped: stopped.changed, reverse=True)


def prune(root: Path, days: float = KEPT_DAYS) -> list[Path]:
    """Remove trainings that are older than this and torn ones; return their folders."""
    removed = []
    for path in _folders(root):
        try:
            age = time.time() - _last_change(path)
        except FileNotFoundError:
            # Another window removed it just now.
            continue
        old = age > (days * _DAY if (path / INFO).exists() else _MAKING)
        if old and not _lives(path):
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path)
    return removed


def _folders(root: Path) -> Iterator[Path]:
    yield from sorted(path for path in root.glob("*") if path.is_dir())


def _lives(path: Path) -> bool:
    try:
        Lock(path).release()
    except OSError:
        return True
    return False


def _last_change(path: Path) -> float:
    """When settings or checkpoint were written; a look at the lock changes nothing."""
    files = [path / INFO, path / CHECKPOINT]
    times = [file.stat().st_mtime for file in files if file.exists()]
    return max(times or [path.stat().st_mtime])


def _settings(content: dict[str, Any]) -> TrainSettings:
    known = {item.name for item in fields(TrainSettings)}
    return TrainSettings(**{k: v for k, v in content["settings"].items() if k in known})


def _write_example(folder: Path, number: int, example: Example) -> dict[str, Any]:
    """Write the arrays of an example; return the rest of it."""
    arrays: dict[str, Any] = {}
    described: dict[str, Any] = {}
    for item in fields(example):
        value = getattr(example, item.name)
        (arrays if isinstance(value, np.ndarray) else described)[item.name] = value
    # Images hardly shrink; labels shrink to nothing.
    with _on_the_disk(folder / f"{number}-image.npy") as file:
        np.save(file, arrays.pop("image"), allow_pickle=False)
    with _on_the_disk(folder / f"{number}-labels.npz") as file:
        np.savez_compressed(file, **arrays)
    described["classes"] = list(example.classes.items())
    return described


@contextmanager
def _on_the_disk(path: Path) -> Iterator[BinaryIO]:
    """Open a new file, and wait in the end until the disk has it: the settings vouch for it."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _read_example(folder: Path, number: int, described: dict[str, Any]) -> Example:
    from napari_maskrcnn.train.dataset import Example

    known = {item.name for item in fields(Example)}
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in described.items()
        if key in known
    }
    values["classes"] = {int(i): str(name) for i, name in described["classes"]}
    values["image"] = np.load(folder / f"{number}-image.npy", allow_pickle=False)
    # Opened here: numpy leaves a torn file open.
    with (
        (folder / f"{number}-labels.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        values.update({key: arrays[key] for key in arrays})
    return Example(**values)
