from __future__ import annotations

import threading
import time

import pytest

from benchmarks.training_thread import WARM_UP_STEPS, Timed


def test_steps_are_timed_after_the_first_ones_and_the_training_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: 2 * now[0])
    monkeypatch.setattr(time, "thread_time", lambda: now[0] / 2)
    timed, stop = Timed(6.0), threading.Event()
    for step in range(1, 20):
        # The first steps are slow.
        now[0] += 10.0 if step <= WARM_UP_STEPS else 2.0
        timed.count(step, stop)
        if stop.is_set():
            break
    assert timed.steps == 4
    assert timed.found() == {"seconds": 2.0, "processor": 4.0, "thread": 1.0}
