from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli.conftest import Main


@pytest.mark.parametrize(("words", "window"), [([], True), (["--no-window"], False)])
def test_the_demo_is_told_where_and_whether_to_show(
    run: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], window: bool
) -> None:
    called: list[tuple[Path, bool]] = []
    module = ModuleType("napari_maskrcnn.demo")

    def main(output: Path, window: bool) -> int:
        called.append((output, window))
        return 0

    module.main = main  # type: ignore[attr-defined]  # the demonstration itself has tests of its own
    monkeypatch.setitem(sys.modules, "napari_maskrcnn.demo", module)
    assert run("demo", "--output", tmp_path, *words) == 0
    assert called == [(tmp_path, window)]
