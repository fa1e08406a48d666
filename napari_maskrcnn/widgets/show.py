"""The demo's result in a real napari window: to look at, and as a picture."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari import Viewer

WINDOW_SIZE = (1200, 800)


def has_screen() -> bool:
    """Whether a window can be shown: always but on a Linux without a display."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def save_picture(
    path: Path, image: NDArray[Any], before: NDArray[Any], after: NDArray[Any]
) -> Path | None:
    """Write a picture of the window with the result; None without a screen."""
    if not has_screen():
        return None
    from qtpy.QtWidgets import QApplication

    viewer = _viewer(image, before, after)
    try:
        for _ in range(20):
            QApplication.processEvents()
        # The canvas has its final size only now.
        viewer.reset_view()
        QApplication.processEvents()
        viewer.screenshot(str(path), canvas_only=False, flash=False)
    finally:
        viewer.close()
    return path


def open_window(image: NDArray[Any], before: NDArray[Any], after: NDArray[Any]) -> None:
    """Show the result until the window is closed."""
    import napari

    _viewer(image, before, after)
    napari.run()


def _viewer(image: NDArray[Any], before: NDArray[Any], after: NDArray[Any]) -> Viewer:
    import napari

    from napari_maskrcnn.widgets.panel import MaskRCNNPanel

    viewer = napari.Viewer(title="Mask R-CNN demo")
    viewer.window.resize(*WINDOW_SIZE)
    viewer.add_image(image, name="demo")
    viewer.add_labels(before, name="before fine-tuning", visible=False)
    viewer.add_labels(after, name="demo instances")
    viewer.window.add_dock_widget(MaskRCNNPanel(viewer), name="Mask R-CNN", area="right")
    return viewer
