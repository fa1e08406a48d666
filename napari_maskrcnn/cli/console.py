"""What the command line says, and how Ctrl+C reaches the work: the only module that prints.

Results go to standard output; every failure is one line on standard error that names the thing
and the reason, so that a script can count and log them.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from napari_maskrcnn.cli.progress import aside
from napari_maskrcnn.jobs import reason

PROGRAM = "napari-maskrcnn"
DONE, FAILED, USAGE = 0, 1, 2


class UsageError(Exception):
    """A command that cannot mean anything; the message says what to write instead."""


def say(text: str = "") -> None:
    """Write one line of results to standard output."""
    _write(sys.stdout, f"{text}\n")


def say_result(text: str, values: Mapping[str, Any], as_json: bool) -> None:
    """Write one result: as a line for people, or its values as a line of JSON for a script."""
    say(to_json(values) if as_json else _printable(text))


def to_json(values: object, indent: int | None = None) -> str:
    """Return values as JSON; paths become text, and numbers that JSON does not know null."""
    return json.dumps(_plain(values), indent=indent, allow_nan=False)


def fail(subject: object, error: BaseException | str) -> int:
    """Write one failure as one line to standard error and return the exit status of a failure."""
    said = error if isinstance(error, str) else one_line(error)
    # A reason often begins with the file it is about.
    text = said if said.startswith(str(subject)) else f"{subject}: {said}"
    _write(sys.stderr, f"{_printable(text)}\n")
    if isinstance(error, BaseException):
        logging.getLogger(__name__).debug("%s", subject, exc_info=error)
    return FAILED


@contextmanager
def noting(subject: object) -> Iterator[None]:
    """Say what the work warns of, each as a line on standard error; it is no failure."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        finally:
            said = [(w.category, " ".join(str(w.message).split())) for w in caught]
            for category, line in dict.fromkeys(said):
                if category.__module__.startswith("napari_maskrcnn"):
                    _write(sys.stderr, f"{subject}: {line}\n")
                else:
                    logging.getLogger(__name__).debug("%s: %s", subject, line)


def one_line(error: BaseException) -> str:
    """Return what went wrong as one line, with the type where the text alone says too little."""
    # The argument of Python is called like the option.
    return reason(error).replace("overwrite=True", "--overwrite")


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl+C sets; a second one ends the program at once."""
    stop = threading.Event()

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        # A signal may arrive inside a write, where another would be refused.
        clear = b"\r\x1b[2K" if sys.stderr.isatty() else b""
        os.write(2, clear + b"Stopping; what is finished is kept. Ctrl+C again ends at once.\n")

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _printable(text: str) -> str:
    """Return a line in which the name of a file breaks no line and moves no cursor."""
    return re.sub(r"[\x00-\x1f\x7f]", lambda found: repr(found[0])[1:-1], text)


def _write(stream: TextIO, text: str) -> None:
    try:
        with aside():
            stream.write(text)
            stream.flush()
    except BrokenPipeError:
        # The reader (head, less) is gone; the work goes on, and the rest is said to nobody.
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class _Log(logging.StreamHandler[TextIO]):
    """Writes between the bars."""

    def emit(self, record: logging.LogRecord) -> None:
        with aside():
            super().emit(record)


def _is_said(record: logging.LogRecord) -> bool:
    # Readers of files log a traceback of their own for a damaged file that is reported anyway.
    ours = record.name.startswith("napari_maskrcnn.") and record.exc_info is None
    return record.levelno >= (logging.WARNING if ours else logging.CRITICAL)


@contextmanager
def logged(verbose: bool) -> Iterator[None]:
    """Show the program's log on standard error, everything with `verbose`, else its warnings."""
    handler = _Log(sys.stderr)
    if verbose:
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    else:
        handler.setFormatter(logging.Formatter(f"{PROGRAM}: %(message)s"))
        handler.addFilter(_is_said)
    root = logging.getLogger()
    own = logging.getLogger("napari_maskrcnn")
    before = own.level
    own.setLevel(logging.DEBUG if verbose else logging.WARNING)
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        own.setLevel(before)
