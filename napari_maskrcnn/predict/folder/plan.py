"""What is to be done with each image of a folder: nothing, prediction, or to ask first.

What an earlier run finished is not done again; what it left half done is; and no file is replaced
that a person may want, unless they said so.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from napari_maskrcnn.predict.folder.inputs import Task
from napari_maskrcnn.predict.folder.manifest import Manifest, Record, differences, how_of, stamp
from napari_maskrcnn.predict.folder.one import Request

Status = Literal["waiting", "predicting", "done", "failed", "exists", "busy"]


@dataclass(frozen=True)
class FileState:
    """Where one image of a folder stands.

    Parameters
    ----------
    task : Task
        The image and its outputs.
    status : str
        ``waiting``; ``predicting``; ``done``; ``failed``; ``busy``: another run predicts it; or
        ``exists``: an output is in the way and stays until a person allows to replace it.
    objects : int, optional
        Number of objects, once it is done.
    limited : bool
        Whether a limit on that number was hit.
    seconds : float, optional
        What it took.
    reason : str
        Why it failed, exists, or is done again.
    earlier : bool
        Whether an earlier run finished it.
    replace : bool
        Whether outputs that exist may be replaced.
    reading : str
        How the axes of the image were read, where they are easily meant otherwise.
    """

    task: Task
    status: Status = "waiting"
    objects: int | None = None
    limited: bool = False
    seconds: float | None = None
    reason: str = ""
    earlier: bool = False
    replace: bool = False
    reading: str = ""


@dataclass(frozen=True)
class Plan:
    """A run over many images, before it starts.

    Parameters
    ----------
    files : tuple of FileState
        Where each stands.
    output : Path
        Folder of the outputs and of the manifest.
    request : Request
        How they are predicted.
    how : dict
        The same in plain values, with the model's hash.
    """

    files: tuple[FileState, ...]
    output: Path
    request: Request
    how: dict[str, Any]

    @property
    def model_name(self) -> str:
        """Name of the model's file."""
        return str(self.how["model"]["name"])

    @property
    def todo(self) -> int:
        """Number of images that wait."""
        return sum(state.status == "waiting" for state in self.files)


def replacing(plan: Plan) -> Plan:
    """Return a plan that also predicts what `exists`, after a person allowed to replace it."""
    files = tuple(
        FileState(state.task, replace=True) if state.status == "exists" else state
        for state in plan.files
    )
    return replace(plan, files=files)


def make_plan(
    tasks: Sequence[Task], output: Path, request: Request, overwrite: bool = False
) -> Plan:
    """Look what an earlier run left in the output folder, and decide for each image.

    Parameters
    ----------
    tasks : sequence of Task
        The images.
    output : Path
        Folder of the outputs, which may not exist yet.
    request : Request
        How they are to be predicted.
    overwrite : bool
        Predict every image, whatever exists.

    Raises
    ------
    FileNotFoundError
        There is no such model.
    OSError
        The weights file or the manifest cannot be read.
    """
    from napari_maskrcnn.models import find_model
    from napari_maskrcnn.models.model import file_hash

    path = find_model(request.settings.model)
    how = how_of(request, path.stem, file_hash(path))
    manifest = Manifest(output)
    files = tuple(
        FileState(task, replace=True) if overwrite else decide(task, manifest, how)
        for task in tasks
    )
    return Plan(files, output, request, how)


def decide(task: Task, manifest: Manifest, how: dict[str, Any]) -> FileState:
    """Decide what is to be done with one image: it waits, is done, or `exists`.

    Parameters
    ----------
    task : Task
        The image and its outputs.
    manifest : Manifest
        What is known of earlier runs.
    how : dict
        What it is to be predicted with, as `how_of` gives it.
    """
    record = manifest.record(task)
    existing = task.existing
    if not existing:
        gone = record is not None and record.status == "done"
        return FileState(task, reason="its labels were removed" if gone else "")
    if record is None or (record.status == "failed" and not record.outputs):
        return FileState(task, "exists", reason=f"{existing[0]} exists")
    # One that changed where it lies is a new version; one that only lies elsewhere was moved.
    moved = record.path not in ("", manifest.path_of(task.source))
    if moved and stamp(task.source) != record.source:
        of = os.path.normpath(manifest.folder / record.path)
        return FileState(task, "exists", reason=f"{existing[0]} is of another image, {of}")
    if record.status == "begun":
        touched = _touched(task, record, existing) if record.outputs else []
        return _decide_unfinished(task, "was not finished", touched)
    other = differences(manifest.how(record.how), how)
    if other:
        return FileState(task, "exists", reason=f"{existing[0]} was predicted with {other}")
    if record.status == "failed":
        return _decide_unfinished(task, "failed before", _touched(task, record, existing))
    return _decide_done(task, record, existing)


def _decide_unfinished(task: Task, why: str, touched: list[Path]) -> FileState:
    """Decide for an image whose outputs, if they are in place, are not what was wanted last."""
    if touched:
        return FileState(task, "exists", reason=f"{why}, and {touched[0]} is not what it wrote")
    return FileState(task, reason=why, replace=True)


def _touched(task: Task, record: Record, existing: list[Path]) -> list[Path]:
    """Return the outputs that are not as a run wrote them, or was allowed to replace them."""
    known = {task.labels: record.outputs[::2], task.table: record.outputs[1::2]}
    return [path for path in existing if stamp(path) not in known[path]]


def _decide_done(task: Task, record: Record, existing: list[Path]) -> FileState:
    """Decide for an image that was predicted with the same model and settings."""
    same_image = stamp(task.source) == record.source
    if same_image and len(existing) == 2:
        return FileState(task, "done", record.objects, record.limited, record.seconds, earlier=True)
    touched = _touched(task, record, existing)
    why = "one of its files was removed" if same_image else "the image was changed"
    if touched:
        return FileState(task, "exists", reason=f"{why}, and so was {touched[0]} by hand")
    return FileState(task, reason=why, replace=True)
