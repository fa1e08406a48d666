from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli.conftest import Main


def replace_demo(
    monkeypatch: pytest.MonkeyPatch, main: Callable[[Path, bool, object], None]
) -> None:
    """Put a function in the place of the demonstration, which has tests of its own."""
    module = ModuleType("napari_maskrcnn.demo")
    vars(module)["main"] = main
    monkeypatch.setitem(sys.modules, "napari_maskrcnn.demo", module)


@pytest.mark.parametrize(("words", "window"), [([], True), (["--no-window"], False)])
def test_the_demo_is_told_where_and_whether_to_show(
    run: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], window: bool
) -> None:
    called: list[tuple[Path, bool]] = []

    def main(output: Path, window: bool, say: object) -> None:
        assert callable(say)
        called.append((output, window))

    replace_demo(monkeypatch, main)
    assert run("demo", "--output", tmp_path, *words) == 0
    assert called == [(tmp_path, window)]


def test_an_interrupt_ends_the_demo(
    run: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGINT)

    def main(output: Path, window: bool, say: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    replace_demo(monkeypatch, main)
    assert run("demo", "--output", tmp_path) == 1
    assert capsys.readouterr().err == "napari-maskrcnn: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is before
