"""The job that works through a folder: one bad file stops no other, and what is done stays done."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.jobs import Job, Progress, explain, reason
from napari_maskrcnn.predict.folder.claim import claim
from napari_maskrcnn.predict.folder.manifest import Manifest, Record, Stamp, stamp
from napari_maskrcnn.predict.folder.one import (
    Found,
    find_in_file_job,
    remove_leftovers,
    write_outputs,
)
from napari_maskrcnn.predict.folder.plan import FileState, Plan, decide

if TYPE_CHECKING:
    from napari_maskrcnn.models import Model

logger = logging.getLogger(__name__)

#: After these no other image can be written either.
_ENDING = {errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}
#: What is said of an image that two runs want at one time.
BUSY = "another run is predicting it now; when that has ended, run again to be sure that it is done"
#: Steps an image counts, so that a bar moves within it.
PARTS = 100


@dataclass(frozen=True)
class FolderResult:
    """What came of a run.

    Parameters
    ----------
    files : tuple of FileState
        Where each image stands now.
    ended : str
        Why the run ended before its last image, when nobody asked it to.
    """

    files: tuple[FileState, ...]
    ended: str = ""

    def count(self, status: str) -> int:
        """Return how many images stand so."""
        return sum(state.status == status for state in self.files)


def predict_folder_job(
    plan: Plan, model: Model | None = None, stop: threading.Event | None = None
) -> Job[FolderResult]:
    """Predict every image of a plan that waits.

    Each image that changes its state is told at once: ``data`` of that `Progress` holds ``number``,
    its place in the plan, and ``file``, its new `FileState`. After the first share of the work,
    ``data`` also holds ``seconds_left``.

    Parameters
    ----------
    plan : Plan
        What `make_plan` returned.
    model : Model, optional
        Loaded already.
    stop : threading.Event, optional
        Ends the run at the next tile of an image when set; what is finished is kept.

    Returns
    -------
    FolderResult
        Where each image stands.

    Raises
    ------
    OSError, ValueError, RuntimeError
        The model cannot be loaded, or nothing can be written into the output folder.
    """
    run = _Run(plan)
    if not plan.todo:
        return FolderResult(plan.files)
    yield Progress(0, 0, f"Loading {plan.request.settings.model}")
    if model is None:
        from napari_maskrcnn.models import load_model

        model = load_model(plan.request.settings.model, plan.request.settings.device)
    run.begin()
    later = [number for number, state in enumerate(plan.files) if state.status == "waiting"]
    # What another run has in hand is asked for once more when all else is done.
    for last in (False, True):
        numbers, later = later, []
        for number in numbers:
            if run.ended or (stop is not None and stop.is_set()):
                break
            if not (yield from run.claimed(number, model, stop, last)):
                later.append(number)
    return FolderResult(tuple(run.files), run.ended)


class _Run:
    """The state of one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.files = list(plan.files)
        self.ended = ""
        self._total = plan.todo
        self._manifest = Manifest(plan.output)
        self._how = ""
        self._done = 0
        self._started = 0.0

    def begin(self) -> None:
        """Make the folder and write down what is predicted with, before the first image."""
        self.plan.output.mkdir(parents=True, exist_ok=True)
        self._how = self._manifest.note_how(self.plan.how)
        self._started = time.perf_counter()

    def claimed(
        self, number: int, model: Model, stop: threading.Event | None, last: bool
    ) -> Job[bool]:
        """Predict one image unless another run does; the last time, say that it does."""
        waiting = self.files[number]
        mine = claim(self.plan.output, waiting.task.labels)
        if mine is not None:
            try:
                yield from self.one(number, model, stop)
            finally:
                mine.release()
        elif last:
            self._done += 1
            yield self._tell(number, replace(waiting, status="busy", reason=BUSY))
        return mine is not None

    def one(self, number: int, model: Model, stop: threading.Event | None) -> Job[None]:
        """Predict one image and write down what became of it."""
        started, waiting = time.perf_counter(), self.files[number]
        # Before it is read: an image that changes meanwhile is then seen to have changed.
        read = stamp(waiting.task.source)
        yield self._tell(number, replace(waiting, status="predicting"))
        try:
            state = self._elsewhere(waiting)
            if state is None:
                found = yield from self._within(
                    find_in_file_job(waiting.task.source, self.plan.request, model, stop)
                )
                state = waiting if found is None else self._write(waiting, found, read, started)
        except Exception as error:  # whatever one file leads to, the others are still done
            state = self._failed(waiting, error)
        self._done += state is not waiting
        yield self._tell(number, state)

    def _elsewhere(self, state: FileState) -> FileState | None:
        """What another run over the same folder made of an image since this one was planned.

        Noting anything about it here would make its outputs those of nobody.
        """
        task = state.task
        if state.replace or not task.existing:
            return None
        now = decide(task, Manifest(self.plan.output), self.plan.how)
        return now if now.status != "waiting" else None

    def _within(self, job: Job[Found | None]) -> Job[Found | None]:
        """Pass an image's job through, its steps counted as part of the whole run."""
        while True:
            try:
                step = next(job)
            except StopIteration as end:
                found: Found | None = end.value
                return found
            share = step.done / step.total if step.total else 0.0
            yield self._progress(share, step.message)

    def _write(
        self, state: FileState, found: Found, read: Stamp | None, started: float
    ) -> FileState:
        task = state.task
        if (other := self._elsewhere(state)) is not None:
            return other
        before = self._manifest.record(task)
        if before is not None and before.status != "done":
            remove_leftovers(task)
        places = (task.labels, task.table)
        # What lies there now may be replaced, and nothing that comes later.
        old = _stamps(places) if state.replace else (None, None)
        path = self._manifest.path_of(task.source)
        record = Record("begun", self._how, read, path, outputs=old)
        try:
            self._manifest.note(task, record)
        except OSError as error:
            # Nor could it be for any other image: the folder or its disk is gone.
            self.ended = f"Cannot write into {self.plan.output}: {reason(error)}"
            raise

        def note_parts(parts: Sequence[Path]) -> None:
            # The next run is to know them, should nothing more be written down.
            self._manifest.note(task, replace(record, outputs=_stamps(parts) + old))

        write_outputs(task, found, state.replace, note_parts)
        done = replace(
            record,
            status="done",
            outputs=_stamps(places),
            objects=len(found.chosen),
            limited=found.chosen.limited,
            seconds=round(time.perf_counter() - started, 3),
        )
        self._manifest.note(task, done)
        return replace(
            state,
            status="done",
            objects=done.objects,
            limited=done.limited,
            seconds=done.seconds,
            reason="",
            reading=found.reading,
        )

    def _failed(self, state: FileState, error: Exception) -> FileState:
        logger.debug("%s", state.task.source, exc_info=error)
        why = explain(error) if isinstance(error, RuntimeError) else reason(error)
        if isinstance(error, OSError) and error.errno in _ENDING:
            self.ended = why
        # On a full disk not even this may find room; the image is simply done again then.
        with suppress(OSError):
            known = self._manifest.record(state.task) or Record("failed", self._how)
            # What is known of its outputs stays known: they are still those of a run.
            self._manifest.note(state.task, replace(known, status="failed", reason=why))
        return replace(state, status="failed", reason=why)

    def _tell(self, number: int, state: FileState) -> Progress:
        self.files[number] = state
        return self._progress(0.0, data={"number": number, "file": state})

    def _progress(
        self, share: float, message: str = "", data: Mapping[str, Any] | None = None
    ) -> Progress:
        total = self._total
        done = self._done + share
        told = dict(data or {})
        if done > 0:
            elapsed = time.perf_counter() - self._started
            told["seconds_left"] = elapsed / done * (total - done)
        if total > 1:
            place = f"{min(self._done + 1, total)} of {total}"
            message = f"{place}: {message}" if message else place
        return Progress(int(done * PARTS), total * PARTS, message, told)


def _stamps(paths: Sequence[Path]) -> tuple[Stamp | None, ...]:
    return tuple(stamp(path) for path in paths)
