"""Long work is a generator: it yields its progress and returns its result.

The command line, the Python API, the tests and the viewer's background thread all drain the same
generator. A ``threading.Event`` given to the function that makes it ends it at the next step: the
generator then *returns* what is finished, so that cancelling never throws work away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
_EXPECTED = (ValueError, OSError)

#: How often a paused job looks whether it may go on.
POLL_SECONDS = 0.1
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")


@dataclass(frozen=True)
class Progress:
    """One step of a long job.

    Parameters
    ----------
    done, total : int
        Steps finished, and steps in all (0 when unknown).
    message : str
        What is being done, in a few words for a progress bar.
    data : Mapping[str, Any]
        What a listener may show: losses while training, labels while predicting.
    """

    done: int
    total: int
    message: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


Job = Generator[Progress, None, T]


class JobError(Exception):
    """A failure of a job, with its remedy, that is not a ``RuntimeError``.

    napari's generator worker takes a ``RuntimeError`` for "the worker was deleted" and swallows it
    without a signal; every error of torch is one. So jobs that run in the viewer raise this.
    """


def run(job: Job[T], progress: Callable[[Progress], object] | None = None) -> T:
    """Drain a job and return its result.

    Parameters
    ----------
    job : generator of Progress
        The job; it starts here.
    progress : callable, optional
        Called with each `Progress`, in the calling thread.

    Returns
    -------
    object
        What the job returned.
    """
    while True:
        try:
            step = next(job)
        except StopIteration as end:
            result: T = end.value
            return result
        if progress is not None:
            progress(step)


def guarded(job: Job[T]) -> Job[T]:
    """Pass a job through, turning ``RuntimeError`` into `JobError` with a remedy."""
    try:
        return (yield from job)
    except RuntimeError as error:
        raise JobError(explain(error)) from error


def pausable(job: Job[T], paused: threading.Event, stop: threading.Event) -> Job[T]:
    """Pass a job through, waiting between two of its steps while `paused` is set; `stop` wins."""
    try:
        while True:
            try:
                step = next(job)
            except StopIteration as end:
                result: T = end.value
                return result
            yield step
            while paused.is_set() and not stop.wait(POLL_SECONDS):
                pass
    finally:
        job.close()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of numpy, torch or a graphics card's library means too little memory."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY)


def explain(error: RuntimeError) -> str:
    """Say what a ``RuntimeError`` means for a person at the microscope, and what helps."""
    text = str(error).strip() or type(error).__name__
    if is_out_of_memory(error):
        return (
            "The computer ran out of memory. Close other programs, or give the object diameter "
            f"if the objects are large, then try again. ({text.splitlines()[0]})"
        )
    return text


def reason(error: BaseException) -> str:
    """Return what went wrong as one line, with the type where the text alone says too little."""
    if isinstance(error, MemoryError):
        return "the computer ran out of memory"
    if isinstance(error, OSError) and error.strerror:
        named = f" ({error.filename})" if error.filename else ""
        return " ".join(f"{error.strerror}{named}".split())
    text = " ".join(str(error).split())
    kind = type(error)
    plain = (
        isinstance(error, _EXPECTED)
        or kind is ArithmeticError
        or kind.__module__.startswith("napari_maskrcnn")
    )
    return text if plain and text else f"{kind.__name__}: {text}".removesuffix(": ")


def time_left(seconds: float) -> str:
    """Say how long a job still takes, no more precisely than anybody knows."""
    minutes = round(seconds / 60)
    if seconds < 45:
        return "less than a minute left"
    if minutes < 90:
        return f"about {max(1, minutes)} min left"
    return f"about {minutes / 60:.0f} h left"
