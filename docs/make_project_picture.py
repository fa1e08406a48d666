"""The picture of the Project dock, made as the others are: ``make pictures``."""

from __future__ import annotations

import tempfile
from pathlib import Path

# First: it keeps the user's settings out of the pictures.
from make_pictures import PANEL_WIDTH, WELLS, WINDOW, pause, save, wait  # isort: skip

import imageio.v3 as iio
import napari

from napari_maskrcnn.annotate.project.places import images_in
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.widgets.project_dock import ProjectDock


def main() -> None:
    """Verify two images of a project, and show the third."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(*WINDOW)
    _, dock = viewer.window.add_plugin_dock_widget("napari-maskrcnn", "Project")
    assert isinstance(dock, ProjectDock)
    dock.setMinimumWidth(PANEL_WIDTH)
    with tempfile.TemporaryDirectory() as place:
        made = Project.create(Path(place) / "liver")
        for well in range(WELLS):
            drawn, _ = synthetic_nuclei((256, 256), count=20 + 7 * well, seed=well)
            iio.imwrite(made.root / "images" / f"section {well + 1:02d}.tif", drawn)
        made.add(images_in(made.root))
        turns, work = dock.loop, dock.loop.preparer.runner
        turns.open(made)
        turns.show_next()
        for number in range(1, 4):
            wait(lambda name=f"section {number:02d}": turns.desk.name == name)
            wait(lambda: not (work.running or turns.desk.saver.waiting))
            if number < 3:
                pause(3.0)
                dock.row.next.click()
        save(viewer, "project")
        turns.close()
        viewer.close()


if __name__ == "__main__":
    main()
