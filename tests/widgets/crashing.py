"""A window in which a script edits until it is killed: what was edited, and when, goes to a log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SHAPE = (400, 500)


def steps(seed: int) -> Iterator[tuple[str, int, tuple[int, int], int]]:
    """Name what to do: kind, label, place and size."""
    rng = np.random.default_rng(seed)
    while True:
        kind = str(rng.choice(["paint", "paint", "fill", "undo", "redo"]))
        at = (int(rng.integers(SHAPE[0])), int(rng.integers(SHAPE[1])))
        yield kind, int(rng.integers(1, 99)), at, int(rng.integers(1, 60))


def do(layer: object, step: tuple[str, int, tuple[int, int], int]) -> None:
    kind, label, at, size = step
    if kind == "paint":
        layer.brush_size = size
        layer.paint(at, label)
    elif kind == "fill":
        layer.fill(at, label)
    else:
        getattr(layer, kind)()


def main(log_path: Path, image_path: str, seed: int) -> None:
    import napari
    from qtpy.QtCore import QTimer

    from napari_maskrcnn.widgets.panel import MaskRCNNPanel

    viewer = napari.Viewer()
    viewer.open(image_path)
    layer = viewer.add_labels(np.zeros(SHAPE, np.int32), name="found", scale=(0.5, 0.5))
    layer.features = {"index": np.arange(3), "class": ["", "a", "b"]}
    viewer.window.add_dock_widget(MaskRCNNPanel(viewer), name="Mask R-CNN")
    log = os.open(log_path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    script = enumerate(steps(seed), 1)

    def edit() -> None:
        number, step = next(script)
        do(layer, step)
        os.write(log, f"{number} {time.monotonic()}\n".encode())

    timer = QTimer()
    timer.setInterval(20)
    timer.timeout.connect(edit)
    timer.start()
    napari.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
