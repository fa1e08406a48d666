"""Processes that take turns, with pretended ones in their place."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from benchmarks import turns, worker
from benchmarks.turns import take_turns


class Pretended:
    """Answers with the seconds it was given, one after the other."""

    def __init__(self, name: str, log: list[str], *seconds: float | str) -> None:
        self.name, self.log, self.seconds = name, log, list(seconds)

    def ask(self, do: str, save: str = "") -> dict[str, Any]:
        assert do == "run"
        self.log.append(self.name)
        value = self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]
        return {"error": value} if isinstance(value, str) else {"seconds": value, "bytes": 1}


def test_engines_alternate_and_the_first_round_is_left_out() -> None:
    log: list[str] = []
    pair = [Pretended("a", log, 9.0, 1.0, 2.0), Pretended("b", log, 5.0, 3.0)]
    found = take_turns(pair, 60, ["", ""])
    assert "".join(log) == "ab" * (turns.MOST_ROUNDS + 1)
    assert found[0]["seconds"] == [1.0] + [2.0] * (turns.MOST_ROUNDS - 1)
    assert found[1]["seconds"] == [3.0] * turns.MOST_ROUNDS


def test_a_long_call_is_not_repeated_and_a_failed_engine_is_left_out() -> None:
    log: list[str] = []
    three = [
        Pretended("a", log, 30.0),
        Pretended("b", log, "out of memory"),
        Pretended("c", log, 2.0, 1.0),
    ]
    found = take_turns(three, 0, ["", "", ""])
    assert "".join(log) == "abcc"
    assert found[0]["seconds"] == [30.0]
    assert found[1] == {"error": "out of memory"}
    assert found[2]["seconds"] == [1.0]


def test_too_little_memory_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: worker.Worker, save: str = "") -> worker.Answer:
        torch.empty(2**60, dtype=torch.uint8)
        return {}

    monkeypatch.setattr(worker.Worker, "run", run)
    busy = worker.Worker()
    busy.limit = 5
    found = worker.answer(busy, json.dumps({"do": "run"}))
    assert "memory" in found["error"]
    assert found["limit"] == 5
