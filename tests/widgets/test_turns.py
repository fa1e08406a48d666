"""Python's lock changes hands often while jobs run, and as before afterwards."""

from __future__ import annotations

import sys

import pytest

from napari_maskrcnn.widgets import turns
from napari_maskrcnn.widgets.turns import SECONDS, short_turns


@pytest.mark.parametrize(("usual", "short"), [(0.005, SECONDS), (SECONDS / 4, SECONDS / 4)])
def test_turns_are_short_while_any_job_runs(
    usual: float, short: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A job of another test may still be on its way out.
    monkeypatch.setattr(turns, "_holders", [])
    before = sys.getswitchinterval()
    try:
        sys.setswitchinterval(usual)
        first, second = short_turns(), short_turns()
        first.__enter__()
        second.__enter__()
        assert sys.getswitchinterval() == pytest.approx(short, abs=1e-6)
        first.__exit__(None, None, None)
        assert sys.getswitchinterval() == pytest.approx(short, abs=1e-6)
        second.__exit__(None, None, None)
        assert sys.getswitchinterval() == pytest.approx(usual, abs=1e-6)
    finally:
        sys.setswitchinterval(before)
