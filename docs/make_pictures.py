"""The pictures of the documentation, from a real napari window that is driven through the loop.

Run it with ``make pictures``: it needs a screen, or Xvfb. It presses the buttons that a person
would press and saves docs/images: predict-part, predict,
correct, find, corrections, fine-tune, export and folder.

    python docs/make_pictures.py [--only folder] [--image FILE] [--model NAME|FILE] [--seconds 60]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# Before napari is imported: the pictures show its defaults and leave the user's settings alone.
os.environ["NAPARI_CONFIG"] = ""

import imageio.v3 as iio
import napari
import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QApplication

from napari_maskrcnn.annotate.edits import grow
from napari_maskrcnn.sample_data import ihc
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.widgets.folder_dock import FolderDock
from napari_maskrcnn.widgets.jobs_ui import JobRunner
from napari_maskrcnn.widgets.ledger import ledger_of
from napari_maskrcnn.widgets.panel import MaskRCNNPanel
from napari_maskrcnn.widgets.toolbox import ADD, FIND
from napari_maskrcnn.widgets.tools import Stroke

IMAGES = Path(__file__).resolve().parent / "images"
WINDOW = (1280, 800)
PANEL_WIDTH = 350
CLOSER = 1.5
PATIENCE = 600.0
WELLS = 12


def wait(ready: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"Nothing came within {seconds:.0f} s.")
        QApplication.processEvents()
        time.sleep(0.01)


def pause(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


def finish(runner: JobRunner) -> None:
    """Wait for a job and say so when it failed."""
    failures: list[Exception] = []
    runner.failed.connect(failures.append)
    wait(lambda: not runner.running)
    pause(0.5)
    if failures:
        raise failures[0]


def save(viewer: napari.Viewer, name: str) -> None:
    """Save what the window shows."""
    pause(1.0)
    path = IMAGES / f"{name}.png"
    shot = viewer.screenshot(canvas_only=False, flash=False)
    iio.imwrite(path, shot[..., :3], optimize=True)
    print(f"{path}: {shot.shape[1]} × {shot.shape[0]} px, {path.stat().st_size // 1024} KB")


def open_window(image: Path | None) -> tuple[napari.Viewer, MaskRCNNPanel]:
    """Open napari on an image with the panel at its side."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(*WINDOW)
    if image is None:
        ((data, options, _),) = ihc()
        viewer.add_image(data, **options)
    else:
        data = iio.imread(image)
        limits = None if data.ndim == 3 else np.percentile(data, (1, 99.8))
        viewer.add_image(data, name=image.stem, contrast_limits=limits)
    _, panel = viewer.window.add_plugin_dock_widget("napari-maskrcnn", "Mask R-CNN")
    assert isinstance(panel, MaskRCNNPanel)
    panel.setMinimumWidth(PANEL_WIDTH)
    pause(2.0)
    viewer.reset_view()
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera  # since napari 0.9
    camera.zoom *= CLOSER
    return viewer, panel


def show(panel: MaskRCNNPanel, page: str) -> None:
    """Bring a tab to the front."""
    panel.tabs.setCurrentWidget(panel.pages[page])


def predict(viewer: napari.Viewer, panel: MaskRCNNPanel) -> Labels:
    """Press Predict; return the labels layer."""
    show(panel, "Predict")
    panel.predict.row.button.click()
    finish(panel.predict.runner)
    (labels,) = (layer for layer in viewer.layers if isinstance(layer, Labels))
    labels.contour = 2
    labels.opacity = 1.0
    save(viewer, "predict")
    return labels


def predict_part(viewer: napari.Viewer, panel: MaskRCNNPanel) -> None:
    """Draw two rectangles and predict only what lies in them."""
    show(panel, "Predict")
    image = panel.header.images.layer()
    height, width = image.data.shape[:2]
    corners = [((0.2, 0.28), (0.5, 0.55)), ((0.55, 0.5), (0.8, 0.75))]
    boxes = [np.array(box) * (height, width) for box in corners]
    shapes = viewer.add_shapes(
        boxes, shape_type="rectangle", name="parts", face_color="transparent", edge_color="cyan",
        edge_width=2,
    )  # fmt: skip
    panel.predict.form.where.setCurrentText("Shapes of 'parts'")
    panel.predict.row.button.click()
    finish(panel.predict.runner)
    labels = panel.header.labels.layer()
    labels.contour = 2
    labels.opacity = 1.0
    save(viewer, "predict-part")
    for layer in (labels, shapes):
        viewer.layers.remove(layer)


def correct(viewer: napari.Viewer, panel: MaskRCNNPanel, labels: Labels) -> None:
    """Turn a tool on, and take the three smallest objects away."""
    show(panel, "Correct")
    found, areas = np.unique(labels.data[labels.data > 0], return_counts=True)
    for small in found[np.argsort(areas)][:3]:
        labels.data_setitem(np.nonzero(labels.data == small), 0)
    panel.correct.toggle(ADD)
    save(viewer, "correct")
    panel.correct.tools.stop()


def find(viewer: napari.Viewer, panel: MaskRCNNPanel, labels: Labels) -> None:
    """Take an object away and let the model outline it again in a box; then all as it was."""
    page = panel.correct
    found, areas = np.unique(labels.data[labels.data > 0], return_counts=True)
    usual = found[np.argsort(areas)][len(found) // 2]
    rows, columns = np.nonzero(labels.data == usual)
    labels.data_setitem((rows, columns), 0)
    page.toggle(FIND)
    pause(1.0)
    wait(lambda: not page.prompting.running)
    corners = np.array([[rows.min(), columns.min()], [rows.max(), columns.max()]], float)
    page.tools.stroke.emit(Stroke(FIND, labels, (None, None), corners, clicked=False))
    save(viewer, "find")
    page.tools.stop()
    labels.undo()
    labels.undo()


def corrections(viewer: napari.Viewer, panel: MaskRCNNPanel, labels: Labels) -> None:
    """Show what was corrected in colours, with a finished region; then all as it was."""
    page = panel.correct
    found, areas = np.unique(labels.data[labels.data > 0], return_counts=True)
    largest = found[np.argsort(areas)][::-1].tolist()
    for label in largest[:2]:
        rows, _ = np.nonzero(labels.data == label)
        lower = np.nonzero(
            (labels.data == label) & (np.indices(labels.data.shape)[0] > rows.mean())
        )
        labels.data_setitem(lower, ledger_of(labels).new_id())
    edit = grow(labels.data, largest[2:6])
    labels.data_setitem(edit.indices, edit.values)
    ledger_of(labels).toggle_accepted(largest[6:12])
    labels.contour, labels.opacity = 0, 0.7
    page.corrected.colours.setChecked(True)
    page.states.finished.draw()
    height, width = labels.data.shape
    corners = [[y * height, x * width] for y, x in ((0.3, 0.3), (0.3, 0.6), (0.6, 0.6), (0.6, 0.3))]
    (layer,) = viewer.layers.selection
    layer.add_rectangles([corners], edge_width=2)
    page.states.finished.leave()
    wait(lambda: "split" in page.corrected.counts.text())
    save(viewer, "corrections")
    layer.data = []
    page.corrected.colours.setChecked(False)
    ledger_of(labels).toggle_accepted(largest[6:12])
    for _ in range(3):
        labels.undo()
    labels.contour, labels.opacity = 2, 1.0


def fine_tune(viewer: napari.Viewer, panel: MaskRCNNPanel, seconds: float) -> None:
    """Train for a while, with a picture of the curve, then let the training end."""
    show(panel, "Fine-tune")
    page = panel.fine_tune
    page.form.pairs.rows()[0].say(Answer.WHOLE)
    page.row.button.click()
    pause(seconds)
    save(viewer, "fine-tune")
    page.row.cancel.click()
    finish(page.runner)
    page.proof.discard.click()


def export(viewer: napari.Viewer, panel: MaskRCNNPanel, name: str) -> None:
    """Export the labels."""
    show(panel, "Export")
    page = panel.export
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        page.path.setText(f"{name}_labels.tif")
        page.row.button.click()
        finish(page.runner)
        save(viewer, "export")


def folder(model: str) -> None:
    """Predict a folder in its dock, with a damaged image in it, and open one result."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(*WINDOW)
    _, dock = viewer.window.add_plugin_dock_widget("napari-maskrcnn", "Predict a folder")
    assert isinstance(dock, FolderDock)
    dock.setMinimumWidth(PANEL_WIDTH)
    dock.header.models.set_value(model)
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        images = Path("plate 7")
        images.mkdir()
        for well in range(WELLS):
            drawn, _ = synthetic_nuclei((256, 256), count=20 + 7 * well, seed=well)
            iio.imwrite(images / f"{'ABC'[well // 4]}{well % 4 + 1} nuclei.tif", drawn)
        (images / "B2 nuclei.tif").write_bytes(b"II*")
        dock.form.images.set_folder(images)
        finish(dock.runner)
        dock.row.button.click()
        finish(dock.runner)
        dock.table.opened.emit(WELLS - 2)
        finish(dock.opener.runner)
        dock.table.choose(5)
        save(viewer, "folder")
        viewer.close()


def loop(image: Path | None, model: str, seconds: float) -> None:
    """Go through the loop once."""
    viewer, panel = open_window(image)
    for box in (panel.header.models, panel.fine_tune.form.base):
        box.set_value(model)
    predict_part(viewer, panel)
    labels = predict(viewer, panel)
    correct(viewer, panel, labels)
    find(viewer, panel, labels)
    corrections(viewer, panel, labels)
    fine_tune(viewer, panel, seconds)
    export(viewer, panel, viewer.layers[0].name)
    viewer.close()


def main() -> None:
    """Make all pictures, or those of one window."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("loop", "folder"), help="make these only")
    parser.add_argument("--image", type=Path, help="image file (default: the sample 'ihc')")
    parser.add_argument("--model", default="nuclei", help="name or file (default: nuclei)")
    parser.add_argument("--seconds", type=float, default=60, help="training before its picture")
    args = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    if args.only in (None, "loop"):
        loop(args.image, args.model, args.seconds)
    if args.only in (None, "folder"):
        folder(args.model)


if __name__ == "__main__":
    main()
