"""``train`` where something goes wrong: a line, and nothing old that is taken for new."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from tests.cli.conftest import Main


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "new" / "mine.safetensors"


@pytest.fixture
def words(dataset: Path, model_file: Path, output: Path) -> list[object]:
    return ["train", dataset, "--output", output, "--base", model_file, "--val", dataset]


def test_what_torch_refuses_is_a_line(
    run: Main,
    words: list[object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def out(*_: object) -> object:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")

    monkeypatch.setattr("napari_maskrcnn.train.fine_tune.begin", out)
    assert run(*words, "--epochs", 1) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "The computer ran out of memory. Close other programs" in line


def test_labels_that_are_refused_leave_the_old_checkpoint(
    run: Main, words: list[object], dataset: Path, output: Path
) -> None:
    output.parent.mkdir()
    checkpoint = output.with_suffix(".checkpoint")
    checkpoint.write_bytes(b"old")
    (dataset / "labels" / "x.csv").write_text("index,class\n1,cell\n77,debris\n")
    assert run(*words, "--epochs", 1, "--overwrite") == 1
    assert checkpoint.read_bytes() == b"old"


def test_overwrite_leaves_no_checkpoint_of_the_old_training(
    run: Main, words: list[object], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output.parent.mkdir()
    checkpoint = output.with_suffix(".checkpoint")
    checkpoint.write_bytes(b"old")
    there: list[bool] = []

    def dies(*_: object) -> object:
        there.append(checkpoint.exists())
        raise ValueError("died")

    monkeypatch.setattr("napari_maskrcnn.train.fine_tune.begin", dies)
    assert run(*words, "--epochs", 1, "--overwrite") == 1
    assert there == [False]


def test_where_nothing_can_be_written_nothing_is_trained(
    run: Main,
    words: list[object],
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def trained(*_: object) -> object:
        raise AssertionError("it was trained")

    def denied(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("napari_maskrcnn.train.fine_tune.begin", trained)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", denied)
        assert run(*words, "--epochs", 1) == 1
    assert "mine.safetensors: writing in" in capsys.readouterr().err
    assert list(output.parent.iterdir()) == []
    output.mkdir()
    for more in ([], ["--overwrite"]):
        assert run(*words, "--epochs", 1, *more) == 1
        assert capsys.readouterr().err == f"{output}: this is a folder; name a file in it\n"


def test_a_model_is_not_written_over_its_own_base(
    run: Main,
    dataset: Path,
    model_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = tmp_path / "base.safetensors"
    shutil.copy(model_file, base)
    beside = base.parent / "new" / ".." / base.name
    words = ["train", dataset, "--base", base, "--output", beside, "--epochs", 1, "--overwrite"]
    (tmp_path / "new").mkdir()
    assert run(*words) == 2
    assert "is the base itself; give it another name" in capsys.readouterr().err
    assert base.read_bytes() == model_file.read_bytes()


def test_where_nothing_could_be_held_out_it_is_said(
    run: Main, words: list[object], dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("images", "labels"):
        next((dataset / part).glob("y.*")).unlink()
    path = dataset / "labels" / "x.tif"
    labels = iio.imread(path)
    iio.imwrite(path, np.where(labels == labels.max(), labels, 0))
    words = [*words[: words.index("--val")], "--epochs", 1]
    assert run(*words, "--val", "none") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.endswith("(1 step)\n")
    assert run(*words, "--overwrite") == 0
    assert "nothing was held out" in capsys.readouterr().err
