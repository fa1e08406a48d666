"""``--channels`` of train and evaluate: files of many channels are as those of the chosen one."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import torch

from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.models import load_weights
from tests.cli.conftest import Main


@pytest.fixture
def many(dataset: Path, tmp_path: Path) -> Path:
    """Make the dataset again with its images as the last of four channels."""
    folder = tmp_path / "many"
    (folder / "images").mkdir(parents=True)
    (dataset / "labels").rename(folder / "labels")
    (dataset / "labels").symlink_to(folder / "labels")
    rng = np.random.default_rng(0)
    for path in (dataset / "images").iterdir():
        image = iio.imread(path)
        stack = np.stack([*rng.integers(0, 255, (3, *image.shape), np.uint8), image])
        file = folder / "images" / f"{path.stem}.tif"
        tifffile.imwrite(file, stack, photometric="minisblack", metadata={"axes": "CYX"})
    return folder


def test_one_channel_of_four_is_learnt_as_an_image_of_its_own(
    run: Main, dataset: Path, many: Path, model_file: Path, tmp_path: Path
) -> None:
    words = ["--base", model_file, "--epochs", 1, "--crop", 64, "--output"]
    one, four = tmp_path / "one.safetensors", tmp_path / "four.safetensors"
    assert run("train", dataset, *words, one, "--val", dataset) == 0
    assert run("train", many, *words, four, "--val", many, "--channels", 3) == 0
    first, second = (load_weights(path)[0].state_dict() for path in (one, four))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_one_channel_of_four_is_judged_as_an_image_of_its_own(
    run: Main, dataset: Path, many: Path, model_file: Path, tmp_path: Path
) -> None:
    scores = []
    for folder, words in ((dataset, []), (many, ["--channels", 3]), (many, [])):
        file = tmp_path / f"{len(scores)}.json"
        assert run("evaluate", folder, "--model", model_file, *words, "--json", file) == 0
        scores.append(json.loads(file.read_text()))
    assert scores[0] == scores[1]
    assert scores[0] != scores[2]


def test_a_channel_that_is_not_there_and_one_for_a_project(
    run: Main, many: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--base", model_file, "--channels", 4, "--output", tmp_path / "x.safetensors"]
    assert run("train", many, *words) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{many / 'images' / 'x.tif'}: x: channels is (4,)")
    assert "from 0 to 3" in lines[0]
    Project.create(tmp_path / "project").close()
    assert run("train", tmp_path / "project", *words) == 1
    assert "leave --channels out" in capsys.readouterr().err
