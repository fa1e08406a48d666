from __future__ import annotations

import errno
import os
import signal
import sys
import threading

import pytest

from napari_maskrcnn.cli.console import ProgressLine, fail, interruptible, one_line
from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.models import WeightsError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("two\nlines  and\tmore"), "two lines and more"),
        (WeightsError("x.safetensors: damaged"), "x.safetensors: damaged"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (
            PermissionError(errno.EACCES, "Permission denied", "a.tif"),
            "Permission denied (a.tif)",
        ),
        (MemoryError(), "the computer ran out of memory"),
        (KeyError("index"), "KeyError: 'index'"),
        (AssertionError(), "AssertionError"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_an_error_is_one_line(error: Exception, line: str) -> None:
    assert one_line(error) == line


def test_a_failure_names_its_subject_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail("a.tif", ValueError("too small")) == 1
    assert fail("a.tif", ValueError("a.tif: too small")) == 1
    assert capsys.readouterr().err == "a.tif: too small\n" * 2


def test_the_first_interrupt_asks_and_the_second_ends(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert capfd.readouterr().err.count("\n") == 1


def test_outside_the_main_thread_there_is_no_signal_to_catch() -> None:
    seen: list[bool] = []

    def work() -> None:
        with interruptible() as stop:
            seen.append(stop.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_progress_is_one_line_of_a_terminal_and_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show() -> str:
        with ProgressLine("a.tif") as progress:
            progress(Progress(1, 4, "Tile 2 of 4"))
            progress(Progress(0, 0, "x" * 500))
        return capsys.readouterr().err

    assert show() == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    shown = show().split("\r\x1b[2K")
    assert shown[1] == "a.tif  25 % Tile 2 of 4"
    assert 20 < len(shown[2]) < 500
    assert shown[3] == ""
