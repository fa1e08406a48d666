"""A slider that moves on: the choice that came last is shown, whatever was under way."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QObject

from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.widgets import chooser
from napari_maskrcnn.widgets.chooser import Chooser


class Made:
    """A chooser over a prediction that is none, and what it told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chooser, "_takes_long", lambda kept, choice: choice.score < 0.5)
        monkeypatch.setattr(chooser, "_chosen", self._chosen)
        self.parent = QObject()
        self.told: list[float] = []
        self.chooser = Chooser(self.parent)
        self.chooser.ready.connect(lambda layer, kept, choice: self.told.append(choice.score))

    def choose(self, score: float) -> None:
        nothing: Any = None
        self.chooser.choose(nothing, nothing, Choice(score))

    @staticmethod
    def _chosen(wish: Any, stop: Any) -> Any:
        yield from ()
        return wish


def test_what_came_at_once_is_not_replaced_by_what_was_under_way(
    monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    made = Made(monkeypatch)
    made.choose(0.05)
    assert made.chooser.running
    made.choose(0.9)
    assert made.told == [0.9]
    qtbot.waitUntil(lambda: not made.chooser.running)
    assert made.told == [0.9]
    for score in (0.1, 0.2, 0.3):
        made.choose(score)
    qtbot.waitUntil(lambda: len(made.told) > 1)
    qtbot.waitUntil(lambda: not made.chooser.running)
    assert made.told == [0.9, 0.3]


def test_after_its_end_it_tells_nothing(monkeypatch: pytest.MonkeyPatch, qtbot: Any) -> None:
    made = Made(monkeypatch)
    made.choose(0.05)
    made.chooser.stop()
    qtbot.waitUntil(lambda: not made.chooser.running)
    assert made.told == []
