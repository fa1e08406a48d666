"""``--json``: every result is one line of JSON on standard output, for scripts."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_maskrcnn.models import load_weights, save_weights
from napari_maskrcnn.models.folder import model_folder
from tests.cli.conftest import Main


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Give the lines of standard output, parsed; everything there must be JSON."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_predict_says_a_line_an_image(
    run: Main, images: Path, model_file: Path, tmp_path: Path, said: Any
) -> None:
    out = tmp_path / "out"
    absent = tmp_path / "absent.png"
    words = ["predict", images, absent, "--output", out, "--model", model_file, "--json"]
    assert run(*words) == 1
    lines = said()
    assert [Path(line["image"]).name for line in lines] == ["a.png", "b.png", "c.tif"]
    for line in lines:
        assert line["objects"] == tifffile.imread(line["labels"]).max()
        assert Path(line["table"]).exists()
        assert line["model"] == "tiny"
        assert line["seconds"] > 0


def test_a_limit_that_is_hit_is_said(
    run: Main, images: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, card = load_weights(model_file)
    network.config = replace(network.config, max_detections=2)
    few = save_weights(tmp_path / "few.safetensors", network, card)
    words = ["predict", images / "a.png", "--output", tmp_path / "out", "--overwrite"]
    assert run(*words, "--model", few, "--json") == 0
    assert json.loads(capsys.readouterr().out)["limited"] is True
    assert run(*words, "--model", few) == 0
    assert "more objects than one prediction returns" in capsys.readouterr().out
    assert run(*words, "--model", few, "--score", 1) == 0
    assert "more objects" not in capsys.readouterr().out


def test_export_says_what_it_wrote(run: Main, tmp_path: Path, said: Any) -> None:
    labels, out = tmp_path / "x_labels.tif", tmp_path / "x.csv"
    tifffile.imwrite(labels, np.eye(9, dtype=np.uint8))
    assert run("export", labels, "--output", out, "--json") == 0
    (line,) = said()
    assert line["labels"] == str(labels)
    assert line["output"] == str(out)


def test_evaluate_says_every_number_instead_of_its_table(
    run: Main, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", dataset, "--predictions", dataset / "labels", "--json"]
    file = tmp_path / "result.json"
    assert run(*words, file) == 0
    assert capsys.readouterr().out.startswith("images 2, ")
    assert run(*words, "-") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == json.loads(file.read_text())


def test_training_says_a_line_a_validation_and_one_at_the_end(
    run: Main, dataset: Path, model_file: Path, tmp_path: Path, said: Any
) -> None:
    output = tmp_path / "mine.safetensors"
    words = ["train", dataset, "--output", output, "--base", model_file, "--val", dataset]
    assert run(*words, "--epochs", 1, "--json") == 0
    *steps, last = said()
    assert {"step", "loss", "ap50"} <= set(steps[-1])
    assert last["model"] == str(output)
    assert (last["steps"], last["finished"]) == (1, True)
    assert last["after"]["ap50"] == steps[-1]["ap50"]


def test_models_are_described(run: Main, model_file: Path, user_folder: Path, said: Any) -> None:
    assert run("models", "import", model_file, "--name", "mine", "--json") == 0
    file = str(model_folder() / "mine.safetensors")
    assert said() == [{"name": "mine", "file": file, "source": str(model_file)}]
    assert run("models", "list", "--json") == 0
    listed = {entry["name"]: entry for entry in said()}
    size = Path(file).stat().st_size
    assert listed["mine"] == {"name": "mine", "path": file, "kind": "user", "size": size}
    assert run("models", "info", "mine", "--json") == 0
    (card,) = said()
    assert (card["score"], card["diameter"], card["file"]) == (0.5, 12.0, file)
    assert card["network"]["backbone"] == "resnet18"
    assert card["weights"] > 1_000_000
    assert run("models", "info", "--json") == 0
    (installation,) = said()
    assert installation["user data"] == str(user_folder)
    assert run("models", "remove", "mine", "--json") == 0
    (removed,) = said()
    assert Path(removed["trash"]).exists()


def test_the_demo_says_what_it_made(
    run: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Any
) -> None:
    def main(output: Path, window: bool, say: Any) -> Any:
        say("1. Predicted two images")
        return SimpleNamespace(files={"labels": output / "x.tif"}, ap_before=0.5, ap_after=0.75)

    module = ModuleType("napari_maskrcnn.demo")
    vars(module)["main"] = main
    monkeypatch.setitem(sys.modules, "napari_maskrcnn.demo", module)
    assert run("demo", "--output", tmp_path, "--json") == 0
    files = {"labels": str(tmp_path / "x.tif")}
    assert said() == [{"files": files, "ap_before": 0.5, "ap_after": 0.75}]
