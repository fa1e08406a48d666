"""Stacks, channels and zarr on the command line: planes, linking, axes and pixel size."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

from napari_maskrcnn.formats import read_labels
from napari_maskrcnn.formats.provenance import describe_image
from napari_maskrcnn.formats.tiff import read_tiff
from napari_maskrcnn.jobs import run as drain
from napari_maskrcnn.predict.plane import predict
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.predict.stack import predict_stack
from napari_maskrcnn.sources.resampled import rescaled
from tests.cli.conftest import Main


@pytest.fixture
def grey(images: Path) -> np.ndarray:
    return iio.imread(images / "a.png")


def test_a_stack_is_predicted_plane_by_plane_and_linked(
    run: Main, grey: np.ndarray, model_file: Path, tmp_path: Path
) -> None:
    stack = np.stack([grey, np.roll(grey, 1, 0), np.zeros_like(grey)])
    tifffile.imwrite(
        tmp_path / "s.tif",
        stack,
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "ZYX", "spacing": 3.0, "unit": "um"},
    )
    words = ["predict", tmp_path / "s.tif", "--model", model_file]
    assert run(*words, "--output", tmp_path / "planes") == 0
    labels = read_tiff(tmp_path / "planes/s_labels.tif")
    assert labels.scale == (3.0, 0.5, 0.5)
    expected, _ = predict_stack(stack, model=str(model_file))
    assert expected.max() > 4
    np.testing.assert_array_equal(labels.labels, expected)
    linked = ["--stack", "z", "--overlap", 0.6, "--gap", 1]
    assert run(*words, "--output", tmp_path / "z", *linked) == 0
    expected, table = predict_stack(stack, "z", str(model_file), overlap=0.6, gap=1)
    np.testing.assert_array_equal(read_labels(tmp_path / "z/s_labels.tif"), expected)
    written = pd.read_csv(tmp_path / "z/s_labels.csv")
    assert set(written["label"]) == set(table["index"][1:])
    assert written["plane"].max() == 1
    series = [*words, "--output", tmp_path / "t", "--axes", "TYX"]
    assert run(*series) == 0
    with tifffile.TiffFile(tmp_path / "t/s_labels.tif") as tif:
        assert tif.series[0].axes == "TYX"
    # The same command again knows that all is done; another one asks.
    assert run(*words, "--output", tmp_path / "z", *linked) == 0
    assert run(*words, "--output", tmp_path / "z", "--stack", "t") == 1


def test_axes_say_what_the_file_does_not(
    run: Main,
    grey: np.ndarray,
    model_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    both = np.stack([np.zeros_like(grey), grey])[None]
    tifffile.imwrite(tmp_path / "s.tif", both, photometric="minisblack", metadata=None)
    tifffile.imwrite(tmp_path / "t.tif", both[0], photometric="minisblack", metadata=None)
    words = ["predict", tmp_path / "t.tif", "--model", model_file, "--channel", 1]
    assert run(*words, "--output", tmp_path / "out", "--axes", "CYX") == 0
    expected = predict(grey, str(model_file)).to_labels()
    found = read_tiff(tmp_path / "out/t_labels.tif")
    np.testing.assert_array_equal(found.labels, expected)
    # Of the file's own array, whatever order its axes have.
    assert found.provenance is not None
    assert found.provenance["image"] == describe_image("t.tif", both[0])
    assert run(*words, "--output", tmp_path / "four", "--axes", "CYXZ") == 1
    assert "'CYXZ' do not fit" in capsys.readouterr().err
    assert run(*words, "--output", tmp_path / "no", "--axes", "ZYX") == 1
    assert "leave it out, for the image has 1 channel" in capsys.readouterr().err


def test_a_zarr_is_one_image_of_a_folder(
    run: Main, grey: np.ndarray, model_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in/sub"
    folder.mkdir(parents=True)
    zarr.create_array(folder / "x.zarr", data=grey, chunks=(16, 16))
    iio.imwrite(folder / "y.png", grey)
    assert run("predict", tmp_path / "in", "--model", model_file, "--output", tmp_path / "out") == 0
    expected = predict(grey, str(model_file)).to_labels()
    for name in ("x", "y"):
        found = read_labels(tmp_path / f"out/sub/{name}_labels.tif")
        np.testing.assert_array_equal(found, expected)
    stored = zarr.open_array(str(folder / "x.zarr"), mode="r+")
    words = ["predict", folder / "x.zarr", "--model", model_file, "--output", tmp_path / "one"]
    assert run(*words) == 0
    stored[:] = 7
    assert run(*words) == 0
    assert read_labels(tmp_path / "one/x_labels.tif").max() == 0


def test_of_a_pyramid_the_level_that_fits_the_diameter_is_looked_at(
    run: Main, grey: np.ndarray, model_file: Path, tmp_path: Path
) -> None:
    group = zarr.open_group(str(tmp_path / "x.zarr"), mode="w", zarr_format=2)
    # The full image is empty, so what is found was found in its coarser level.
    group.create_array("0", data=np.zeros((2 * grey.shape[0], 2 * grey.shape[1]), np.uint8))
    group.create_array("1", data=grey)
    levels = [{"path": "0"}, {"path": "1"}]
    group.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": levels}]
    words = ["predict", tmp_path / "x.zarr", "--model", model_file, "--output"]
    assert run(*words, tmp_path / "full") == 0
    assert read_labels(tmp_path / "full/x_labels.tif").max() == 0
    assert run(*words, tmp_path / "level", "--diameter", 24) == 0
    settings = PredictSettings(str(model_file), diameter=12.0)
    kept = drain(predict_planes_job([None], lambda _: grey, settings))
    shape = (2 * grey.shape[0], 2 * grey.shape[1])
    expected = rescaled(kept.planes[None], shape).above(kept.score).to_labels()
    assert expected.max() > 2
    np.testing.assert_array_equal(read_labels(tmp_path / "level/x_labels.tif"), expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gap", 1], "--gap says how planes are linked: add --stack z or t"),
        (["--stack", "x"], "invalid choice: 'x'"),
        (["--stack", "z", "--overlap", 0], "overlap is 0"),
        (["--stack", "z", "--gap", 0.5], "must be a whole number"),
    ],
)
def test_wrong_linking_is_wrong_usage(
    run: Main,
    words: list[object],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "a.png").touch()
    assert run("predict", tmp_path / "a.png", "--output", tmp_path / "out", *words) == 2
    assert message in capsys.readouterr().err


def test_planes_that_a_file_calls_colours_are_said_and_can_be_named(
    run: Main,
    grey: np.ndarray,
    model_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """tifffile writes three planes as red, green and blue, unless it is told otherwise."""
    tifffile.imwrite(tmp_path / "s.tif", np.stack([grey] * 3), photometric="rgb")
    words = ["predict", tmp_path / "s.tif", "--model", model_file]
    assert run(*words, "--output", tmp_path / "rgb") == 0
    line = capsys.readouterr().out
    assert "first axis was read as 3 colours (axes SYX); --axes ZYX reads planes" in line
    assert read_labels(tmp_path / "rgb/s_labels.tif").shape == grey.shape
    assert run(*words, "--output", tmp_path / "planes", "--axes", "ZYX") == 0
    assert "colours" not in capsys.readouterr().out
    assert read_labels(tmp_path / "planes/s_labels.tif").shape == (3, *grey.shape)
