from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

import napari_maskrcnn as nm
from napari_maskrcnn.formats.provenance import image_hash
from tests.cli.conftest import Main


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    array = np.zeros((20, 30), np.int32)
    array[2:6, 3:9] = 1
    array[10:15, 20:22] = 4
    path = tmp_path / "cells_labels.tif"
    tifffile.imwrite(path, array)
    path.with_suffix(".csv").write_text("index,class,score\n1,nucleus,0.9\n4,debris,0.6\n")
    return path


def test_the_table_beside_the_labels_is_picked_up(
    run: Main, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "cells.csv"
    assert run("export", labels, "--output", out) == 0
    assert capsys.readouterr().out == f"{labels} -> {out}\n"
    table = pd.read_csv(out)
    assert table["label"].tolist() == [1, 4]
    assert table["class"].tolist() == ["nucleus", "debris"]
    assert table["score"].tolist() == [0.9, 0.6]
    assert table["area"].tolist() == [24, 10]


def test_the_table_is_found_for_labels_of_another_ending(
    run: Main, labels: Path, tmp_path: Path
) -> None:
    plain = labels.rename(tmp_path / "cells.tif")
    assert run("export", plain, "--output", tmp_path / "out.csv") == 0
    assert pd.read_csv(tmp_path / "out.csv")["class"].tolist() == ["nucleus", "debris"]


def test_the_image_adds_intensities(run: Main, labels: Path, tmp_path: Path) -> None:
    image = tmp_path / "cells.tif"
    tifffile.imwrite(image, np.full((20, 30), 7, np.uint8))
    out = tmp_path / "cells.csv"
    assert run("export", labels, "--output", out, "--image", image) == 0
    means = [column for column in pd.read_csv(out) if "mean" in column]
    assert len(means) == 1
    assert pd.read_csv(out)[means[0]].tolist() == [7.0, 7.0]


def test_labels_are_the_same_in_a_tiff(run: Main, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    assert run("export", labels, "--output", out) == 0
    np.testing.assert_array_equal(tifffile.imread(out), tifffile.imread(labels))


def test_the_format_can_be_named(run: Main, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.txt"
    assert run("export", labels, "--output", out, "--format", "csv") == 0
    assert len(pd.read_csv(out)) == 2


def test_an_existing_output_is_kept_unless_told(
    run: Main, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.tif"
    out.write_text("mine")
    assert run("export", labels, "--output", out) == 1
    line = capsys.readouterr().err
    assert line.startswith(f"{out} exists")
    assert "--overwrite" in line
    assert line.count("\n") == 1
    assert out.read_text() == "mine"
    assert run("export", labels, "--output", out, "--overwrite") == 0
    assert tifffile.imread(out).max() == 4


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"nothing like a TIFF", "cannot be read"), (None, "float|whole|integer")],
)
def test_what_is_no_label_image_is_one_line(
    run: Main,
    labels: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    reason: str,
) -> None:
    if content is None:
        tifffile.imwrite(labels, np.full((4, 5), 0.5, np.float32))
    else:
        labels.write_bytes(content)
    assert run("export", labels, "--output", tmp_path / "out.csv") == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert str(labels) in line
    assert any(word in line for word in reason.split("|"))
    assert not (tmp_path / "out.csv").exists()


def test_an_unknown_format_lists_the_known_ones(
    run: Main, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", labels, "--output", tmp_path / "out.xyz") == 1
    line = capsys.readouterr().err
    assert "tiff" in line
    assert "csv" in line


def test_absent_labels_and_exporting_onto_itself_are_wrong_usage(
    run: Main, labels: Path, tmp_path: Path
) -> None:
    before = labels.read_bytes()
    assert run("export", tmp_path / "absent.tif", "--output", tmp_path / "out.csv") == 2
    assert run("export", labels, "--output", labels, "--overwrite") == 2
    assert labels.read_bytes() == before


@pytest.mark.parametrize("name", ["c.json", "c.zip", "c.geojson", "c_seg.npy", "c.ome.zarr"])
def test_classes_scores_and_origin_pass_through_every_format(
    run: Main, labels: Path, tmp_path: Path, name: str
) -> None:
    between, last = tmp_path / "between" / name, tmp_path / "last.csv"
    assert run("export", labels, "--output", between, "--pixel-size", 0.5) == 0
    assert run("export", between, "--output", last) == 0
    table = pd.read_csv(last)
    assert table["label"].tolist() == [1, 4]
    assert table["area"].tolist() == [24, 10]
    if name != "c.ome.zarr":
        assert table["class"].tolist() == ["nucleus", "debris"]
        assert table["score"].tolist() == [0.9, 0.6]
    said = json.loads(last.with_name("last.csv.provenance.json").read_text())
    assert len(said["exported"]) == 1
    assert said["created"] <= said["exported"][0]["created"]


def test_a_format_of_no_ending_is_chosen_by_name(run: Main, labels: Path, tmp_path: Path) -> None:
    assert run("export", labels, "--output", tmp_path / "objects", "--format", "png") == 0
    np.testing.assert_array_equal(nm.read_labels(tmp_path / "objects"), tifffile.imread(labels))
    out = tmp_path / "outlines.json"
    assert run("export", labels, "--output", out, "--format", "coco-polygons") == 0
    assert isinstance(json.loads(out.read_text())["annotations"][0]["segmentation"], list)


@pytest.mark.parametrize(
    ("name", "format"), [("seg", "cellpose"), ("q.geojson", "tiff"), ("x.npy", "cellpose")]
)
def test_no_file_is_written_that_its_ending_hides_from_every_reader(
    run: Main,
    labels: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    format: str,
) -> None:
    out = tmp_path / "new" / name
    assert run("export", labels, "--output", out, "--format", format) == 1
    assert f"{name} does not end like a file of the format" in capsys.readouterr().err
    assert not out.parent.exists()


def test_what_is_lost_is_a_line_and_no_failure(
    run: Main, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = np.zeros((9, 9), np.uint8)
    ring[1:8, 1:8] = 3
    ring[3:5, 3:5] = 0
    tifffile.imwrite(tmp_path / "ring.tif", ring)
    out = tmp_path / "ring.json"
    words = ["export", tmp_path / "ring.tif", "--output", out, "--format", "coco-polygons"]
    assert run(*words) == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'ring.tif'} -> {out}\n"
    assert said.err.startswith(f"{out}: COCO's polygons have no holes")
    assert said.err.count("\n") == 1


def test_outlines_without_a_size_take_that_of_the_image(
    run: Main, labels: Path, tmp_path: Path
) -> None:
    image, outlines = tmp_path / "rgb.png", tmp_path / "c.txt"
    iio.imwrite(image, np.zeros((20, 30, 3), np.uint8))
    outlines.write_text("0 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3\n")
    assert run("export", outlines, "--output", tmp_path / "out.tif", "--image", image) == 0
    array = tifffile.imread(tmp_path / "out.tif")
    assert array.shape == (20, 30)
    assert np.argwhere(array).min(0).tolist() == [2, 3]
    assert np.argwhere(array).max(0).tolist() == [5, 8]


def test_an_unknown_format_makes_no_folder(run: Main, labels: Path, tmp_path: Path) -> None:
    assert run("export", labels, "--output", tmp_path / "new" / "out.xyz") == 1
    assert run("export", labels, "--output", tmp_path / "new" / "out.tif", "--format", "xyz") == 1
    assert not (tmp_path / "new").exists()


def test_a_name_that_cannot_be_is_one_line(
    run: Main, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = tmp_path / f"{'x' * 300}.tif"
    assert run("export", labels, "--output", long) == 1
    line = capsys.readouterr().err
    assert str(long) in line
    assert line.count("\n") == 1
    assert run("export", long, "--output", tmp_path / "out.tif") == 2
    capsys.readouterr()
    assert run("export", labels, "--output", labels / "out.tif") == 1
    assert "is a file, not a folder. Choose another" in capsys.readouterr().err


def test_an_image_is_read_as_predict_reads_it(run: Main, labels: Path, tmp_path: Path) -> None:
    pixels = np.stack([np.full((20, 30), value, np.uint16) for value in (7, 8, 9)])
    image, out = tmp_path / "cells.ome.tif", tmp_path / "out.csv"
    cyx = {"axes": "CYX"}
    tifffile.imwrite(image, pixels, ome=True, photometric="minisblack", metadata=cyx)
    assert run("export", labels, "--output", out, "--image", image) == 0
    table = pd.read_csv(out)
    means = [table[column].tolist() for column in table if "mean" in column]
    assert means == [[7.0, 7.0], [8.0, 8.0], [9.0, 9.0]]
    said = json.loads(out.with_name("out.csv.provenance.json").read_text())["image"]
    # Of the file's own array, whatever order its axes have.
    assert (said["shape"], said["sha256"]) == ([3, 20, 30], image_hash(pixels))
    outlines = tmp_path / "c.txt"
    outlines.write_text("0 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3\n")
    assert run("export", outlines, "--output", tmp_path / "out.tif", "--image", image) == 0
    assert tifffile.imread(tmp_path / "out.tif").shape == (20, 30)


def test_a_zarr_is_an_image_and_axes_can_be_named(run: Main, labels: Path, tmp_path: Path) -> None:
    image = tmp_path / "raw.zarr"
    pixels = np.stack([np.zeros((20, 30), np.uint8), np.full((20, 30), 5, np.uint8)])
    zarr.create_array(image, data=pixels)
    words = ["export", labels, "--output", tmp_path / "out.csv", "--image", image]
    assert run(*words) == 1
    assert run(*words, "--axes", "CYX") == 0
    table = pd.read_csv(tmp_path / "out.csv")
    means = [table[column].tolist() for column in table if "mean" in column]
    assert means == [[0.0, 0.0], [5.0, 5.0]]


def test_a_table_of_another_program_is_passed_over(
    run: Main, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, table = labels.rename(tmp_path / "cells.tif"), tmp_path / "cells.csv"
    table.write_text(" ,Area,Mean\n1,24,7.5\n")
    assert run("export", plain, "--output", tmp_path / "out.csv") == 0
    line = capsys.readouterr().err
    assert line.startswith(f"{plain}: {table} has no column 'index' or 'label'")
    assert line.endswith("It was passed over.\n")
    assert pd.read_csv(tmp_path / "out.csv")["class"].tolist() == ["nucleus", "debris"]
    # What has the name of our own tables is one.
    table.rename(tmp_path / "cells_labels.csv")
    assert run("export", plain, "--output", tmp_path / "more.csv") == 1
    assert "has no column 'index' or 'label'" in capsys.readouterr().err
