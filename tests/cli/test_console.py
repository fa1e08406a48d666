from __future__ import annotations

import errno
import json
import logging
import math
import os
import signal
import threading
import warnings
from pathlib import Path

import pytest

from napari_maskrcnn.cli.console import (
    fail,
    interruptible,
    logged,
    noting,
    one_line,
    say_result,
)
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


def test_a_name_of_several_lines_is_said_in_one(capsys: pytest.CaptureFixture[str]) -> None:
    say_result("a\nb.tif: 3 objects", {}, as_json=False)
    fail("ü\x1b[2K.tif", "too small")
    said = capsys.readouterr()
    assert said.out == "a\\nb.tif: 3 objects\n"
    assert said.err == "ü\\x1b[2K.tif: too small\n"


def test_the_log_is_silent_but_for_our_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    with logged(verbose=False):
        logging.getLogger("napari_maskrcnn.predict.planes").warning("Plane 2 has no object")
        logging.getLogger("napari_maskrcnn.predict.planes").info("it is quiet")
        logging.getLogger("tifffile").error("a traceback")
    assert capsys.readouterr().err == "napari-maskrcnn: Plane 2 has no object\n"
    with logged(verbose=True):
        logging.getLogger("napari_maskrcnn.cli").info("it is loud")
    assert capsys.readouterr().err == "INFO napari_maskrcnn.cli: it is loud\n"


def test_a_warning_of_ours_is_a_line_and_others_are_left_to_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class OursWarning(UserWarning):
        __module__ = "napari_maskrcnn.formats"

    with logged(verbose=False), noting("a.json"):
        for _ in range(2):
            warnings.warn("3 objects\nlost their holes", OursWarning, stacklevel=1)
        warnings.warn("of another project", UserWarning, stacklevel=1)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "a.json: 3 objects lost their holes\n")


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


def test_json_has_text_for_paths_and_null_for_what_is_no_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = {"file": Path("ä.tif"), "ap": math.nan, "rows": ({"loss": math.inf}, 1.5), 3: None}
    say_result("a line", values, as_json=True)
    line = capsys.readouterr().out
    assert line.isascii()
    assert line.count("\n") == 1
    expected = {"file": "ä.tif", "ap": None, "rows": [{"loss": None}, 1.5], "3": None}
    assert json.loads(line) == expected
    say_result("a line", values, as_json=False)
    assert capsys.readouterr().out == "a line\n"
