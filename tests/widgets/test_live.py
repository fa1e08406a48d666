"""While a prediction runs its finished tiles show, and whatever ends it, they are not left over."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.predict.preview import Patch
from napari_maskrcnn.predict.regions import centred_in, grown
from napari_maskrcnn.widgets.live import Live
from napari_maskrcnn.widgets.prediction import KEY
from tests.widgets.predicting import docked, predict

MAKING = "cells in the making"


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("napari_maskrcnn.predict.plane"), "TILE", 64)


@pytest.fixture
def inserted(viewer: Any) -> list[str]:
    """Names of the layers that came."""
    names: list[str] = []
    viewer.layers.events.inserted.connect(lambda event: names.append(event.value.name))
    return names


def test_tiles_show_while_the_rest_runs(
    viewer: Any, qtbot: Any, tiny_model: str, small_tiles: None, inserted: list[str]
) -> None:  # fmt: skip
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    first = widget.header.labels.layer()
    assert inserted == [MAKING, "cells instances"]
    assert [layer.name for layer in viewer.layers] == ["cells", "cells instances"]
    assert first.visible
    inserted.clear()
    hidden: list[bool] = []
    widget.runner.progressed.connect(lambda step: hidden.append(first.visible))
    predict(qtbot, widget)
    assert inserted == [MAKING]
    assert hidden[0]
    assert not hidden[-1]
    assert first.visible
    assert widget.header.labels.layer() is first


def test_cancel_keeps_the_finished_tiles_and_what_lay_elsewhere(
    viewer: Any, qtbot: Any, tiny_model: str, small_tiles: None, notes: list[str]
) -> None:
    widget = docked(viewer, tiny_model)

    def stop_at_a_tile(step: Progress) -> None:
        if "patch" in step.data:
            widget.row.cancel.click()

    widget.runner.progressed.connect(stop_at_a_tile)
    predict(qtbot, widget)
    layer = widget.header.labels.layer()
    kept = layer.metadata[KEY].kept
    (regions,) = kept.partial.values()
    (found,) = kept.planes.values()
    assert len(found) > 0
    # Tiles reach a little over each other's border.
    assert centred_in(found.boxes, [grown(part, 5, (128, 128)) for part in regions]).all()
    assert sum((b - t) * (r - left) for t, left, b, r in regions) < 128 * 128
    assert notes == []
    widget.runner.progressed.disconnect(stop_at_a_tile)
    predict(qtbot, widget)
    whole = len(next(iter(layer.metadata[KEY].kept.planes.values())))
    assert whole > len(found)
    widget.runner.progressed.connect(stop_at_a_tile)
    predict(qtbot, widget)
    assert widget.header.labels.layer() is layer
    again = layer.metadata[KEY].kept
    assert not again.partial
    # But for doubles along the border of what was predicted again.
    assert len(next(iter(again.planes.values()))) == pytest.approx(whole, rel=0.03)


def test_only_what_lies_in_a_region_is_replaced(viewer: Any, qtbot: Any, tiny_model: str) -> None:
    widget = docked(viewer, tiny_model)
    predict(qtbot, widget)
    layer = widget.header.labels.layer()
    before = layer.data > 0
    viewer.add_shapes([[[0, 0], [63, 63]]], shape_type="rectangle", name="part")
    widget.form.where.setCurrentText("Shapes of 'part'")
    viewer.layers["cells"].data[:64, :64] = 0
    predict(qtbot, widget)
    assert widget.header.labels.layer() is layer
    now = layer.data > 0
    # Nothing changes further from the region than an object reaches.
    assert np.array_equal(now[100:, 100:], before[100:, 100:])
    assert not np.array_equal(now[:64, :64], before[:64, :64])
    viewer.layers["part"].name = "corner"
    assert widget.form.where.currentText() == "Shapes of 'corner'"
    viewer.layers.remove("corner")
    assert widget.form.where.currentText() == "Whole image"


def test_a_preview_lies_over_its_image(viewer: Any, qtbot: Any) -> None:
    """Also a turned and shifted one, of whose pixels it has every third."""
    image = viewer.add_image(
        np.zeros((2, 90, 60)), scale=(1, 0.5, 2), rotate=30, translate=(0, 4, 8), name="turned"
    )
    live = Live(viewer, viewer.window._qt_window)
    live.start(image, 3, None)
    piece = (2, 4, np.ones((1, 1), bool))
    live.add(Patch((1, None, None), ((slice(0, 30), slice(0, 20)),), [piece]))
    layer = live.layer
    assert layer is not None
    qtbot.waitUntil(lambda: layer.data.any())
    assert layer.data.shape == (2, 30, 20)
    assert np.argwhere(layer.data).tolist() == [[1, 2, 4]]
    # Its pixel (2, 4) lies over the pixels 6 … 8 and 12 … 14.
    assert np.allclose(layer.data_to_world((1, 2, 4)), image.data_to_world((1, 7, 13)))
    assert np.allclose(layer.data_to_world((0, 29.5, 3)), image.data_to_world((0, 89.5, 10)))
    assert not layer.editable
    live.stop()
    assert "turned in the making" not in viewer.layers


def test_a_preview_of_a_large_image_goes_a_turn_later(viewer: Any, qtbot: Any) -> None:
    """And the labels that it hid are the caller's to show."""
    image = viewer.layers["cells"]
    before = viewer.add_labels(np.ones((128, 128), np.int32))
    live = Live(viewer, viewer.window._qt_window)
    live.start(image, 2, before)
    live.add(Patch((None, None), (), []))
    assert not before.visible
    assert live.hand_over() is before
    assert "cells in the making" in viewer.layers
    qtbot.waitUntil(lambda: "cells in the making" not in viewer.layers)
    assert not before.visible
    live.start(image, 2, None)
    live.add(Patch((None, None), (), []))
    assert live.hand_over() is None
    # A prediction that begins at once has a preview of its own, which stays.
    live.start(image, 2, None)
    live.add(Patch((None, None), (), []))
    qtbot.wait(100)
    assert live.layer in viewer.layers
    live.stop()


@pytest.mark.parametrize("now", [(20, 30), (2, 20, 30)])
def test_tiles_of_an_image_of_another_shape_are_not_shown(
    viewer: Any, now: tuple[int, ...]
) -> None:
    """They would lie outside of it, or on a plane that it does not have."""
    image = viewer.layers["cells"]
    live = Live(viewer, viewer.window._qt_window)
    live.start(image, 1, None)
    image.data = np.zeros(now)
    live.add(Patch((None, None), (), [(100, 100, np.ones((9, 9), bool))]))
    assert live.layer is None
    assert not live._timer.isActive()
