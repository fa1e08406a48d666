"""Files that only a napari plugin knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import DynamicPlugin, PluginManager

from napari_maskrcnn.sources.opening import open_image


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a plugin that reads files of microscopes that do not exist."""
    manager = PluginManager()
    monkeypatch.setattr(PluginManager, "instance", lambda: manager)
    monkeypatch.setattr(manager, "discover", lambda *_, **__: 0)
    layers: list[Any] = []

    def reader(path: Any) -> Any:
        if "broken" in str(path):
            raise RuntimeError("the laser is off")
        return layers

    def get_reader(path: Any) -> Any:
        return reader

    with DynamicPlugin("a-microscope", plugin_manager=manager) as dynamic:
        dynamic.contribute.reader(filename_patterns=["*.scope"])(get_reader)
        yield layers


def test_a_plugin_opens_what_it_knows(plugin: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "x.scope"
    path.touch()
    image = np.arange(2 * 3 * 8 * 9).reshape(2, 3, 8, 9)
    about = {"channel_axis": 0, "scale": (2.0, 0.5, 0.25), "units": ("um", "um", "µm")}
    plugin += [(np.zeros((4, 2)), {}, "points"), (image, about, "image")]
    source = open_image(path)
    assert source.axes == "CQYX"
    assert source.pixel_size == (2.0, 0.5, 0.25)
    assert source.channels == 2
    plugin[1] = (image, {"axis_labels": ("t", "z", "y", "x")}, "image")
    assert open_image(path).axes == "TZYX"
    plugin[1] = (image[0],)
    assert open_image(path).axes == "QYX"
    plugin[1] = ([image[0], image[0, :, ::2, ::2]], {"multiscale": True}, "image")
    assert open_image(path).levels[0].shape == (3, 4, 5)
    plugin[1] = (image[0].transpose(1, 2, 0), {"rgb": True}, "image")
    assert open_image(path).axes == "YXS"


def test_layers_of_one_shape_are_channels(plugin: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "x.scope"
    path.touch()
    plugin += [(np.full((3, 8, 9), value), {}, "image") for value in (1, 2)]
    source = open_image(path)
    assert source.axes == "CQYX"
    assert np.asarray(source.read((0, None, None)))[0, 0].tolist() == [1, 2]


def test_a_file_that_nobody_reads_says_who_could(plugin: list[Any], tmp_path: Path) -> None:
    for name in ("x.czi", "broken.scope", "x.scope", "x.what"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"x\.czi: no installed .*such as napari-czifile2"):
        open_image(tmp_path / "x.czi")
    with pytest.raises(ValueError, match=r"x\.what: no installed .*\.what files\. Install one and"):
        open_image(tmp_path / "x.what")
    with pytest.raises(ValueError, match=r"x\.scope: the plugin a-microscope cannot read it"):
        open_image(tmp_path / "x.scope")
    with pytest.raises(ValueError, match=r"broken\.scope: .*a-microscope .*laser is off"):
        open_image(tmp_path / "broken.scope")
