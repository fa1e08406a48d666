"""Files of every kind give the planes that were written, with their axes and pixel size."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_maskrcnn.sources import tiff
from napari_maskrcnn.sources.opening import is_image, open_image

RNG = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 250, shape).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "options", "axes"),
    [
        ((20, 30), {}, "YX"),
        ((5, 20, 30), {"photometric": "minisblack"}, "QYX"),
        ((20, 30, 5), {"photometric": "minisblack"}, "YXC"),
        ((20, 30, 3), {"photometric": "rgb"}, "YXS"),
        ((3, 20, 30), {"photometric": "rgb", "planarconfig": "separate"}, "SYX"),
        ((4, 20, 30), {"metadata": None, "photometric": "minisblack"}, "QYX"),
        ((2, 3, 2, 20, 30), {"imagej": True, "metadata": {"axes": "TZCYX"}}, "TZCYX"),
        ((6, 20, 30), {"imagej": True, "metadata": {"axes": "CYX"}}, "CYX"),
        ((2, 20, 30), {"ome": True, "metadata": {"axes": "CYX"}}, "CYX"),
        ((2, 3, 2, 20, 30), {"ome": True, "metadata": {"axes": "TZCYX"}}, "TZCYX"),
    ],
)
def test_tiffs_say_their_axes(
    shape: tuple[int, ...], options: dict[str, Any], axes: str, tmp_path: Path
) -> None:
    image = noise(*shape)
    tifffile.imwrite(tmp_path / "x.tif", image, **options)
    with open_image(tmp_path / "x.tif") as source:
        assert source.axes == axes
        assert source.pixel_size is None
        np.testing.assert_array_equal(source.array, image)


def test_the_pixel_size_is_read_in_micrometres(tmp_path: Path) -> None:
    about = {"axes": "TZCYX", "PhysicalSizeX": 500.0, "PhysicalSizeXUnit": "nm"}
    about |= {"PhysicalSizeY": 0.25, "PhysicalSizeYUnit": "µm", "PhysicalSizeZ": 2.0}
    tifffile.imwrite(tmp_path / "o.ome.tif", noise(2, 3, 2, 20, 30), ome=True, metadata=about)
    assert open_image(tmp_path / "o.ome.tif").pixel_size == (1.0, 2.0, 0.25, 0.5)
    tifffile.imwrite(
        tmp_path / "ij.tif",
        noise(3, 20, 30),
        imagej=True,
        resolution=(2, 4),
        metadata={"axes": "ZYX", "spacing": 3.0, "unit": "um"},
    )
    assert open_image(tmp_path / "ij.tif").pixel_size == (3.0, 0.25, 0.5)


def test_named_axes_go_before_those_of_the_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", noise(3, 20, 30), photometric="minisblack")
    assert open_image(tmp_path / "x.tif", "cyx").channels == 3
    with pytest.raises(ValueError, match=r"x\.tif: .*'ZCYX' do not fit: the image has 3 axes"):
        open_image(tmp_path / "x.tif", "ZCYX")
    tifffile.imwrite(tmp_path / "y.tif", noise(2, 3, 20, 30), photometric="minisblack")
    with pytest.raises(ValueError, match=r"y\.tif: .*4 axes \(2 × 3 × 20 × 30\).*--axes"):
        open_image(tmp_path / "y.tif")
    assert open_image(tmp_path / "y.tif", "ZCYX").label_shape == (2, 20, 30)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_large_tiffs_stay_in_their_file(
    compression: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff, "MOST_IN_MEMORY", 1000)
    image = noise(3, 40, 50)
    tifffile.imwrite(
        tmp_path / "x.tif", image, photometric="minisblack", compression=compression, rowsperstrip=8
    )
    with open_image(tmp_path / "x.tif") as source:
        assert not isinstance(source.array, np.ndarray)
        plane = source.read((2, None, None))
        np.testing.assert_array_equal(plane[10:20, 5:7], image[2, 10:20, 5:7])
        np.testing.assert_array_equal(np.asarray(plane), image[2])
    (tmp_path / "x.tif").unlink()  # nothing holds it


def test_pyramids_of_slides_have_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "MOST_IN_MEMORY", 1000)
    image = noise(256, 320)
    with tifffile.TiffWriter(tmp_path / "x.svs") as writer:
        options: dict[str, Any] = {"tile": (64, 64), "photometric": "minisblack"}
        writer.write(image, subifds=1, **options)
        writer.write(image[::2, ::2], subfiletype=1, **options)
    with open_image(tmp_path / "x.svs") as source:
        assert [level.shape for level in source.levels] == [(128, 160)]
        np.testing.assert_array_equal(source.read((None, None))[:, :9], image[:, :9])
        seen = source.read_level((None, None), 1).seen
        np.testing.assert_array_equal(np.asarray(seen), image[::2, ::2])


def ome_zarr(path: Path, image: np.ndarray, **about: Any) -> None:
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    group.create_array("0", data=image, chunks=(1, 1, 16, 16))
    group.create_array("1", data=image[..., ::2, ::2])
    scales = [[1.0, 2.0, 0.5, 0.5], [1.0, 2.0, 1.0, 1.0]]
    datasets = [
        {"path": str(k), "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        for k, scale in enumerate(scales)
    ]
    group.attrs["multiscales"] = [{"version": "0.4", "datasets": datasets, **about}]


AXES = [
    {"name": "c", "type": "channel"},
    *({"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"),
]


def test_ome_zarr_has_axes_levels_and_pixel_size(tmp_path: Path) -> None:
    image = noise(2, 3, 40, 48)
    ome_zarr(tmp_path / "x.ome.zarr", image, axes=AXES)
    source = open_image(tmp_path / "x.ome.zarr")
    assert source.axes == "CZYX"
    assert source.label_axes == "ZYX"
    assert source.pixel_size == (2.0, 0.5, 0.5)
    assert source.channels == 2
    np.testing.assert_array_equal(
        np.asarray(source.read((1, None, None))), image[:, 1].T.swapaxes(0, 1)
    )
    assert source.read_level((1, None, None), 1).seen.shape == (20, 24, 2)
    # As Bio-Formats lays it out: images in numbered folders.
    (tmp_path / "many.zarr").mkdir()
    (tmp_path / "many.zarr/.zgroup").write_text('{"zarr_format": 2}')
    shutil.copytree(tmp_path / "x.ome.zarr", tmp_path / "many.zarr/0")
    assert open_image(tmp_path / "many.zarr").axes == "CZYX"


def test_a_plain_zarr_is_an_array(tmp_path: Path) -> None:
    image = noise(3, 20, 30)
    zarr.create_array(tmp_path / "plain.zarr", data=image)
    assert open_image(tmp_path / "plain.zarr").axes == "QYX"
    zarr.create_array(tmp_path / "named.zarr", data=image, dimension_names=["ch", "y", "x"])
    source = open_image(tmp_path / "named.zarr")
    assert source.axes == "CYX"
    np.testing.assert_array_equal(np.asarray(source.read((None, None)))[..., 1], image[1])


def test_pictures_are_single_planes(tmp_path: Path) -> None:
    image = noise(20, 30, 3)
    Image.fromarray(image).save(tmp_path / "x.png")
    source = open_image(tmp_path / "x.png")
    assert source.axes == "YXS"
    np.testing.assert_array_equal(source.read((None, None)), image)


@pytest.mark.parametrize("spacing", [-2.0, float("nan"), float("inf")])
def test_nonsense_in_place_of_a_pixel_size_is_no_size(spacing: float, tmp_path: Path) -> None:
    about = {"axes": "ZYX", "spacing": spacing, "unit": "um"}
    tifffile.imwrite(
        tmp_path / "x.tif", noise(3, 20, 30), imagej=True, resolution=(2, 2), metadata=about
    )
    assert open_image(tmp_path / "x.tif").pixel_size == (1.0, 0.5, 0.5)
    datasets = '[{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 0]}]}]'
    axes = '[{"name": "y", "unit": "micrometer"}, {"name": "x", "unit": "micrometer"}]'
    zarr.create_array(tmp_path / "x.zarr/0", data=noise(20, 30), zarr_format=2)
    text = f'{{"multiscales": [{{"axes": {axes}, "datasets": {datasets}}}]}}'
    (tmp_path / "x.zarr/.zattrs").write_text(text)
    assert open_image(tmp_path / "x.zarr").pixel_size is None


@pytest.mark.parametrize(
    ("multiscale", "message"),
    [
        ('"x"', "its list of levels is damaged"),
        ("{}", "its list of levels is damaged"),
        ('{"datasets": []}', "its list of levels is damaged"),
        ('{"datasets": [{"path": "7"}]}', "no image in this folder"),
        ('{"axes": ["y"], "datasets": [{"path": "0"}]}', "names 1 axes, but its array has 2"),
    ],
)
def test_a_damaged_pyramid_is_named(multiscale: str, message: str, tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "x.zarr/0", data=noise(20, 30), zarr_format=2)
    (tmp_path / "x.zarr/.zattrs").write_text(f'{{"multiscales": [{multiscale}]}}')
    with pytest.raises(ValueError, match=rf"x\.zarr: cannot be read .*{message}"):
        open_image(tmp_path / "x.zarr")


def test_of_several_images_the_first_is_taken_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with tifffile.TiffWriter(tmp_path / "x.ome.tif", ome=True) as writer:
        writer.write(noise(20, 30))
        writer.write(noise(40, 50))
    assert open_image(tmp_path / "x.ome.tif").label_shape == (20, 30)
    assert "x.ome.tif holds 2 images; the first is taken" in caplog.text


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.tif: no such file"):
        open_image(tmp_path / "none.tif")
    with pytest.raises(ValueError, match="is a folder, and no zarr"):
        open_image(tmp_path)
    for name in ("x.png", "x.tif", "x.jpg"):
        (tmp_path / name).write_text("no image")
        with pytest.raises(ValueError, match=f"{name}: cannot be read as an image"):
            open_image(tmp_path / name)
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr/.zattrs").write_text(
        '{"multiscales": [{"datasets": [{"path": "../x"}]}]}'
    )
    with pytest.raises(ValueError, match=r"bad\.zarr: cannot be read .*part of itself"):
        open_image(tmp_path / "bad.zarr")
    (tmp_path / "bad.zarr/.zattrs").write_text("{}")
    with pytest.raises(ValueError, match="no image in this folder"):
        open_image(tmp_path / "bad.zarr")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.tif")
    with pytest.raises(ValueError, match=r"x\.tif: is no file but a pipe"):
        open_image(tmp_path / "x.tif")


def test_what_was_said_ends_once(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", noise(2, 3, 2, 20, 30), photometric="minisblack")
    with pytest.raises(ValueError, match=r"command line\)\)\.$"):
        open_image(tmp_path / "x.tif")


def test_images_are_told_by_their_name(tmp_path: Path) -> None:
    assert all(is_image(tmp_path / name) for name in ("a.TIF", "a.png", "a.czi", "a.svs"))
    assert not is_image(tmp_path / "a.csv")
    assert not is_image(tmp_path)
