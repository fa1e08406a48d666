"""The object diameter: measured by a line, estimated by the model, advised where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.layers import Shapes

from napari_maskrcnn.device_line import Idle
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.widgets import predict_work
from napari_maskrcnn.widgets.device_note import DeviceNote
from napari_maskrcnn.widgets.size_row import MEASURE
from tests.widgets.predicting import docked, predict

Drag = Callable[..., None]


@pytest.mark.parametrize("turned", [0, 30])
def test_a_line_is_measured_in_pixels_of_the_image(
    make_napari_viewer: Any, qtbot: Any, drag: Drag, tiny_model: str, turned: int
) -> None:
    viewer = make_napari_viewer(show=True)
    place = {"scale": (0.5, 0.5), "translate": (7, 3), "rotate": turned}
    image = viewer.add_image(np.eye(200), units=("um", "um"), **place)
    # Other units make napari's own way from the world to the data wrong.
    viewer.add_points(np.zeros((1, 2)), units=("nm", "nm"), name="beads")
    viewer.layers.selection.active = image
    widget = docked(viewer, tiny_model)
    row = widget.form.diameter
    row.measure.click()
    assert widget.measuring.active
    assert row.note.text() == f"{MEASURE}."
    ends = [np.asarray(image.data_to_world(p)) * 1000 for p in ([60, 60], [90, 100])]
    drag(viewer, [ends[0], (ends[0] + ends[1]) / 2, ends[1]])
    qtbot.waitUntil(lambda: not widget.measuring.active)
    assert row.value() == pytest.approx(50, rel=0.06)
    assert row.physical.text() == f"= {row.value() / 2:.3g} µm"
    assert [layer.name for layer in viewer.layers] == ["Image", "beads"]
    assert viewer.layers.selection.active is image
    assert not row.measure.isChecked()
    assert not row.note.text()


def test_measuring_ends_with_another_layer_or_the_button(
    viewer: Any, qtbot: Any, tiny_model: str
) -> None:
    widget = docked(viewer, tiny_model)
    measure = widget.form.diameter.measure
    measure.click()
    assert isinstance(viewer.layers.selection.active, Shapes)
    measure.click()
    assert [layer.name for layer in viewer.layers] == ["cells"]
    measure.click()
    viewer.layers.selection.active = viewer.layers["cells"]
    qtbot.waitUntil(lambda: len(viewer.layers) == 1)
    assert not measure.isChecked()
    measure.click()
    viewer.layers.remove("measuring")
    qtbot.waitUntil(lambda: not measure.isChecked())
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert widget.form.diameter.value() is None


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let every estimate say what the list holds, 42 px at first."""
    said: list[Any] = [42.04]

    def job(*words: Any, **options: Any) -> Job[float | None]:
        yield Progress(0, 3, "Looking")
        return said[0]

    monkeypatch.setattr(predict_work, "estimate_job", job)
    return said


def test_an_estimate_fills_in_the_diameter(
    viewer: Any, qtbot: Any, tiny_model: str, seen: list[Any]
) -> None:
    widget = docked(viewer, tiny_model)
    row = widget.form.diameter
    row.estimate.click()
    assert not row.estimate.isEnabled()
    qtbot.waitUntil(row.estimate.isEnabled)
    assert row.value() == 42.0
    assert len(viewer.layers) == 1
    seen[0] = None
    row.estimate.click()
    qtbot.waitUntil(row.estimate.isEnabled)
    assert row.value() == 42.0
    assert "Nothing looks like an object" in row.note.text()


def test_no_object_comes_with_a_size_to_try(
    make_napari_viewer: Any, qtbot: Any, tiny_model: str, seen: list[Any]
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(np.full((40, 40), 7, np.uint8), name="flat", contrast_limits=(0, 255))
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    assert widget.choice.looks.text() == "Objects look about 42 px across"
    widget.choice.use_diameter.click()
    assert widget.form.diameter.value() == 42.0
    assert not widget.choice.use_diameter.isVisibleTo(widget)


def test_the_device_and_the_idle_one_are_named(
    viewer: Any, qtbot: Any, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = Idle("NVIDIA <3060>", "Install a newer driver.", "https://www.nvidia.com/drivers")
    monkeypatch.setattr(predict_work, "idle_device", lambda used, facts: idle)
    widget = docked(viewer, tiny_model)
    assert not widget.device.isVisibleTo(widget)
    predict(qtbot, widget)
    assert widget.device.text().startswith("CPU, ")
    assert "; your NVIDIA &lt;3060&gt; is unused: <a href=" in widget.device.text()
    assert widget.device.toolTip() == "Install a newer driver."


def test_a_remedy_without_a_page_is_said_at_once(qtbot: Any) -> None:
    note = DeviceNote()
    qtbot.addWidget(note)
    note.say("CPU, float32", Idle("Apple GPU", "Choose “auto” as device."))
    assert note.text() == "CPU, float32; your Apple GPU is unused: Choose “auto” as device."
    note.say("CPU, float32", None)
    assert note.text() == "CPU, float32"
