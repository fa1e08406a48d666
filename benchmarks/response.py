"""Milliseconds that the window needs for a stroke of each correction tool.

On a plane of 2048² pixels with 1000 objects; what napari draws afterwards is not in it.

    python -m benchmarks.response
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray

from napari_maskrcnn.widgets import toolbox
from napari_maskrcnn.widgets.corrections import Corrections
from napari_maskrcnn.widgets.ledger import ledger_of
from napari_maskrcnn.widgets.tools import Stroke, Tool

CELL = 64
REPEATS = 5


def plane() -> NDArray[np.int32]:
    """Discs of 1250 pixels, each with a hole and a speck beside it."""
    rows, columns = np.mgrid[:CELL, :CELL]
    around = np.hypot(rows - 32, columns - 32)
    disc = (around <= 20) & (around > 3)
    disc[58:60, 58:60] = True
    ids = np.arange(1, 1025).reshape(32, 32)
    labels = np.where(np.tile(disc, (32, 32)), ids.repeat(CELL, 0).repeat(CELL, 1), 0)
    return np.where(labels <= 1000, labels, 0).astype(np.int32)


def at(label: int, row: float = 20, column: float = 32) -> tuple[float, float]:
    """A point by its place in the cell of an object."""
    down, right = divmod(label - 1, 32)
    return down * CELL + row, right * CELL + column


def around(label: int) -> list[tuple[float, float]]:
    """An outline around nine objects."""
    return [at(label, y, x) for y, x in ((-66, -66), (-66, 130), (130, 130), (130, -66))]


def seconds_of(tool: Tool, layer: Labels) -> dict[str, float]:
    """Return the median processor time of a tool's strokes, by the kind of stroke."""
    corrections = Corrections(ViewerModel())

    def stroke(points: Sequence[tuple[float, float]]) -> float:
        path = np.array(points, float)
        # The time of the processor: the machine may have other things to do.
        begin = time.process_time()
        corrections.apply(Stroke(tool, layer, (None, None), path, len(points) == 1))
        return time.process_time() - begin

    first = 100 + 40 * toolbox.TOOLS.index(tool)
    found = {}
    for kind in tool.gesture.split(" or "):
        taken = []
        for label in range(first, first + REPEATS):
            corrections.forget()
            if tool in (toolbox.MERGE, toolbox.SPLIT) and kind == "click":
                stroke([at(label, 14, 32)])
                points = [at(label, 50, 32) if tool is toolbox.SPLIT else at(label + 32)]
            elif kind == "outline" and tool is toolbox.ADD:
                points = [at(label, 54, 20), at(label, 54, 40), at(label, 72, 40)]
            elif kind == "outline":
                points = around(label + 300)
            else:
                points = [at(label)] if kind == "click" else [at(label, 5, 30), at(label, 60, 33)]
            taken.append(stroke(points))
            if tool not in (toolbox.ACCEPT, toolbox.CLASS):
                layer.undo()
        found[kind] = float(np.median(taken))
    return found


def main() -> None:
    """Print a line for each tool and kind of stroke."""
    layer = ViewerModel().add_labels(plane())
    ledger_of(layer).class_name = "cell"
    for tool in toolbox.TOOLS:
        if not tool.stack and tool is not toolbox.FIND:
            for kind, seconds in seconds_of(tool, layer).items():
                print(f"{tool.name:16} {kind:10} {1000 * seconds:6.1f} ms")


if __name__ == "__main__":
    main()
