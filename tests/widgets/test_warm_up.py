"""Starting torch beside a living window: no freeze, no crash, no trace left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from napari_maskrcnn.jobs import run
from napari_maskrcnn.widgets import warm_up

FRESH = """
import json, sys, time
import napari
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.widgets.panel import MaskRCNNPanel

viewer = napari.Viewer(show=True)
viewer.add_image(synthetic_nuclei((128, 128), count=12)[0], name="cells")
panel = MaskRCNNPanel(viewer)
viewer.window.add_dock_widget(panel, name="Mask R-CNN")
panel.header.models.set_value("tiny")
app = QApplication.instance()

def wait(until, seconds=120):
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        app.processEvents()
        time.sleep(0.001)

late, last = [], [0.0]
def beat():
    now = time.perf_counter()
    late.append(now - last[0] - 0.02)
    last[0] = now

settled = time.monotonic() + 1
wait(lambda: time.monotonic() > settled)
torch_before = "torch" in sys.modules
timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=20)
timer.timeout.connect(beat)
last[0] = time.perf_counter()
timer.start()
panel.predict.row.button.click()
wait(panel.predict.row.button.isEnabled)
timer.stop()
layers = [layer.name for layer in viewer.layers]
print(json.dumps([torch_before, "torch" in sys.modules, layers, len(late), max(late)]), flush=True)
viewer.close()
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="needs a screen, real or Xvfb")
def test_the_first_prediction_in_a_fresh_window(tiny_model: str) -> None:
    environment = os.environ | {"QT_QPA_PLATFORM": "xcb"}
    done = subprocess.run(
        [sys.executable, "-c", FRESH],
        capture_output=True,
        text=True,
        timeout=200,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    before, after, layers, beats, worst = json.loads(done.stdout.splitlines()[-1])
    assert (before, after) == (False, True)
    assert layers == ["cells", "cells instances"]
    assert beats > 10
    assert worst < 0.25


def test_nothing_to_do_the_second_time() -> None:
    run(warm_up.warm_up_job())
    assert list(warm_up.warm_up_job()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is opened ahead on Windows")
def test_a_missing_library_is_no_harm() -> None:
    warm_up._open("torch", "lib/there_is_no_such_library.so", os.RTLD_LAZY)
    warm_up._open("there_is_no_such_package", "x.so", os.RTLD_LAZY)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_only_the_jobs_thread_becomes_nicer() -> None:
    seen: list[int] = []

    def work() -> None:
        warm_up.lower_priority()
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [warm_up.NICENESS]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
