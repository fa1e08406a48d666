from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import pytest
import torch

from napari_maskrcnn.annotate.image_states import State, States
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.project.stored import Stored, write_labels_of, write_regions
from napari_maskrcnn.models import find_model, load_weights
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.train.fine_tune import FineTuneResult
from napari_maskrcnn.train.state import TrainState
from tests.cli.conftest import Main

FAST = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def words(dataset: Path, model_file: Path, tmp_path: Path) -> list[object]:
    output = tmp_path / "new" / "mine.safetensors"
    return ["train", dataset, "--output", output, "--base", model_file, "--val", dataset]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "new" / "mine.safetensors"


def test_a_model_is_trained_judged_and_saved(
    run: Main,
    words: list[object],
    output: Path,
    model_file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*words, "--epochs", 2, "--seed", 3) == 0
    network, card = load_weights(output)
    record = card.history[-1]
    assert (card.name, card.base) == ("mine", "tiny")
    assert (record["images"], record["steps"]) == (2, 2)
    assert (record["settings"]["epochs"], record["settings"]["seed"]) == (2, 3)
    before = load_weights(model_file)[0].state_dict()
    moved = [n for n, t in network.state_dict().items() if not torch.equal(t, before[n])]
    assert "roi_heads.box_predictor.cls_score.weight" in moved
    said = capsys.readouterr()
    assert said.err == ""
    proof = f"AP@0.5 {record['before']['ap50']:.3f} -> {record['after']['ap50']:.3f}"
    assert said.out.splitlines()[-1].endswith(f"({record['steps']} steps, {proof})")
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_only_the_layers_that_are_asked_for_learn(
    run: Main, words: list[object], output: Path, model_file: Path
) -> None:
    assert run(*words, "--epochs", 1, "--layers", "rpn", "--no-guard", "--crop", 96) == 0
    network, card = load_weights(output)
    assert card.history[-1]["settings"]["layers"] == "rpn"
    assert card.history[-1]["settings"]["crop"] == 96
    assert card.history[-1]["settings"]["reach"] is None
    before = load_weights(model_file)[0].state_dict()
    moved = [n for n, t in network.state_dict().items() if not torch.equal(t, before[n])]
    assert moved
    assert all(name.startswith("rpn.") for name in moved)
    assert run(*words, "--epochs", 1, "--layers", "7+") == 2
    assert run(*words, "--epochs", 1, "--crop", 100) == 2


def test_a_loss_that_is_not_finite_ends_it_and_keeps_the_weights_before(
    run: Main,
    words: list[object],
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real, steps = MaskRCNN.losses, itertools.count()

    def broken(self: MaskRCNN, *args: object, **kwargs: object) -> object:
        losses = real(self, *args, **kwargs)
        return replace(losses, mask=losses.mask * float("nan")) if next(steps) else losses

    monkeypatch.setattr(MaskRCNN, "losses", broken)
    assert run(*words, "--epochs", 3) == 1
    said = capsys.readouterr()
    assert "stopped at step 2: the loss (mask) is not finite on" in said.err
    assert "(1 step," in said.out
    assert load_weights(output)[1].history[-1]["steps"] == 1


def test_a_full_disk_promises_no_checkpoint_that_is_not_there(
    run: Main,
    words: list[object],
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError("The disk is full.")

    monkeypatch.setattr(FineTuneResult, "save", full)
    assert run(*words, "--epochs", 1) == 1
    checkpoint = output.with_suffix(".checkpoint")
    assert f"The disk is full. The training is kept in {checkpoint}" in capsys.readouterr().err
    checkpoint.unlink()
    monkeypatch.setattr(TrainState, "save", full)
    assert run(*words, "--epochs", 1) == 1
    said = capsys.readouterr().err
    assert f"The disk is full. The model is kept as {find_model('mine')}." in said
    assert "The training is kept" not in said


def test_an_existing_output_is_kept_unless_told(
    run: Main, words: list[object], output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output.parent.mkdir()
    output.write_text("mine")
    assert run(*words, "--epochs", 1) == 1
    assert run(*words, "--epochs", 1, "--resume") == 1
    line = f"{output}: the file exists; add --overwrite to replace it\n"
    assert capsys.readouterr().err == line * 2
    assert output.read_text() == "mine"
    assert run(*words, "--epochs", 1, "--overwrite") == 0
    assert load_weights(output)[1].name == "mine"


def test_an_unfinished_training_is_not_lost(
    run: Main, words: list[object], output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output.parent.mkdir()
    checkpoint = output.with_suffix(".checkpoint")
    checkpoint.write_text("hours of work")
    assert run(*words, "--epochs", 1) == 1
    line = capsys.readouterr().err
    assert "add --resume to continue it" in line
    assert line.count("\n") == 1
    assert checkpoint.read_text() == "hours of work"
    assert run(*words, "--epochs", 1, "--resume") == 1
    assert "mine.checkpoint" in capsys.readouterr().err
    assert checkpoint.read_text() == "hours of work"


def test_every_bad_file_is_a_line_and_nothing_is_trained(
    run: Main,
    words: list[object],
    dataset: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cut = (dataset / "images/x.png").read_bytes()[:100]
    for name in "xz":
        (dataset / f"images/{name}.png").write_bytes(cut)
    shutil.copy(dataset / "labels/x.tif", dataset / "labels/z.tif")
    words = words[: words.index("--val")]
    assert run(*words, "--epochs", 1) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == [
        str(dataset / "images/x.png"),
        str(dataset / "images/z.png"),
    ]
    assert "nothing was trained" in lines[2]
    assert not output.exists()


@pytest.fixture
def project(dataset: Path, tmp_path: Path) -> Iterator[Project]:
    """Make a project of the dataset's images x and y and of a third without labels."""
    paths = sorted((dataset / "images").iterdir())
    shutil.copy(paths[0], dataset / "none.png")
    with Project.create(tmp_path / "project") as made:
        made.add([*paths, dataset / "none.png"])
        for entry in made.entries[:2]:
            labels = iio.imread(dataset / "labels" / f"{entry.name}.tif")
            write_labels_of(made, entry.name, Stored(labels.astype("int32"), None))
        yield made


def test_a_project_is_trained_on_what_is_verified_or_finished_in_it(
    run: Main,
    words: list[object],
    project: Project,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["train", project.root, *words[2:4], *words[4:6], "--epochs", 1]
    assert run(*words) == 1
    assert "no image of this project is verified" in capsys.readouterr().err
    project.set_states("x", States(State.VERIFIED), role="validation")
    assert run(*words) == 1
    assert "no image to train on" in capsys.readouterr().err
    corners = [[-0.5, -0.5], [-0.5, 63.5], [31.5, 63.5], [31.5, -0.5]]
    write_regions(project, "y", [{"plane": ":,:", "corners": corners}])
    assert run(*words) == 0
    record = load_weights(output)[1].history[-1]
    assert record["names"] == ["y [0:32, 0:64]"]
    assert set(record["after"]) >= {"ap50", "ap75"}
    (project.root / "labels" / "y.tif").write_bytes(b"no tiff")
    assert run(*words, "--overwrite") == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("y: ")
    assert "nothing was trained" in lines[1]


def test_a_class_that_no_object_has_is_refused(
    run: Main, words: list[object], dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dataset / "labels" / "x.csv").write_text("index,class\n1,cell\n77,debris\n")
    assert run(*words, "--epochs", 1) == 1
    assert "No object has the class 'debris'" in capsys.readouterr().err


def test_images_without_an_object_cannot_judge(
    run: Main,
    words: list[object],
    dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    empty = Path(shutil.copytree(dataset, tmp_path / "empty"))
    for path in (empty / "labels").iterdir():
        iio.imwrite(path, iio.imread(path) * 0)
    words[words.index("--val") + 1] = empty
    assert run(*words, "--epochs", 1) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{empty}: its images hold no object")
    assert "nothing was trained" in lines[1]


def test_labels_without_an_object_are_refused(
    run: Main, words: list[object], dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (dataset / "labels").iterdir():
        iio.imwrite(path, iio.imread(path) * 0)
    words = words[: words.index("--val")]
    assert run(*words, "--epochs", 1) == 1
    assert "hold no object" in capsys.readouterr().err


def test_wrong_outputs_and_bases_are_wrong_usage(
    run: Main, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", dataset, "--output", tmp_path / "mine.pth", "--epochs", 1) == 2
    assert "must end in .safetensors" in capsys.readouterr().err
    words = ["train", dataset, "--output", tmp_path / "mine.safetensors", "--base", "absent"]
    assert run(*words) == 2
    assert "There is no model 'absent'" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_an_interrupted_training_is_saved_and_continues(
    run: Main, words: list[object], output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*words, "--epochs", 20]
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_maskrcnn", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=FAST,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert "step 2" in first
    assert process.returncode == 1
    assert "add --resume to continue" in errors
    assert "Traceback" not in errors
    interrupted = load_weights(output)[1].history[-1]["steps"]
    assert 2 <= interrupted < 20
    assert output.with_suffix(".checkpoint").exists()

    assert run(*words, "--resume") == 0
    assert load_weights(output)[1].history[-1]["steps"] == 20
    assert not output.with_suffix(".checkpoint").exists()
