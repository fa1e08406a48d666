"""Which file the Export tab suggests: its folder, and whose name it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_maskrcnn.widgets.export_widget import ExportWidget
from napari_maskrcnn.widgets.layers import FILE
from tests.widgets.test_export_widget import choose, press


@pytest.fixture
def widget(make_napari_viewer: Any) -> ExportWidget:
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((32, 32)), name="cells")
    viewer.add_labels(np.eye(32, dtype=int), name="cells instances")
    return ExportWidget(viewer)


def opened(widget: ExportWidget, file: Path) -> None:
    """Show an image that lies in a file, and labels of it."""
    known = {FILE: str(file)}
    image = widget.viewer.add_image(np.zeros((64, 64)), name=file.stem, metadata=known)
    widget.viewer.add_labels(np.eye(64, dtype=int), name=f"{file.stem} instances")
    widget.header.images.choose(image)
    widget.header.labels.choose(widget.viewer.layers[-1])


def test_files_that_belong_to_an_image_are_named_like_it(
    widget: ExportWidget, tmp_path: Path
) -> None:
    opened(widget, tmp_path / "Zellen über Nacht (2).tif")
    assert widget.path.text() == str(tmp_path / "Zellen_über_Nacht_(2)_labels.tif")
    choose(widget, "cellpose")
    assert widget.path.text() == str(tmp_path / "Zellen über Nacht (2)_seg.npy")
    choose(widget, "yolo")
    assert widget.path.text() == str(tmp_path / "Zellen über Nacht (2).txt")
    # Of an image without a file, or of another shape, the labels lend their name.
    widget.header.images.choose(widget.viewer.layers["cells"])
    choose(widget, "cellpose")
    assert widget.path.text().endswith("Zellen_über_Nacht_(2)_seg.npy")


def test_a_folder_stays_only_when_it_was_chosen(
    widget: ExportWidget, qtbot: Any, tmp_path: Path
) -> None:
    choose(widget, "coco")
    assert widget.path.text() == str(Path.home() / "cells_labels.json")
    (tmp_path / "a").mkdir()
    opened(widget, tmp_path / "a" / "x.tif")
    assert widget.path.text() == str(tmp_path / "a" / "x_labels.json")
    press(qtbot, widget)
    opened(widget, tmp_path / "y.tif")
    assert widget.path.text() == str(tmp_path / "y_labels.json")
    # Without a file there is nothing to lie beside: where the last one was.
    widget.header.images.choose(widget.viewer.layers["cells"])
    widget.header.labels.choose(widget.viewer.layers["cells instances"])
    assert widget.path.text() == str(tmp_path / "a" / "cells_labels.json")
    widget.path.setText(str(tmp_path / "mine" / "z.json"))
    opened(widget, tmp_path / "w.tif")
    assert widget.path.text() == str(tmp_path / "mine" / "w_labels.json")
