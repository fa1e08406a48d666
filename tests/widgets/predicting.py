"""What the tests of the Predict tab do first: dock it, and press its button."""

from __future__ import annotations

from typing import Any

from napari_maskrcnn.widgets.predict_widget import PredictWidget


def docked(viewer: Any, model: str) -> PredictWidget:
    """Add the widget to a window, with a model chosen."""
    widget = PredictWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Predict")
    widget.header.models.set_value(model)
    return widget


def predict(qtbot: Any, widget: PredictWidget) -> None:
    """Press the button and wait for the end."""
    widget.row.button.click()
    qtbot.waitUntil(widget.row.button.isEnabled)
