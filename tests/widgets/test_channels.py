"""Channels along an axis of a layer: one plane for the network, one label over all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_maskrcnn.predict.plane import predict as predict_image
from napari_maskrcnn.predict.preview import Patch
from napari_maskrcnn.widgets.channel_box import NO_AXIS, ChannelBox
from napari_maskrcnn.widgets.layers import labels_over, of_channels
from napari_maskrcnn.widgets.live import Live
from napari_maskrcnn.widgets.prediction import prediction_of
from napari_maskrcnn.widgets.reading import Pixels
from tests.widgets.predicting import docked, predict


@pytest.fixture
def stack(nuclei: tuple[Any, Any]) -> np.ndarray:
    """Three channels of which the second holds something, (3, H, W)."""
    return np.stack([np.zeros_like(nuclei[0]), nuclei[0], np.zeros_like(nuclei[0])])


def test_channels_of_a_layer_give_labels_over_all_of_them(
    make_napari_viewer: Any, qtbot: Any, tiny_model: str, stack: np.ndarray, notes: list[str]
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(stack, name="cells", axis_labels=("c", "y", "x"), scale=(2, 0.5, 0.5))
    viewer.dims.set_current_step(0, 2)
    widget = docked(viewer, tiny_model)
    channels = widget.form.channels
    assert [channels.box.itemText(i) for i in range(2)] == [NO_AXIS, "c: 3 channels"]
    assert channels.axis() == 0
    for wrong in ("7", "a", "0, 1, 2, 0", "-1", "1.5"):
        channels.numbers.setText(wrong)
        widget.row.button.click()
        assert not widget.runner.running
        assert f"channels are '{wrong}'; give one to three numbers from 0 to 2" in notes[-1]
    channels.numbers.setText("1")
    predict(qtbot, widget)
    layer = widget.header.labels.layer()
    expected = predict_image(stack[1], tiny_model).to_labels()
    assert expected.max() > 4
    np.testing.assert_array_equal(layer.data, expected[None])
    y, x = np.argwhere(expected)[0]
    assert viewer.dims.nsteps[0] == 3
    for c in range(3):
        viewer.dims.set_current_step(0, c)
        assert layer.get_value((2 * c, 0.5 * y, 0.5 * x), world=True) == expected[y, x]
    record = prediction_of(layer)
    assert record is not None
    assert record.kept.describe(record.choice)["settings"]["channel_axis"] == 0
    # In place the second time; as a stack it is another kind of labels.
    predict(qtbot, widget)
    assert widget.header.labels.layer() is layer
    channels.box.setCurrentText(NO_AXIS)
    assert channels.channels() is None
    predict(qtbot, widget)
    other = widget.header.labels.layer()
    assert other is not layer
    assert other.data.shape == stack.shape
    assert not [note for note in notes[5:] if note.startswith("error")]


def test_a_channel_axis_between_others_is_read_and_covered() -> None:
    data = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    image = ViewerModel().add_image(data, scale=(7, 1, 2, 2), translate=(0, 3, 1, 1), rotate=20)
    pixels = Pixels.of(image, 1)
    assert pixels.shape == (2, 1, 4, 5)
    plane = of_channels((1, 2, None, None), 1)
    assert plane == (1, 0, None, None)
    np.testing.assert_array_equal(pixels.plane(plane), np.moveaxis(data[1], 0, -1))
    labels = labels_over(image, np.zeros(pixels.shape, np.int32), "x", 1)
    # The one pixel is as wide as the three, and lies over them.
    for start, end in ((-0.5, -0.5), (0.5, 2.5)):
        at = (1, start, 2, 3)
        assert np.allclose(labels.data_to_world(at), image.data_to_world((1, end, 2, 3)))
    with pytest.raises(ValueError, match="channels lie along it"):
        of_channels((1, None, 2, None), 1)


def test_many_channels_are_no_pixels() -> None:
    data = np.zeros((20, 8, 8), np.uint8)
    view = Pixels.of(ViewerModel().add_image(data), 0).plane((0, None, None))
    assert view.shape == (8, 8, 20)
    assert view.channel == 0


def test_what_is_offered_follows_the_image(qtbot: Any) -> None:
    box = ChannelBox()
    qtbot.addWidget(box)
    series = Image(np.zeros((4, 2, 8, 8)), axis_labels=("t", "channel", "y", "x"))
    box.set_image(series)
    assert box.box.currentText() == "channel: 2 channels"
    box.numbers.setText("1, 0")
    box.set_image(series)
    assert box.channels() == (1, 0)
    stack = Image(np.zeros((5, 8, 8)))
    box.set_image(stack)
    assert box.axis() is None
    assert box.box.itemText(1) == "axis 0: 5 channels"
    box.box.setCurrentIndex(1)
    assert box.axis() == 0
    stack.data = np.zeros((8, 8))
    assert box.axis() is None
    assert box.channels() is None
    stack.data = np.zeros((5, 8, 8))
    box.set_image(stack)
    assert box.channels() is None
    box.set_image(Image(np.zeros((8, 8))))
    assert box.axis() is None
    assert not box.box.isEnabled()
    box.set_image(None)
    assert box.channels() is None


def test_tiles_show_over_every_channel(viewer: Any) -> None:
    image = viewer.add_image(np.zeros((2, 3, 30, 20)), name="stack")
    live = Live(viewer, viewer.window._qt_window)
    live.start(image, 2, None, channel=1)
    live.add(Patch((1, 0, None, None), (), [(2, 4, np.ones((1, 1), bool))]))
    layer = live.layer
    assert layer is not None
    live._redraw()
    assert np.argwhere(layer.data).tolist() == [[1, 0, 2, 4]]
    viewer.dims.current_step = (1, 2, 0, 0)
    assert layer.get_value((1, 2, 4, 8), world=True) == 1
    live.stop()
