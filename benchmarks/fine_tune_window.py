"""How late the window is while it trains, and how fluid a brush stroke stays.

A timer of 20 ms on the window's thread tells how late each tick is, first idle, then while the
Fine-tune tab trains the embedded model; meanwhile a scripted stroke of the brush is painted and
drawn, frame by frame. What a training does besides (validation, the checkpoint) falls into it.

    python -m benchmarks.fine_tune_window [--seconds 60] [--side 512] [--frames 200]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable

# Before napari is imported: the user's settings and models stay as they are.
os.environ["NAPARI_CONFIG"] = ""

import napari
import numpy as np
from napari.layers import Labels
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from napari_maskrcnn.models.folder import HOME_VARIABLE
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.widgets.fine_tune_widget import FineTuneWidget

INTERVAL = 0.02
PATIENCE = 600.0


class Heartbeat:
    """A timer on the window's thread that knows how late every tick came, in seconds."""

    def __init__(self) -> None:
        self.lateness: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(round(1000 * INTERVAL))
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def stop(self) -> list[float]:
        """Stop and return the lateness of all ticks."""
        self._timer.stop()
        return self.lateness

    def _tick(self) -> None:
        now = time.perf_counter()
        self.lateness.append(max(0.0, now - self._last - INTERVAL))
        self._last = now


def live(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


def wait(ready: Callable[[], bool]) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"Nothing came within {PATIENCE:.0f} s.")
        QApplication.processEvents()
        time.sleep(0.001)


def stroke(viewer: napari.Viewer, layer: Labels, frames: int) -> list[float]:
    """Paint a new object along a wave, a frame a step; seconds that each took until drawn."""
    height, width = layer.data.shape
    label = int(layer.data.max()) + 1
    taken = []
    for step in range(frames):
        at = (height * (0.5 + 0.4 * np.sin(step / 15)), width * (0.05 + 0.9 * step / frames))
        begin = time.perf_counter()
        layer.paint(at, label)
        QApplication.processEvents()
        taken.append(time.perf_counter() - begin)
        live(INTERVAL)
    return taken


def told(what: str, seconds: list[float], *limits: float) -> str:
    """Say the quantiles of some times, and the share within limits in milliseconds."""
    values = 1000 * np.array(seconds)
    at = [f"{share:g} % {np.percentile(values, share):.1f}" for share in (50, 95, 99)]
    within = [f"≤ {limit:g} ms: {100 * np.mean(values <= limit):.2f} %" for limit in limits]
    numbers = ", ".join([*at, f"most {values.max():.1f} ms", *within])
    return f"{what}: {len(values)} times; {numbers}"


def main() -> None:
    """Print a line for each of what was measured."""
    parser = argparse.ArgumentParser(description="Measure the window while it trains.")
    parser.add_argument("--seconds", type=float, default=60, help="of training (default: 60)")
    parser.add_argument("--side", type=int, default=512, help="of the image, pixels (default: 512)")
    parser.add_argument("--frames", type=int, default=200, help="of the stroke (default: 200)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ[HOME_VARIABLE] = home
        viewer = napari.Viewer()
        image, labels = synthetic_nuclei((args.side, args.side), count=args.side // 4, seed=1)
        viewer.add_image(image, name="cells")
        layer = viewer.add_labels(labels, name="cells corrected")
        layer.brush_size = 20
        page = FineTuneWidget(viewer)
        viewer.window.add_dock_widget(page, name="Fine-tune")
        live(3)
        print(told("brush, idle", stroke(viewer, layer, args.frames)), flush=True)
        page.form.budget.setValue(max(1, round(args.seconds / 60) + 5))
        page.row.button.click()
        wait(lambda: len(page.plot) > 0 or not page.runner.running)
        beat = Heartbeat()
        live(args.seconds)
        late = beat.stop()
        print(told("20 ms timer, late while training", late, 50, 250), flush=True)
        print(told("brush, while training", stroke(viewer, layer, args.frames)), flush=True)
        print(f"steps trained meanwhile: {len(page.plot)}")
        page.row.cancel.click()
        wait(lambda: not page.runner.running)
        page.proof.discard.click()
        viewer.close()


if __name__ == "__main__":
    main()
