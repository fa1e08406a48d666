"""Images of a project: every kind of file, in memory, as the window shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_maskrcnn.annotate.project import picture as module
from napari_maskrcnn.annotate.project.picture import Picture, read_picture
from napari_maskrcnn.annotate.project.places import images_in
from napari_maskrcnn.sources.resampled import Resampled

PIXELS = np.random.default_rng(0).integers(0, 99, (2, 3, 12, 20), np.uint8)


def ome(path: Path, data: np.ndarray, axes: str, **more: object) -> Path:
    tifffile.imwrite(path, data, ome=True, metadata={"axes": axes, **more})
    return path


def test_colours_stay_last_and_other_channels_are_a_stack(tmp_path: Path) -> None:
    colours = np.moveaxis(PIXELS[0], 0, -1)
    tifffile.imwrite(tmp_path / "rgb.tif", colours, photometric="rgb")
    found = read_picture(tmp_path / "rgb.tif")
    assert (found.shape, found.rgb, found.scale) == ((12, 20), True, None)
    assert np.array_equal(found.image, colours)
    found = read_picture(ome(tmp_path / "zc.ome.tif", PIXELS, "ZCYX"))
    assert (found.shape, found.rgb) == ((3, 2, 12, 20), False)
    assert np.array_equal(found.image, PIXELS.transpose(1, 0, 2, 3))
    # The depth comes last before the plane, as in labels that Predict writes.
    assert found.axes[-3:] == "ZYX"


def test_the_pixel_size_of_the_file(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 1.0, "PhysicalSizeZ": 2.0}
    found = read_picture(ome(tmp_path / "z.ome.tif", PIXELS[0], "ZYX", **sizes))
    assert found.scale == (2.0, 1.0, 0.5)
    assert found.units == ("um",) * 3
    plane = found.plane((1, None, None))
    assert isinstance(plane, Resampled)
    assert (plane.shape, plane.seen.shape) == ((12, 20), (24, 20))
    assert Picture(PIXELS[0, 0], "YX").units == ("pixel", "pixel")
    assert np.array_equal(Picture(PIXELS[0], "QYX").plane((1, None, None)), PIXELS[0, 1])


def test_a_zarr_is_an_image_of_the_folder(tmp_path: Path) -> None:
    zarr.save_array(str(tmp_path / "cells.zarr"), PIXELS[0, 0])
    zarr.save_array(str(tmp_path / "cells_labels.ome.zarr"), PIXELS[0, 0])
    (tmp_path / "other").mkdir()
    assert images_in(tmp_path) == [tmp_path / "cells.zarr"]
    assert np.array_equal(read_picture(tmp_path / "cells.zarr").image, PIXELS[0, 0])


def test_what_is_too_large_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, PIXELS[0, 0])
    with pytest.raises(ValueError, match=r"cells\.tif: takes 0 GB, and a project holds"):
        read_picture(path)
