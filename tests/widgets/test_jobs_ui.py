"""Jobs in the window: progress, Cancel, errors, and a dock or viewer closed in the middle."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from napari.utils import progress
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_maskrcnn.jobs import Job, JobError, Progress
from napari_maskrcnn.widgets.dock import Dock
from napari_maskrcnn.widgets.job_row import PAUSED, JobRow
from napari_maskrcnn.widgets.jobs_ui import JobRunner, show_problem

Make = Callable[[threading.Event], Job[Any]]


def counting(total: int, result: Any = "done") -> Make:
    def make(stop: threading.Event) -> Job[Any]:
        for step in range(total):
            yield Progress(step + 1, total, f"step {step + 1}")
        return result

    return make


def endless(seen: list[threading.Event]) -> Make:
    """Make a job that ends only when it is told to, and then returns what it did."""

    def make(stop: threading.Event) -> Job[Any]:
        seen.append(stop)
        steps = 0
        while not stop.is_set():
            steps += 1
            yield Progress(steps, 0, "working")
            time.sleep(0.005)
        return steps

    return make


class Holder(QWidget):
    """A row with its runner, as a tab has them."""

    def __init__(self, make: Make) -> None:
        super().__init__()
        self.runner = JobRunner(self)
        self.row = JobRow("Go", self.runner)
        QVBoxLayout(self).addWidget(self.row)
        self.row.button.clicked.connect(lambda: self.runner.start(make, "Going", False))
        self.returned: list[Any] = []
        self.failed: list[Exception] = []
        self.runner.returned.connect(self.returned.append)
        self.runner.failed.connect(self.failed.append)


def go(qtbot: Any, make: Make) -> Holder:
    holder = Holder(make)
    qtbot.addWidget(holder)
    holder.show()
    holder.row.button.click()
    assert not holder.row.button.isEnabled()
    assert holder.row.cancel.isVisible()
    return holder


def wait(qtbot: Any, holder: Holder) -> None:
    qtbot.waitUntil(holder.row.button.isEnabled)
    assert not holder.row.cancel.isVisible()
    assert not holder.runner.running
    assert len(progress._all_instances) == 0


def test_a_job_returns_its_result_and_every_step_in_order(qtbot: Any) -> None:
    holder = Holder(counting(3))
    qtbot.addWidget(holder)
    steps: list[Progress] = []
    holder.runner.progressed.connect(steps.append)
    holder.row.button.click()
    wait(qtbot, holder)
    assert [step.done for step in steps] == [1, 2, 3]
    assert holder.returned == ["done"]
    assert holder.failed == []


def test_the_activity_panel_shows_title_then_message_and_progress(qtbot: Any) -> None:
    gate = threading.Event()

    def make(stop: threading.Event) -> Job[None]:
        yield Progress(3, 7, "third of seven")
        gate.wait(10)

    holder = go(qtbot, make)
    (bar,) = progress._all_instances
    assert bar.desc.startswith("Going")
    qtbot.waitUntil(lambda: bar.n == 3)
    assert (bar.total, holder.row.bar.value(), holder.row.bar.maximum()) == (7, 3, 7)
    assert bar.desc.startswith("third of seven")
    assert holder.row.message.text() == "third of seven"
    gate.set()
    wait(qtbot, holder)


def test_cancel_ends_the_job_and_keeps_what_it_did(qtbot: Any) -> None:
    seen: list[threading.Event] = []
    holder = go(qtbot, endless(seen))
    qtbot.waitUntil(lambda: bool(seen))
    holder.row.cancel.click()
    wait(qtbot, holder)
    assert holder.returned[0] >= 1
    assert holder.runner.cancelled


def test_errors_of_torch_reach_the_person_with_the_remedy(qtbot: Any, notes: list[str]) -> None:
    def make(stop: threading.Event) -> Job[None]:
        yield Progress(0, 1)
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")

    holder = go(qtbot, make)
    wait(qtbot, holder)
    assert isinstance(holder.failed[0], JobError)
    assert holder.returned == []
    assert len(notes) == 1
    assert notes[0].startswith("error: The computer ran out of memory. Close other programs")


def test_an_error_before_the_first_step_also_gives_the_button_back(
    qtbot: Any, notes: list[str]
) -> None:
    def make(stop: threading.Event) -> Job[None]:
        raise RuntimeError("no such operator")

    holder = go(qtbot, make)
    wait(qtbot, holder)
    assert notes == ["error: no such operator"]


def test_a_bug_is_shown_with_its_traceback(qtbot: Any, notes: list[str]) -> None:
    def make(stop: threading.Event) -> Job[None]:
        yield Progress(0, 1)
        raise KeyError("missing")

    holder = go(qtbot, make)
    wait(qtbot, holder)
    assert notes == ["error: 'missing'"]
    assert isinstance(holder.failed[0], KeyError)
    assert holder.failed[0].__traceback__ is not None


def test_the_next_job_can_start_after_an_error(qtbot: Any) -> None:
    outcomes = iter([ValueError("first"), None])

    def make(stop: threading.Event) -> Job[str]:
        yield Progress(0, 1)
        if (error := next(outcomes)) is not None:
            raise error
        return "second"

    holder = go(qtbot, make)
    wait(qtbot, holder)
    holder.row.button.click()
    wait(qtbot, holder)
    assert holder.returned == ["second"]


def test_one_job_at_a_time(qtbot: Any) -> None:
    seen: list[threading.Event] = []
    holder = go(qtbot, endless(seen))
    with pytest.raises(JobError, match="Cancel first"):
        holder.runner.start(counting(1), "another", False)
    holder.runner.stop()
    wait(qtbot, holder)


def test_warnings_for_users_are_shown_and_others_are_not(qtbot: Any, notes: list[str]) -> None:
    def make(stop: threading.Event) -> Job[None]:
        yield Progress(0, 1)
        warnings.warn("the image is very small", UserWarning, stacklevel=1)
        warnings.warn("an old function", DeprecationWarning, stacklevel=1)

    holder = go(qtbot, make)
    wait(qtbot, holder)
    assert notes == ["warning: the image is very small"]


def test_a_text_is_shown_as_an_error(notes: list[str], qtbot: Any) -> None:
    show_problem("There is no image layer.")
    assert notes == ["error: There is no image layer."]


def test_a_widget_that_is_deleted_stops_its_job(qtbot: Any) -> None:
    seen: list[threading.Event] = []
    holder = Holder(endless(seen))
    holder.row.button.click()
    qtbot.waitUntil(lambda: bool(seen))
    holder.deleteLater()
    qtbot.waitUntil(lambda: seen[0].is_set())
    assert QThreadPool.globalInstance().waitForDone(5000)
    qtbot.waitUntil(lambda: len(progress._all_instances) == 0)


def test_closing_the_dock_stops_its_job(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer()
    dock = Dock(viewer)
    viewer.window.add_dock_widget(dock, name="job")
    seen: list[threading.Event] = []
    dock.runner.start(endless(seen), "Predict", False)
    qtbot.waitUntil(lambda: bool(seen))
    dock.parent().destroyOnClose()  # what the "×" of the dock calls
    assert seen[0].is_set()
    qtbot.waitUntil(lambda: not dock.runner.running)
    assert len(progress._all_instances) == 0


def test_closing_the_viewer_stops_its_job(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer()
    dock = Dock(viewer)
    viewer.window.add_dock_widget(dock, name="job")
    seen: list[threading.Event] = []
    dock.runner.start(endless(seen), "Predict", False)
    qtbot.waitUntil(lambda: bool(seen))
    viewer.close()
    assert QThreadPool.globalInstance().waitForDone(5000)
    del dock
    qtbot.waitUntil(lambda: len(progress._all_instances) == 0)


def test_a_paused_job_stands_still_while_others_run(qtbot: Any) -> None:
    waiting, other = Holder(endless([])), Holder(counting(3))
    for holder in (waiting, other):
        qtbot.addWidget(holder)
    seen: list[Progress] = []
    waiting.runner.progressed.connect(seen.append)
    waiting.row.button.click()
    qtbot.waitUntil(lambda: len(seen) > 2)
    waiting.runner.pause(True)
    assert waiting.row.message.text() == PAUSED
    qtbot.wait(150)
    steps = len(seen)
    other.row.button.click()
    qtbot.waitUntil(lambda: other.returned == ["done"])
    assert len(seen) == steps
    waiting.runner.pause(False)
    qtbot.waitUntil(lambda: len(seen) > steps)
    waiting.runner.pause(True)
    waiting.row.cancel.click()
    qtbot.waitUntil(lambda: not waiting.runner.running)
    assert waiting.returned[0] > steps
    assert not waiting.runner.is_paused


def test_jobs_do_not_wait_for_each_other_on_a_computer_with_one_core(qtbot: Any) -> None:
    threads = QThreadPool.globalInstance()
    before = threads.maxThreadCount()
    threads.setMaxThreadCount(1)
    holders = [Holder(endless([])), Holder(endless([])), Holder(counting(1))]
    try:
        for holder in holders:
            qtbot.addWidget(holder)
            holder.row.button.click()
        qtbot.waitUntil(lambda: holders[2].returned == ["done"])
    finally:
        for holder in holders[:2]:
            holder.row.cancel.click()
        qtbot.waitUntil(lambda: not any(holder.runner.running for holder in holders))
        threads.setMaxThreadCount(before)
