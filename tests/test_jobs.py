from __future__ import annotations

import threading
import time

import pytest

from napari_maskrcnn.jobs import Job, JobError, Progress, guarded, pausable, run


def _counting(error: Exception | None = None) -> Job[str]:
    yield Progress(0, 2, "first")
    yield Progress(1, 2, data={"x": 1})
    if error:
        raise error
    return "result"


def test_running_a_job_reports_every_step_and_returns_its_result() -> None:
    seen: list[Progress] = []
    assert run(_counting(), seen.append) == "result"
    assert [(s.done, s.total, s.message, dict(s.data)) for s in seen] == [
        (0, 2, "first", {}),
        (1, 2, "", {"x": 1}),
    ]
    assert run(_counting()) == "result"


def test_a_guarded_job_passes_progress_and_result_through() -> None:
    seen: list[Progress] = []
    assert run(guarded(_counting()), seen.append) == "result"
    assert len(seen) == 2


def test_a_runtime_error_becomes_one_that_workers_survive() -> None:
    with pytest.raises(JobError, match="broken") as caught:
        run(guarded(_counting(RuntimeError("broken"))))
    assert not isinstance(caught.value, RuntimeError)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_out_of_memory_comes_with_a_remedy() -> None:
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 GB\nmore")
    with pytest.raises(JobError, match=r"ran out of memory.*Close other programs.*8 GB"):
        run(guarded(_counting(error)))


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(ValueError, match="mine"):
        run(guarded(_counting(ValueError("mine"))))


def test_a_paused_job_waits_until_it_may_go_on_and_stop_wins() -> None:
    paused, stop = threading.Event(), threading.Event()
    job = pausable(_counting(), paused, stop)
    assert next(job).message == "first"
    paused.set()
    threading.Timer(0.15, paused.clear).start()
    begin = time.monotonic()
    assert next(job).data == {"x": 1}
    assert time.monotonic() - begin >= 0.14
    paused.set()
    stop.set()
    assert run(job) == "result"


def test_a_paused_job_that_is_closed_cleans_up() -> None:
    closed: list[str] = []

    def job() -> Job[None]:
        try:
            yield Progress(0, 1)
        finally:
            closed.append("yes")

    waiting = pausable(job(), threading.Event(), threading.Event())
    next(waiting)
    waiting.close()
    assert closed == ["yes"]
