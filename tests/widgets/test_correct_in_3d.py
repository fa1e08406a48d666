"""The Correct tab while the viewer shows three dimensions: it asks for two."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.toolbox import DELETE


def test_no_tool_is_turned_on_in_three_dimensions(
    make_napari_viewer: Any, notes: list[str]
) -> None:
    viewer = make_napari_viewer()
    labels = np.zeros((2, 20, 30), np.int32)
    labels[:, 5:12, 5:15] = 1
    viewer.add_labels(labels, name="truth")
    widget = CorrectWidget(viewer)
    viewer.dims.ndisplay = 3
    widget.buttons[DELETE].click()
    assert len(notes) == 1
    assert "Switch to 2D" in notes[0]
    assert widget.tools.tool is None
    assert not widget.buttons[DELETE].isChecked()
    widget.review_button.click()
    assert "Switch to 2D" in notes[1]
    assert not widget.review.running
    assert not widget.review_button.isChecked()
    assert [layer.name for layer in viewer.layers] == ["truth"]
