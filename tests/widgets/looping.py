"""What the tests of the loop do first: a project of three images whose predictor has no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.widgets.loop import Loop, loop_of

SHAPE = (40, 50)


def make_project(folder: Path, count: int = 3, shape: tuple[int, ...] = SHAPE) -> Project:
    """A project whose images lie in it: a, b, c and so on."""
    project = Project.create(folder)
    rng = np.random.default_rng(0)
    paths = [folder / "images" / f"{'abcdefgh'[number]}.tif" for number in range(count)]
    for path in paths:
        tifffile.imwrite(path, rng.integers(0, 99, shape, np.uint8), photometric="minisblack")
    project.add(paths)
    return project


def opened(viewer: Any, qtbot: Any, project: Project, name: str = "a") -> Loop:
    """Open a project in a viewer and wait until an image is shown and the next one is ready."""
    loop = loop_of(viewer)
    loop.open(project)
    loop.show(name)
    qtbot.waitUntil(lambda: loop.desk.name == name)
    idle(loop, qtbot)
    return loop


def idle(loop: Loop, qtbot: Any) -> None:
    """Wait until nothing is prepared or saved."""
    qtbot.waitUntil(lambda: not (loop.preparer.runner.running or loop.desk.saver.waiting))


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def saved(project: Project, name: str) -> list[int]:
    return [int(i) for i in np.unique(tifffile.imread(project.file("labels", name, ".tif")))]
