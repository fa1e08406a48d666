"""Steps a second of a fine-tuning in the window's thread, against the same in a plain script.

The viewer is idle meanwhile; its clock ticks every 20 ms, and how late the ticks come is told too::

    xvfb-run -a python -m benchmarks.training_thread

Both take turns, each in a process of its own, so that a slow minute of the machine meets both. On a
machine that does other things as well, look at the seconds of the thread alone (all of the training
with OMP_NUM_THREADS=1): the window's thread has a lower priority, and gives way to them.

Where OpenGL is drawn by the processor, as under Xvfb, napari's own spinner in the status bar has
the whole window drawn 32 times a second as long as a job runs: 0.3 processor seconds a second here,
0.03 when the spinner is held. With a graphics card it was not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np

from napari_maskrcnn.jobs import Job, run
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.dataset import Example, make_example
from napari_maskrcnn.train.fine_tune import FineTuneResult, fine_tune_job
from napari_maskrcnn.train.settings import TrainSettings

WARM_UP_STEPS = 5
TICK_MS = 20
MODES = ("script", "window")
WORDS = {
    "seconds": "seconds a step",
    "processor": "processor's seconds a step",
    "thread": "of these, in the thread that trains",
}


def examples() -> list[Example]:
    """Two images of 512 × 512 px with 60 nuclei each."""
    drawn = [synthetic_nuclei((512, 512), 60, (18, 34), seed=k) for k in range(2)]
    return [make_example(*pair, f"drawn {k}") for k, pair in enumerate(drawn)]


class Timed:
    """Counts the steps of a training from the sixth on, and stops it after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.steps = 0
        self._seconds = seconds
        self._first = self._last = (0.0, 0.0, 0.0)

    def job(self, stop: threading.Event) -> Job[FineTuneResult]:
        """Make the training."""
        settings = TrainSettings(minutes=10_000)
        job = fine_tune_job(examples(), settings, validation=[], stop=stop)
        while True:
            try:
                step = next(job)
            except StopIteration as end:
                result: FineTuneResult = end.value
                return result
            if "loss" in step.data:
                self.count(step.data["step"], stop)
            yield step

    def count(self, step: int, stop: threading.Event) -> None:
        """Note that a step is done, and stop the training when it is time."""
        steps = step - WARM_UP_STEPS
        now = (time.perf_counter(), time.process_time(), time.thread_time())
        if steps == 0:
            self._first = now
        elif steps > 0:
            self.steps, self._last = steps, now
            if now[0] - self._first[0] > self._seconds:
                stop.set()

    def found(self) -> dict[str, float]:
        """Seconds a step; processor's seconds a step of the process, and of the thread alone."""
        spent = (np.subtract(self._last, self._first) / self.steps).tolist()
        return dict(zip(("seconds", "processor", "thread"), spent, strict=True))


def in_script(seconds: float) -> dict[str, float]:
    """Train in the main thread."""
    timed = Timed(seconds)
    run(timed.job(threading.Event()))
    return timed.found()


def in_window(seconds: float) -> dict[str, float]:
    """Train in the thread of the Fine-tune tab, as its button does."""
    import napari
    from qtpy.QtCore import Qt, QTimer

    from napari_maskrcnn.widgets.fine_tune_widget import FineTuneWidget

    viewer = napari.Viewer()
    viewer.add_image(examples()[0].image)
    widget = FineTuneWidget(viewer)
    viewer.window.add_dock_widget(widget)
    timed, ticks = Timed(seconds), [0.0]
    widget.runner.failed.connect(lambda error: os.write(2, f"{error}\n".encode()))
    widget.runner.finished.connect(lambda: QTimer.singleShot(0, viewer.close))
    beat = QTimer(widget)
    beat.setTimerType(Qt.TimerType.PreciseTimer)
    beat.timeout.connect(lambda: timed.steps and ticks.append(time.perf_counter()))
    beat.start(TICK_MS)
    QTimer.singleShot(1000, lambda: widget.runner.start(timed.job, "Fine-tune"))
    napari.run()
    late = 1000 * np.diff(ticks[1:]) - TICK_MS
    beats = {"late_99": float(np.percentile(late, 99)), "late_most": float(late.max())}
    return timed.found() | beats


def measure(rounds: int, seconds: float) -> dict[str, list[dict[str, Any]]]:
    """Measure both in turn, each in a new process."""
    found: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    for _ in range(rounds):
        for mode in MODES:
            words = [sys.executable, "-m", "benchmarks.training_thread", "--mode", mode]
            done = subprocess.run(
                [*words, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True, check=True
            )
            found[mode].append(json.loads(done.stdout.splitlines()[-1]))
            print(mode, found[mode][-1], flush=True)
    return found


def main() -> None:
    """Print the medians of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40.0, help="of each run (default: 40)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--mode", choices=MODES, help="measure only this, once, and print JSON")
    args = parser.parse_args()
    if args.mode is not None:
        one = in_script if args.mode == "script" else in_window
        print(json.dumps(one(args.seconds)))
        return
    found = measure(args.rounds, args.seconds)
    for key, words in WORDS.items():
        script, window = (statistics.median(row[key] for row in found[m]) for m in MODES)
        print(
            f"{words}: script {script:.3f}, window {window:.3f}; the window makes "
            f"{100 * script / window:.0f} % of the script's steps"
        )
    late = [statistics.median(row[k] for row in found["window"]) for k in ("late_99", "late_most")]
    print(f"ticks of {TICK_MS} ms in the window: 99 % late by at most {late[0]:.0f} ms, all by "
          f"{late[1]:.0f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
