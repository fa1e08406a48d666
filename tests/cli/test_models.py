from __future__ import annotations

import platform
import threading
from collections.abc import Generator
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.models import download
from napari_maskrcnn.models.folder import find_model, list_models, model_folder
from tests.cli.conftest import Main


def names() -> list[str]:
    return [entry.name for entry in list_models() if entry.kind != "embedded"]


def test_a_model_comes_is_listed_described_and_goes(
    run: Main, model_file: Path, user_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("models", "import", model_file, "--name", "mine") == 0
    path = model_folder() / "mine.safetensors"
    assert capsys.readouterr().out == f"{model_file} -> model mine ({path})\n"

    assert run("models", "list") == 0
    listed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert listed[0] == ["name", "kind", "size", "file"]
    size = f"{path.stat().st_size / 1e6:.1f}"
    assert ["mine", "user", size, "MB", str(path)] in listed

    assert run("models", "info", "mine") == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert said["name"] == "mine"
    assert said["classes"] == "nucleus"
    assert said["score"] == "0.5"
    assert said["diameter"] == "12 px"
    assert said["backbone"] == "resnet18"
    assert said["base"] == "nuclei"

    assert run("models", "remove", "mine") == 0
    assert str(user_folder / "trash") in capsys.readouterr().out
    assert names() == []

    assert run("models", "restore", "mine") == 0
    assert names() == ["mine"]
    assert run("models", "restore", "mine") == 2
    assert "in the trash. Models: none" in capsys.readouterr().err


def test_info_of_the_installation_is_a_bug_report(
    run: Main, user_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("models", "info") == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert said["python"] == platform.python_version()
    for package in ("napari-maskrcnn", "napari", "torch", "torchvision", "numpy"):
        assert said[package] == version(package)
    assert said["platform"] == platform.platform()
    assert said["precision"] in ("bfloat16", "float32")
    assert said["device"]
    assert said["user"] == f"data        {user_folder}"


def test_a_taken_name_says_both_ways_out(
    run: Main, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("models", "import", model_file) == 0
    assert names() == ["tiny"]
    assert run("models", "import", model_file) == 1
    line = capsys.readouterr().err
    assert "--overwrite" in line
    assert "--name" in line
    assert run("models", "import", model_file, "--overwrite") == 0


def test_a_file_that_cannot_be_imported_is_one_line(
    run: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.pth"
    torch.save({"weight": torch.zeros(2)}, file)
    assert run("models", "import", file) == 1
    assert run("models", "import", tmp_path / "absent.pth") == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{file}: a PyTorch checkpoint of another network")
    assert "absent.pth" in lines[1]
    assert len(lines) == 2
    assert names() == []


@pytest.mark.parametrize("verb", ["info", "remove"])
def test_an_unknown_name_is_wrong_usage(
    run: Main, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("models", verb, "absent") == 2
    assert "There is no model 'absent'" in capsys.readouterr().err


def test_info_of_a_damaged_file_is_one_line(
    run: Main, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(model_file.read_bytes()[:999])
    assert run("models", "info", bad) == 1
    line = capsys.readouterr().err
    assert line.startswith(f"{bad}: ")
    assert line.count("\n") == 1


def test_a_failed_download_is_one_line_with_the_remedy(
    run: Main, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = download.download_coco_job

    def offline(stop: threading.Event) -> Generator[Progress, None, Path | None]:
        return job(stop, url="http://127.0.0.1:9/coco.pth")

    monkeypatch.setattr(download, "download_coco_job", offline)
    assert run("models", "download", "coco") == 1
    line = capsys.readouterr().err
    assert line.startswith("coco: http://127.0.0.1:9/coco.pth: ")
    assert "napari-maskrcnn models import" in line
    assert line.count("\n") == 1
    with pytest.raises(FileNotFoundError):
        find_model("coco")
