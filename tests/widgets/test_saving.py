"""File → Save Selected Layers: every format, through napari's own save and its dialog's filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels
from napari.plugins import _npe2

from napari_maskrcnn.formats import read_file, read_labels, read_table
from napari_maskrcnn.formats.atomic import WriteError
from napari_maskrcnn.widgets.panel import MaskRCNNPanel

LOSSLESS = ["cells.ome.zarr", "cells.json", "cells.png", "cells_seg.npy"]


@pytest.fixture
def layer(make_napari_viewer: Any, nuclei: tuple[Any, Any]) -> Labels:
    viewer = make_napari_viewer()
    table = pd.DataFrame({"index": [0, 1], "class": ["", "cell"], "score": [np.nan, 0.5]})
    return viewer.add_labels(
        nuclei[1], name="cells", features=table, scale=(0.5, 0.25), units=("um", "um")
    )


def writers(layer: Labels) -> dict[str, Any]:
    """Ours among what the save dialog offers, by the text in it."""
    text, found = _npe2.file_extensions_string_for_layers([layer])
    offered = dict(zip(text.split(";;"), found, strict=True))
    return {key: value for key, value in offered.items() if key.startswith("Mask R-CNN")}


def test_the_dialog_offers_every_format_by_its_ending(layer: Labels) -> None:
    assert set(writers(layer)) == {
        "Mask R-CNN TIFF for ImageJ (*.tif *.tiff)",
        "Mask R-CNN OME-Zarr (*.ome.zarr *.zarr)",
        "Mask R-CNN COCO (*.json)",
        "Mask R-CNN ImageJ ROIs (*.zip)",
        "Mask R-CNN GeoJSON for QuPath (*.geojson)",
        "Mask R-CNN YOLO (*.txt)",
        "Mask R-CNN PNG label image (*.png)",
        "Mask R-CNN Cellpose (_seg.npy) (*.npy)",
        "Mask R-CNN table of measurements (*.csv)",
    }


@pytest.mark.parametrize("name", LOSSLESS)
def test_saved_labels_come_back(layer: Labels, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert layer.save(str(path)) == [str(path)]
    assert np.array_equal(read_labels(path), layer.data)


@pytest.mark.parametrize("name", ["cells.zip", "cells.geojson", "cells.txt"])
def test_outlines_are_written(layer: Labels, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    layer.features = layer.features[["index"]]
    assert layer.save(str(path)) == [str(path)]
    again = read_labels(path, shape=layer.data.shape)
    assert (again > 0).sum() == pytest.approx((layer.data > 0).sum(), rel=0.02)


def test_a_table_knows_classes_and_micrometres(layer: Labels, tmp_path: Path) -> None:
    (path,) = layer.save(str(tmp_path / "cells.csv"))
    table = read_table(path)
    assert table["class"].iloc[0] == "cell"
    assert len(table) == layer.data.max()


@pytest.mark.parametrize(
    ("start", "name"), [("Mask R-CNN TIFF", "cells.tif"), ("Mask R-CNN Cellpose", "cells_seg.npy")]
)
def test_a_name_without_the_ending_gets_it_and_replaces_nothing(
    layer: Labels, tmp_path: Path, start: str, name: str
) -> None:
    """The dialog asked about the name as it was typed, not about this one."""
    (chosen,) = (writer for text, writer in writers(layer).items() if text.startswith(start))
    viewer_layers = [layer]
    paths, plugin = _npe2.write_layers(str(tmp_path / "cells"), viewer_layers, writer=chosen)
    assert (paths, plugin) == ([str(tmp_path / name)], "napari-maskrcnn")
    before = (tmp_path / name).read_bytes()
    layer.data = np.zeros_like(layer.data)
    with pytest.raises(FileExistsError):
        _npe2.write_layers(str(tmp_path / "cells"), viewer_layers, writer=chosen)
    assert (tmp_path / name).read_bytes() == before
    paths, _ = _npe2.write_layers(str(tmp_path / name), viewer_layers, writer=chosen)
    assert not read_labels(paths[0]).any()


def test_what_cannot_be_written_is_said(layer: Labels, tmp_path: Path) -> None:
    layer.data = layer.data - 1
    with pytest.raises(WriteError, match="Labels cannot be negative"):
        layer.save(str(tmp_path / "cells.csv"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_replaced(layer: Labels, tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.zarr"
    layer.save(str(path))
    with pytest.raises(FileExistsError):
        layer.save(str(path))


def test_a_saved_prediction_says_where_it_comes_from(
    make_napari_viewer: Any, qtbot: Any, nuclei: tuple[Any, Any], tiny_model: str, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(nuclei[0], name="dish")
    panel = MaskRCNNPanel(viewer)
    viewer.window.add_dock_widget(panel)
    panel.header.models.set_value(tiny_model)
    panel.predict.row.button.click()
    qtbot.waitUntil(panel.predict.row.button.isEnabled)
    labels = viewer.layers[-1]
    labels.data_setitem((np.array([0, 0]), np.array([0, 1])), 0)
    labels.data_setitem(np.nonzero(labels.data == 1), 0)
    (path,) = labels.save(str(tmp_path / "dish.json"))
    said = read_file(path).provenance
    assert said is not None
    assert said["model"]["name"] == "tiny"
    assert said["settings"]["score"] == 0.3
    assert (said["image"]["name"], said["image"]["shape"]) == ("dish", [128, 128])
    assert said["corrections"]["removed"] == 1
    # A copy of the layer is no prediction, so it says nothing about one.
    copy = Labels(labels.data.copy(), metadata=labels.metadata)
    (path,) = copy.save(str(tmp_path / "copy.json"))
    assert "model" not in (read_file(path).provenance or {})
