"""How long a moved slider takes, and a redraw of finished tiles: ``python -m benchmarks.sliders``.

A plane of 2048 × 2048 pixels with a thousand objects, as `predict` leaves them. What is timed is
everything that the window's thread does until the labels are new, but the upload to the graphics
card: choosing, painting, the table, and napari's own slicing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.predict.preview import draw, make_patch, preview_factor
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.widgets.placing import change, place
from napari_maskrcnn.widgets.prediction import is_untouched

SIDE, CELL, RADIUS = 2048, 64, 26
OBJECTS = 1000
PLANE = (None, None)
REPEATS = 9


def candidates() -> Instances:
    """Overlapping discs, best score first."""
    rows, columns = np.mgrid[: 2 * RADIUS, : 2 * RADIUS]
    disc = np.hypot(rows - RADIUS + 0.5, columns - RADIUS + 0.5) <= RADIUS
    numbers = np.arange(OBJECTS)
    origins = np.stack(np.divmod(numbers, SIDE // CELL), axis=1).astype(np.int32) * (CELL - 14)
    corners = origins[:, ::-1].astype(np.float32)
    return Instances(
        np.concatenate([corners, corners + 2 * RADIUS], axis=1),
        np.linspace(0.99, 0.3, OBJECTS).astype(np.float32),
        np.ones(OBJECTS, np.int64),
        ("nucleus",),
        (SIDE, SIDE),
        (disc,) * OBJECTS,
        origins,
    )


def median(act: Callable[[int], object]) -> float:
    """Median processor time of a call in this thread: the machine may have other things to do."""
    taken = []
    for number in range(REPEATS):
        begin = time.thread_time()
        act(number)
        taken.append(time.thread_time() - begin)
    return float(np.median(taken))


def seconds() -> dict[str, float]:
    """Median time of each slider's move, and of a redraw while predicting."""
    found = candidates()
    kept = Kept({PLANE: found}, PredictSettings(), "nuclei", "hash", 0.5)
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), contrast_limits=(0, 255))
    layer = place(viewer.layers, image, kept, None)
    all_of_them = Choice(0.3)

    def move(**setting: float | bool) -> None:
        assert is_untouched(layer)  # asked before and after a move
        change(viewer.layers, layer, kept, replace(all_of_them, **setting))
        assert is_untouched(layer)

    step = Progress(1, 2, data={"found": found, "finished": ((0, 0, SIDE, SIDE),), "plane": PLANE})
    factor = preview_factor((SIDE, SIDE), 1)
    patch = make_patch(step, 0.3, factor)
    assert patch is not None
    preview = Labels(np.zeros((SIDE // factor, SIDE // factor), np.int32))
    viewer.layers.append(preview)

    def redraw(number: int) -> None:
        draw(preview.data, patch, 0, 0)
        preview.refresh()

    return {
        "score": median(lambda n: move(score=0.3 + n / 1000)),
        "size": median(lambda n: move(smallest=1.0 + n)),
        "overlap": median(lambda n: move(hidden=0.9 - n / 100)),
        "border": median(lambda n: move(border=bool(n % 2))),
        "finished tiles": median(redraw),
    }


def main() -> None:
    """Print a line for each."""
    for name, taken in seconds().items():
        print(f"{name:16} {1000 * taken:6.1f} ms")


if __name__ == "__main__":
    main()
