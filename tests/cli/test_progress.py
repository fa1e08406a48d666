"""The bar: on a terminal only, out of the way of other lines, and gone at the end."""

from __future__ import annotations

import re
import sys

import pytest

from napari_maskrcnn.cli.console import say
from napari_maskrcnn.cli.progress import Bar
from napari_maskrcnn.jobs import Progress

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def pretend_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call it in the test itself: pytest gives that another standard error than its fixtures."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for name, value in {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)


def work() -> None:
    with Bar("plate[1]/a.tif") as bar:
        bar(Progress(1, 4, "Tile 2 of 4"))
        say("b.tif: 3 objects")
        bar(Progress(0, 0, "x" * 500))


def test_a_pipe_gets_the_results_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    work()
    said = capsys.readouterr()
    assert (said.out, said.err) == ("b.tif: 3 objects\n", "")


def test_a_terminal_gets_a_bar_that_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_terminal(monkeypatch)
    work()
    said = capsys.readouterr()
    assert said.out == "b.tif: 3 objects\n"
    shown = ESCAPES.sub("", said.err)
    assert re.search(r"plate\[1\]/a\.tif +━+.* 25% Tile 2 of 4", shown)
    assert max(map(len, re.split(r"[\r\n]", shown))) <= 100
    # Before the line, and at the end, the bar's line is erased and the cursor is shown again.
    assert said.err.count("\x1b[?25h\r\x1b[1A\x1b[2K") == 2
    assert said.err.endswith("\x1b[1A\x1b[2K")
    assert said.err.rfind("\x1b[?25h") > said.err.rfind("\x1b[?25l")


def test_a_failure_takes_the_bar_away_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_terminal(monkeypatch)

    def break_off() -> None:
        with Bar("a.tif") as bar:
            bar(Progress(1, 2))
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        break_off()
    said = capsys.readouterr().err
    assert said.rfind("\x1b[?25h") > said.rfind("\x1b[?25l")
    say("after")
    assert capsys.readouterr().err == ""
