"""How long *Verified, next* takes until the next image is drawn, and what memory it keeps.

    python -m benchmarks.swaps [--images N]

A project of images of 2048 × 2048 pixels with 1000 objects each, in a window of 1200 × 900 pixels
with the tab *Correct* beside it. In each image one object is painted; then *Verified, next* is
called when the next image is ready. Printed are the seconds until the window has drawn it, the
processor's time of the window's thread in that, and the memory of the process when the image before
is on the disk. Prediction is replaced by drawn discs.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
import tifffile

from benchmarks.sliders import SIDE, candidates
from napari_maskrcnn.annotate.project.picture import Picture
from napari_maskrcnn.annotate.project.prepare import Predictor
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.predict.kept import Choice, Kept
from napari_maskrcnn.widgets import preparing
from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.loop import Loop, loop_of

WAIT = 120.0


class Discs(Predictor):
    """Finds the same thousand discs in every image."""

    def predict(
        self, picture: Picture, stop: threading.Event | None
    ) -> Job[tuple[Kept, Choice] | None]:
        """Return them at once."""
        yield Progress(0, 1, "Predicting")
        found = candidates()
        return Kept({(None, None): found}, self.settings, "discs", "1", 0.3), Choice(0.3)

    def _model_hash(self) -> str:
        return "1"


def memory() -> float:
    """Memory of this process now, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def until(done: Callable[[], bool]) -> None:
    """Let the window work until something is so."""
    end = time.monotonic() + WAIT
    while not done():
        process()
        time.sleep(0.005)
        if time.monotonic() > end:
            raise TimeoutError("The window did not come to rest.")


def process() -> None:
    """Let the window handle what waits, drawing included."""
    from qtpy.QtWidgets import QApplication

    QApplication.processEvents()


def make(folder: Path, images: int) -> Project:
    """Make the project."""
    project = Project.create(folder)
    rng = np.random.default_rng(0)
    paths = [folder / "images" / f"image-{number:03d}.tif" for number in range(images)]
    for path in paths:
        tifffile.imwrite(path, rng.integers(0, 255, (SIDE, SIDE), np.uint8))
    project.add(paths)
    return project


def swap(loop: Loop) -> tuple[float, float, float]:
    """Edit, swap and wait: seconds, the thread's, and the memory afterwards."""
    labels = loop.desk.labels()
    assert labels is not None
    labels.brush_size = 20
    labels.paint((1000, 1000), labels.selected_label)
    following = loop._following()
    until(lambda: loop.preparer.is_ready(following) and not loop.desk.saver.waiting)
    start, own = time.perf_counter(), time.thread_time()
    loop.verify_next()
    process()
    took = time.perf_counter() - start, time.thread_time() - own
    assert loop.desk.name == following
    until(lambda: not (loop.desk.saver.waiting or loop.preparer.runner.running))
    return *took, memory()


def main() -> None:
    """Print a line for each swap, and the median."""
    parser = argparse.ArgumentParser(description="Measure Verified, next.")
    parser.add_argument("--images", type=int, default=12, help="how many (default: 12)")
    args = parser.parse_args()
    preparing.Predictor = Discs  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder, make(Path(folder) / "cells", args.images) as made:
        viewer = napari.Viewer()
        viewer.window.resize(1200, 900)
        viewer.window.add_dock_widget(CorrectWidget(viewer))
        loop = loop_of(viewer)
        loop.open(made)
        loop.show_next()
        until(lambda: bool(loop.desk.name))
        found = [swap(loop) for _ in range(args.images - 1)]
        for seconds, own, used in found:
            print(f"{1000 * seconds:.0f} ms ({1000 * own:.0f} ms of the thread), {used:.0f} MB")
        print(f"median {1000 * np.median([row[0] for row in found]):.0f} ms, ", end="")
        grown = (found[-1][2] - found[2][2]) / max(1, len(found) - 3)
        print(f"{grown:.1f} MB more a swap after the third")
        viewer.close()


if __name__ == "__main__":
    main()
