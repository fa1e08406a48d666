"""An image of a folder and its labels as layers that lie on each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from napari.layers import Labels

from napari_maskrcnn.formats import export
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.folder.inputs import Task
from napari_maskrcnn.widgets.pair_opener import PairOpener


@pytest.fixture
def opener(make_napari_viewer: Any, qtbot: Any) -> PairOpener:
    viewer = make_napari_viewer()
    return PairOpener(viewer, viewer.window._qt_window)


def task(image: Path) -> Task:
    labels = image.with_name(f"{image.stem}_labels.tif")
    return Task(image, labels, labels.with_suffix(".csv"))


def show(qtbot: Any, opener: PairOpener, image: Path) -> list[Any]:
    opener.open(task(image))
    qtbot.waitUntil(lambda: not opener.runner.running)
    return list(opener._viewer.layers)


def test_a_stack_with_channels_and_a_pixel_size(
    opener: PairOpener, tmp_path: Path, qtbot: Any
) -> None:
    image = tmp_path / "stack.tif"
    pixels = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 20, 30)
    spacing = {"axes": "ZCYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(image, pixels, imagej=True, resolution=(2.0, 2.0), metadata=spacing)
    truth = np.zeros((2, 20, 30), np.int32)
    truth[1, 2:9, 3:9] = 1
    table = Instances.from_labels(truth[1], ("nucleus",)).to_table()
    table["score"] = [np.nan, 0.75]
    export(truth, task(image).labels, scale=(2.0, 0.5, 0.5))
    export(truth, task(image).table, table=table)
    *channels, labels = show(qtbot, opener, image)
    assert [layer.name for layer in channels] == ["stack 0", "stack 1", "stack 2"]
    for number, layer in enumerate(channels):
        assert np.array_equal(layer.data, pixels[:, number])
        assert layer.scale.tolist() == [2.0, 0.5, 0.5]
        assert [f"{unit:~P}" for unit in layer.units] == ["µm"] * 3
    assert isinstance(labels, Labels)
    assert labels.name == "stack instances"
    assert np.array_equal(labels.data, truth)
    assert labels.scale.tolist() == [2.0, 0.5, 0.5]
    assert labels.features["class"].tolist() == ["", "nucleus"]
    assert labels.features["score"][1] == 0.75


def test_a_colour_image_without_labels_then_with_them(
    opener: PairOpener, tmp_path: Path, qtbot: Any
) -> None:
    image = tmp_path / "red.png"
    iio.imwrite(image, np.full((20, 30, 3), (200, 0, 0), np.uint8))
    (only,) = show(qtbot, opener, image)
    assert only.rgb
    export(np.eye(20, 30, dtype=np.uint8), task(image).labels)
    colours, labels = show(qtbot, opener, image)
    assert (colours.name, labels.name) == ("red", "red instances")
    assert labels.data.dtype == np.int32  # room for numbers to come


def test_the_pair_before_is_hidden_and_comes_back_with_its_corrections(
    opener: PairOpener, tmp_path: Path, qtbot: Any
) -> None:
    for name in ("a", "b"):
        iio.imwrite(tmp_path / f"{name}.png", np.zeros((20, 30), np.uint8))
        export(np.eye(20, 30, dtype=np.uint8), tmp_path / f"{name}_labels.tif")
    first, labels = show(qtbot, opener, tmp_path / "a.png")
    labels.data_setitem((np.array([5]), np.array([9])), 7)
    layers = show(qtbot, opener, tmp_path / "b.png")
    assert [layer.visible for layer in layers] == [False, False, True, True]
    assert show(qtbot, opener, tmp_path / "a.png") == layers
    assert [layer.visible for layer in layers] == [True, True, False, False]
    assert opener._viewer.layers.selection.active is labels
    assert labels.data[5, 9] == 7
    # Closed by hand it is opened anew.
    for layer in (first, labels):
        opener._viewer.layers.remove(layer)
    assert len(show(qtbot, opener, tmp_path / "a.png")) == 4
    assert opener._viewer.layers[-1].data[5, 9] == 0


def test_a_file_that_cannot_be_read_is_said(
    opener: PairOpener, tmp_path: Path, qtbot: Any, notes: list[str]
) -> None:
    (tmp_path / "bad.tif").write_bytes(b"II*\x00 and nothing")
    assert show(qtbot, opener, tmp_path / "bad.tif") == []
    assert "bad.tif: cannot be read as an image" in notes[-1]
