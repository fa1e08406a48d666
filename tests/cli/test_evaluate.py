from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_maskrcnn.images import read_image
from napari_maskrcnn.predict.plane import predict
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train import dataset as dataset_module
from napari_maskrcnn.train.metrics import evaluate
from tests.cli.conftest import Main

THRESHOLDS = ["0.50", "0.55", "0.60", "0.65", "0.70", "0.75", "0.80", "0.85", "0.90"]


@pytest.fixture
def truth(dataset: Path, tmp_path: Path) -> Path:
    """Copy the true labels as predictions."""
    folder = tmp_path / "found"
    folder.mkdir()
    for name in "xy":
        shutil.copy(dataset / "labels" / f"{name}.tif", folder / f"{name}_labels.tif")
    return folder


def test_the_truth_scores_one(
    run: Main, dataset: Path, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "result.json"
    assert run("evaluate", dataset, "--predictions", truth, "--json", file) == 0
    result = json.loads(file.read_text())
    assert result["images"] == 2
    assert result["ap"] == dict.fromkeys(THRESHOLDS, 1.0)
    assert result["coco_mask_ap"] == pytest.approx(1.0)
    assert [row["name"] for row in result["per_image"]] == ["x", "y"]
    objects = sum(int(tifffile.imread(path).max()) for path in truth.iterdir())
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"images 2, true objects {objects}, predicted objects {objects}"
    assert said[1].split() == ["IoU", *THRESHOLDS]
    assert said[2].split() == ["AP", *["1.000"] * 9]


def test_the_model_is_scored_as_in_python(
    run: Main, dataset: Path, model_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "result.json"
    words = ["evaluate", dataset, "--model", model_file, "--json", file]
    assert run(*words, "--precision", "float32") == 0
    images = [read_image(dataset / f"images/{n}.png") for n in "xy"]
    found = [predict(image, str(model_file), precision="float32") for image in images]
    true = [read_image(dataset / f"labels/{n}.tif") for n in "xy"]
    scores = [instances.scores for instances in found]
    expected = evaluate(true, [i.to_labels() for i in found], scores, ["x", "y"])
    assert json.loads(file.read_text()) == json.loads(json.dumps(expected))


def test_what_predict_wrote_is_scored_alike(
    run: Main, dataset: Path, model_file: Path, tmp_path: Path
) -> None:
    out, direct, read = tmp_path / "out", tmp_path / "direct.json", tmp_path / "read.json"
    images = dataset / "images"
    assert run("predict", images, "--output", out / "images", "--model", model_file) == 0
    assert run("evaluate", dataset, "--model", model_file, "--json", direct) == 0
    assert run("evaluate", dataset, "--predictions", out, "--json", read) == 0
    first, second = json.loads(direct.read_text()), json.loads(read.read_text())
    assert first["ap"] == second["ap"]
    assert first["coco_mask_ap"] == pytest.approx(second["coco_mask_ap"], abs=1e-6)


def test_pixels_that_are_not_square_are_seen_as_predict_sees_them(
    run: Main, model_file: Path, tmp_path: Path
) -> None:
    dataset, file = tmp_path / "flat", tmp_path / "result.json"
    for part in ("images", "labels"):
        (dataset / part).mkdir(parents=True)
    image = synthetic_nuclei((96, 64), count=6, seed=3)[0][::3]
    tall = {"imagej": True, "resolution": (1.0, 1 / 3), "metadata": {"unit": "um"}}
    tifffile.imwrite(dataset / "images/a.tif", image, **tall)
    out = tmp_path / "out"
    assert run("predict", dataset / "images", "--output", out, "--model", model_file) == 0
    shutil.copy(out / "a_labels.tif", dataset / "labels/a.tif")
    for channels in ([], ["--channels", "0"]):
        words = ["evaluate", dataset, "--model", model_file, "--json", file, "--overwrite"]
        assert run(*words, *channels) == 0
        assert json.loads(file.read_text())["ap"] == dict.fromkeys(THRESHOLDS, 1.0)


def test_labels_without_a_row_in_the_table_are_certain(
    run: Main, dataset: Path, truth: Path, tmp_path: Path
) -> None:
    (truth / "x_labels.csv").write_text("label,class,score\n1,a,0.5\n2,a,\n")
    file = tmp_path / "result.json"
    assert run("evaluate", dataset, "--predictions", truth, "--json", file) == 0
    assert json.loads(file.read_text())["ap"]["0.50"] == 1.0


def test_a_missing_or_misshapen_prediction_is_a_line(
    run: Main, dataset: Path, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "result.json"
    words = ["evaluate", dataset, "--predictions", truth]
    (truth / "x_labels.tif").unlink()
    assert run(*words, "--json", file) == 1
    assert json.loads(file.read_text())["images"] == 1
    line = capsys.readouterr().err
    assert line == f"{dataset / 'images/x.png'}: there is no x_labels.tif in {truth}\n"
    tifffile.imwrite(truth / "x_labels.tif", np.ones((8, 9), np.uint16))
    assert run(*words) == 1
    assert "shape (8, 9), the true labels (64, 64)" in capsys.readouterr().err


def test_a_score_that_is_no_number_costs_only_its_image(
    run: Main, dataset: Path, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (truth / "x_labels.csv").write_text("label,class,score\n1,a,0.5\n2,a,inf\n")
    file = tmp_path / "result.json"
    assert run("evaluate", dataset, "--predictions", truth, "--json", file) == 1
    assert [row["name"] for row in json.loads(file.read_text())["per_image"]] == ["y"]
    line = capsys.readouterr().err
    assert line.startswith(f"{dataset / 'images/x.png'}: object 2 has the score inf; predict")


def test_an_existing_report_is_kept_unless_told(
    run: Main, dataset: Path, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "result.json"
    file.write_text("mine")
    words = ["evaluate", dataset, "--predictions", truth, "--json", file]
    assert run(*words) == 1
    assert capsys.readouterr().err == f"{file}: the file exists; add --overwrite to replace it\n"
    assert file.read_text() == "mine"
    assert run(*words, "--overwrite") == 0
    assert json.loads(file.read_text())["images"] == 2


def test_a_folder_that_is_no_dataset_says_what_is_missing(
    run: Main, tmp_path: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", tmp_path, "--model", model_file) == 1
    assert "images/ and labels/; images/ is missing" in capsys.readouterr().err


def test_predictions_that_are_no_folder_are_wrong_usage(run: Main, dataset: Path) -> None:
    assert run("evaluate", dataset, "--predictions", dataset / "absent") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_an_interrupt_keeps_what_is_evaluated(
    run: Main,
    dataset: Path,
    truth: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read = dataset_module.read_example

    def interrupted(image: Path, labels: Path, *channels: None) -> dataset_module.Example:
        if image.stem == "y":
            os.kill(os.getpid(), signal.SIGINT)
        return read(image, labels, *channels)

    monkeypatch.setattr(dataset_module, "read_example", interrupted)
    file = tmp_path / "result.json"
    assert run("evaluate", dataset, "--predictions", truth, "--json", file) == 1
    assert json.loads(file.read_text())["images"] == 1
    assert capsys.readouterr().err == "napari-maskrcnn: stopped: 1 images are evaluated\n"
