"""What became of every image of an output folder, in a file that grows by whole lines.

Each line is one JSON object. A process that is killed leaves at most a torn last line, which is
passed over; runs that share a folder do not wipe each other's lines; and none is ever rewritten, so
a line costs the same with ten images and with a hundred thousand. The last line about an image
counts. Paths are relative to the folder, which may be moved.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from napari_maskrcnn.formats.provenance import versions
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.folder.inputs import Task
from napari_maskrcnn.predict.folder.one import Request
from napari_maskrcnn.predict.settings import PredictSettings

logger = logging.getLogger(__name__)

NAME = "napari-maskrcnn-run.jsonl"
#: Where a setting stands does not decide which objects are found.
_WITHOUT_EFFECT = ("model", "device")
_WORDS = {
    "smallest": "least size",
    "largest": "largest size",
    "hidden": "largest hidden share",
    "border": "objects at the border",
    "link": "planes linked along",
    "overlap": "overlap of planes",
    "gap": "planes missed",
}

Stamp = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds; both stay when a file is moved."""


def stamp(path: Path) -> Stamp | None:
    """Return what tells a file from its next version without reading it; None without a file.

    Of a folder, such as a zarr, it is what its files come to.
    """
    try:
        if path.is_dir():
            each = [file.stat() for file in path.rglob("*") if file.is_file()]
            newest = max((known.st_mtime_ns for known in each), default=0)
            return sum(known.st_size for known in each), newest
        known = path.stat()
    except OSError:
        return None
    return known.st_size, known.st_mtime_ns


@dataclass(frozen=True)
class Record:
    """What became of one image.

    Parameters
    ----------
    status : str
        ``begun``: its outputs are being written; ``done``; or ``failed``: all else is then as the
        run before left it.
    how : str
        Key of what it was predicted with.
    source : Stamp, optional
        The image when it was read.
    path : str
        Where it lay, as `Manifest.path_of` gives it; empty where an earlier version wrote it.
    outputs : tuple of Stamp
        The labels and the table as they were written; of those begun, as they are to be, if that
        is known yet, then as they were before.
    objects : int
        Number of objects.
    limited : bool
        Whether a limit on that number was hit.
    seconds : float
        What it took.
    reason : str
        Why it failed.
    """

    status: Literal["begun", "done", "failed"]
    how: str
    source: Stamp | None = None
    path: str = ""
    outputs: tuple[Stamp | None, ...] = ()
    objects: int = 0
    limited: bool = False
    seconds: float = 0.0
    reason: str = ""


class Manifest:
    """The records of an output folder.

    Parameters
    ----------
    folder : Path
        The output folder, which may not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME
        self._records: dict[str, Record] = {}
        self._hows: dict[str, Mapping[str, Any]] = {}
        self._torn = False
        self._read()

    def record(self, task: Task) -> Record | None:
        """Return what became of an image; None when nothing is known of it."""
        return self._records.get(self._key(task))

    def path_of(self, image: Path) -> str:
        """Return where an image lies, seen from the folder: both may be moved together."""
        try:
            return Path(os.path.relpath(image, self.folder)).as_posix()
        except ValueError:  # on another drive of Windows
            return Path(os.path.abspath(image)).as_posix()

    def how(self, key: str) -> Mapping[str, Any]:
        """Return what a record's images were predicted with."""
        return self._hows.get(key, {})

    def note_how(self, how: Mapping[str, Any]) -> str:
        """Write down what images are predicted with, once, and return its key.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        text = json.dumps(how, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:12]
        if key not in self._hows:
            self._append({"how": key, "with": how, "versions": versions()})
            self._hows[key] = how
        return key

    def note(self, task: Task, record: Record) -> None:
        """Write down what became of an image.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        known = {name: value for name, value in asdict(record).items() if value not in ("", ())}
        self._append({"image": task.source.name, "labels": self._key(task), **known})
        self._records[self._key(task)] = record

    def _key(self, task: Task) -> str:
        labels = task.labels
        return (
            labels.relative_to(self.folder) if labels.is_relative_to(self.folder) else labels
        ).as_posix()

    def _append(self, values: Mapping[str, Any]) -> None:
        line = json.dumps(values, ensure_ascii=False) + "\n"
        # In one piece, so that lines of two processes do not mix.
        content = (("\n" if self._torn else "") + line).encode("utf-8", "surrogateescape")
        with self.path.open("ab", buffering=0) as file:
            # A disk that is nearly full takes the beginning of a line and says no more.
            self._torn = (file.write(content) or 0) < len(content)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def _read(self) -> None:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        self._torn = not content.endswith(b"\n") and bool(content)
        for number, line in enumerate(content.split(b"\n"), start=1):
            if line.strip():
                try:
                    self._take(json.loads(line.decode("utf-8", "surrogateescape")))
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                    logger.info("%s, line %d cannot be read; it is passed over.", self.path, number)

    def _take(self, values: dict[str, Any]) -> None:
        if "how" in values and "with" in values:
            self._hows[str(values["how"])] = dict(values["with"])
            return
        known = {f.name: values[f.name] for f in fields(Record) if f.name in values}
        known["source"] = _stamp(known.get("source"))
        known["outputs"] = tuple(_stamp(one) for one in known.get("outputs", ()))
        known["how"] = str(known["how"])
        known["path"] = str(known.get("path", ""))
        if known["status"] not in ("begun", "done", "failed"):
            raise ValueError(known["status"])
        self._records[str(values["labels"])] = Record(**known)


def how_of(request: Request, model_name: str, model_hash: str) -> dict[str, Any]:
    """Say in plain JSON values what decides which objects are found in an image.

    What is as it is without being asked for is left out, so that records stay valid when a later
    version knows more settings.
    """
    choice = {**asdict(request.choice), "score": None}
    settings = {k: v for k, v in asdict(request.settings).items() if k not in _WITHOUT_EFFECT}
    usual = {**asdict(PredictSettings()), **asdict(Choice(0.0)), "score": None}
    usual |= {"pixel_size": None, "axes": None}
    asked = {**choice, **settings, "pixel_size": request.pixel_size, "axes": request.axes}
    return {
        "model": {"name": model_name, "sha256": model_hash},
        "settings": {k: _plain(v) for k, v in asked.items() if v != usual[k]},
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say in words how two values of `how_of` differ; empty when they do not."""
    if then == now:
        return ""
    model_then, model_now = then.get("model", {}), now.get("model", {})
    said = []
    if model_then.get("sha256") != model_now.get("sha256"):
        named = str(model_then.get("name", "unknown"))
        same = named == model_now.get("name")
        said.append(f"another version of the model {named}" if same else f"the model {named}")
    before, after = then.get("settings", {}), now.get("settings", {})
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            words = _WORDS.get(name, name.replace("_", " "))
            said.append(f"{words} {_word(before.get(name))} (now {_word(after.get(name))})")
    return ", ".join(said)


def in_words(request: Request) -> str:
    """Say what a request asks for beside model, score and diameter; empty when nothing."""
    asked = how_of(request, "", "")["settings"]
    return ", ".join(
        f"{_WORDS.get(name, name.replace('_', ' '))} {_word(value)}"
        for name, value in asked.items()
        if name not in ("score", "diameter")
    )


def _word(value: Any) -> str:
    if value is None:
        return "as usual"
    if isinstance(value, bool):
        return "kept" if value else "left out"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON would give it back."""
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _stamp(value: Any) -> Stamp | None:
    if value is None:
        return None
    size, changed = value
    return int(size), int(changed)
