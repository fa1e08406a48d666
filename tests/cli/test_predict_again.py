"""``predict`` into a folder of an earlier run: it goes on where that one ended."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_maskrcnn.formats import read_labels
from napari_maskrcnn.formats.tiff import read_tiff
from napari_maskrcnn.jobs import run as drain
from napari_maskrcnn.models import load_model
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings
from tests.cli.conftest import Main


def test_a_second_run_does_what_is_left(
    run: Main, images: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["predict", images, "--output", out, "--model", model_file]
    good = (images / "b.png").read_bytes()
    (images / "b.png").write_bytes(good[:100])
    assert run(*words) == 1
    first = capsys.readouterr()
    assert len(first.out.splitlines()) == 2
    (images / "b.png").write_bytes(good)
    before = (out / "a_labels.tif").stat().st_mtime_ns
    assert run(*words, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(Path(line["image"]).name, line["earlier"]) for line in lines] == [
        ("a.png", True),
        ("c.tif", True),
        ("b.png", False),
    ]
    assert {line["model"] for line in lines} == {"tiny"}
    assert (out / "a_labels.tif").stat().st_mtime_ns == before
    assert run(*words) == 0
    said = capsys.readouterr()
    assert ["(already done)" in line for line in said.out.splitlines()] == [True] * 3
    assert said.err == ""


def test_other_settings_replace_only_when_told(
    run: Main, images: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["predict", images / "a.png", "--output", out, "--model", model_file]
    assert run(*words) == 0
    before = (out / "a_labels.tif").read_bytes()
    capsys.readouterr()
    assert run(*words, "--score", 1) == 1
    assert capsys.readouterr().err == (
        f"{images / 'a.png'}: {out / 'a_labels.tif'} was predicted with score as usual (now 1); "
        "add --overwrite to replace it\n"
    )
    assert (out / "a_labels.tif").read_bytes() == before
    assert run(*words, "--score", 1, "--overwrite") == 0
    assert "0 objects" in capsys.readouterr().out


def test_objects_at_the_border_and_covered_ones_are_left_out(
    run: Main, images: Path, model_file: Path, tmp_path: Path
) -> None:
    words = ["predict", images / "a.png", "--model", model_file]
    assert run(*words, "--output", tmp_path / "all") == 0
    assert run(*words, "--output", tmp_path / "few", "--border", "drop", "--covered", 0) == 0
    every = read_labels(tmp_path / "all/a_labels.tif")
    few = read_labels(tmp_path / "few/a_labels.tif")
    rim = np.concatenate([few[0], few[-1], few[:, 0], few[:, -1]])
    assert not rim.any()
    assert 0 < few.max() < every.max()
    # The same as those two filters of the window.
    image, model = iio.imread(images / "a.png"), load_model(model_file, "cpu")
    kept = drain(predict_planes_job([None], lambda _: image, PredictSettings(), None, model))
    chosen = kept.choose(Choice(kept.score, hidden=0.0, border=False))
    np.testing.assert_array_equal(few, chosen.labels[None])
    settings = read_tiff(tmp_path / "few/a_labels.tif").provenance["settings"]
    assert (settings["hidden"], settings["border"]) == (0.0, False)


@pytest.mark.parametrize("words", [["", "--output", "out"], ["a.png", "--output", " "]])
def test_an_empty_name_is_not_the_working_folder(
    run: Main, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", *words) == 2
    assert "must name a file or folder, not nothing" in capsys.readouterr().err
