from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_maskrcnn.jobs import run as drain
from napari_maskrcnn.predict.folder.manifest import NAME
from napari_maskrcnn.predict.kept import Choice
from napari_maskrcnn.predict.plane import predict
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings
from tests.cli.conftest import Main


def files(folder: Path) -> list[str]:
    """List the outputs in a folder: every file but the manifest."""
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return [name for name in found if name != NAME]


def test_labels_and_table_hold_the_predicted_objects(
    run: Main, images: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("predict", images / "a.png", "--output", out, "--model", model_file) == 0
    expected = predict(iio.imread(images / "a.png"), model=str(model_file))
    assert len(expected) > 2
    labels = tifffile.imread(out / "a_labels.tif")
    np.testing.assert_array_equal(labels, expected.to_labels())
    table = pd.read_csv(out / "a_labels.csv")
    assert table["label"].tolist() == list(range(1, len(expected) + 1))
    assert set(table["class"]) == {"nucleus"}
    np.testing.assert_allclose(table["score"], expected.scores, rtol=1e-5)
    assert table["area"].tolist() == [int((labels == k).sum()) for k in table["label"]]
    said = capsys.readouterr()
    assert said.out.startswith(f"{images / 'a.png'}: {len(expected)} objects -> ")
    assert said.err == ""


def test_a_folder_is_mirrored(run: Main, images: Path, model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("predict", images, "--output", out, "--model", model_file) == 0
    assert files(out) == [
        "a_labels.csv",
        "a_labels.tif",
        "b_labels.csv",
        "b_labels.tif",
        "sub/c_labels.csv",
        "sub/c_labels.tif",
    ]


def test_a_higher_score_keeps_fewer(
    run: Main, images: Path, model_file: Path, tmp_path: Path
) -> None:
    image = images / "a.png"
    best = float(predict(iio.imread(image), model=str(model_file)).scores[0])
    assert best < 1
    words = ["predict", image, "--model", model_file]
    assert run(*words, "--output", tmp_path / "one", "--score", best - 1e-6) == 0
    assert run(*words, "--output", tmp_path / "none", "--score", 1) == 0
    assert tifffile.imread(tmp_path / "one/a_labels.tif").max() == 1
    assert tifffile.imread(tmp_path / "none/a_labels.tif").max() == 0
    assert len(pd.read_csv(tmp_path / "none/a_labels.csv")) == 0


def test_the_same_settings_give_the_labels_of_the_window(
    run: Main, images: Path, model_file: Path, tmp_path: Path
) -> None:
    """The window keeps every candidate and chooses among them by its sliders."""
    image = images / "a.png"
    settings = PredictSettings(model=str(model_file), diameter=14.0)
    kept = drain(predict_planes_job([None], lambda _: iio.imread(image), settings))
    low, high = np.quantile(kept.facts[None].diameters, (0.25, 0.75)).round(2)
    score = round(float(np.quantile(kept.planes[None].scores, 0.8)), 6)
    chosen = kept.choose(Choice(score, low, high))
    # Every limit counts: without one of them the labels are others.
    for other in (Choice(0.5, low, high), Choice(score, 0.0, high), Choice(score, low)):
        assert not np.array_equal(kept.choose(other).labels[None], chosen.labels[None])
    words = ["--diameter", 14, "--score", score, "--min-size", low, "--max-size", high]
    assert run("predict", image, "--model", model_file, "--output", tmp_path, *words) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a_labels.tif"), chosen.labels[None])
    table = pd.read_csv(tmp_path / "a_labels.csv")
    np.testing.assert_allclose(table["score"], chosen.table["score"][1:], rtol=1e-6)


def test_the_channel_is_looked_at(
    run: Main, images: Path, model_file: Path, tmp_path: Path
) -> None:
    grey = iio.imread(images / "a.png")
    iio.imwrite(images / "rgb.png", np.stack([grey * 0, grey, grey * 0], -1))
    words = ["predict", images, "--model", model_file, "--output", tmp_path / "out"]
    assert run(*words, "--channels", "1") == 1  # the others have one channel
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out/rgb_labels.tif"),
        predict(grey, model=str(model_file)).to_labels(),
    )


def test_every_failure_is_a_line_and_the_others_are_done(
    run: Main, images: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "broken.tif").write_bytes(b"II*\x00 and then nothing")
    (images / "cut.png").write_bytes((images / "a.png").read_bytes()[:100])
    iio.imwrite(images / "pixel.png", np.zeros((1, 1), np.uint8))
    tifffile.imwrite(images / "nan.tif", np.full((32, 32), np.nan, np.float32))
    out = tmp_path / "out"
    absent = tmp_path / "absent.png"
    assert run("predict", images, absent, "--output", out, "--model", model_file) == 1
    said = capsys.readouterr()
    failed = {line.partition(":")[0] for line in said.err.splitlines()}
    names = ("broken.tif", "cut.png", "pixel.png", "nan.tif")
    assert failed == {str(absent), *(str(images / name) for name in names)}
    assert len(said.err.splitlines()) == 5
    assert len(said.out.splitlines()) == 3
    assert len(files(out)) == 6


def test_a_constant_image_has_no_object(
    run: Main, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    iio.imwrite(tmp_path / "flat.png", np.full((32, 32), 7, np.uint8))
    out = tmp_path / "out"
    assert run("predict", tmp_path / "flat.png", "--output", out, "--model", model_file) == 0
    assert "flat.png: 0 objects" in capsys.readouterr().out
    assert tifffile.imread(out / "flat_labels.tif").max() == 0


@pytest.mark.parametrize("kept", ["a_labels.tif", "a_labels.csv"])
def test_existing_outputs_are_kept_unless_told(
    run: Main,
    images: Path,
    model_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kept: str,
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / kept).write_text("mine")
    words = ["predict", images, "--output", out, "--model", model_file]
    assert run(*words) == 1
    said = capsys.readouterr()
    assert said.err == f"{images / 'a.png'}: {out / kept} exists; add --overwrite to replace it\n"
    assert len(said.out.splitlines()) == 2
    assert (out / kept).read_text() == "mine"
    assert run(*words, "--overwrite") == 0
    assert tifffile.imread(out / "a_labels.tif").shape == (64, 64)


def test_two_outputs_of_one_name_end_before_the_start(
    run: Main, images: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(images / "a.png", images / "a.tif")
    out = tmp_path / "out"
    assert run("predict", images, "--output", out, "--model", model_file) == 2
    assert "would both be written to" in capsys.readouterr().err
    assert not out.exists()


def test_half_an_output_is_not_left(
    run: Main,
    images: Path,
    model_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from napari_maskrcnn.formats import table

    def full(data: object, path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(table, "write_csv", full)
    out = tmp_path / "out"
    assert run("predict", images, "--output", out, "--model", model_file) == 1
    first, last = capsys.readouterr().err.splitlines()
    start = f"{images / 'a.png'}: Cannot write {out / 'a_labels.csv'}: the disk is full"
    assert first.startswith(start)
    assert last.startswith("napari-maskrcnn: stopped: 0 of 3 images are done; Cannot write ")
    assert files(out) == []


def test_an_unknown_model_is_wrong_usage(
    run: Main, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", images, "--output", tmp_path / "out", "--model"]
    assert run(*words, "nucleii") == 2
    assert run(*words, "none.safetensors") == 2
    assert run(*words, "coco") == 2
    lines = capsys.readouterr().err.splitlines()
    assert "There is no model 'nucleii'" in lines[0]
    assert "no weights file none.safetensors" in lines[1]
    assert "napari-maskrcnn models download coco" in lines[2]
    assert len(lines) == 3


def test_a_device_that_is_not_there_is_wrong_usage(
    run: Main, images: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    absent = "mps" if torch.cuda.is_available() else "cuda"
    words = ["predict", images, "--output", tmp_path / "out", "--model", model_file]
    assert run(*words, "--device", absent) == 2
    assert f"device is '{absent}', but torch sees no such device" in capsys.readouterr().err


def test_an_output_that_cannot_be_made_is_one_line(
    run: Main, images: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = images / "a.png" / "out"
    assert run("predict", images, "--output", out, "--model", model_file) == 1
    line = capsys.readouterr().err
    assert line.startswith(f"{out}: ")
    assert line.count("\n") == 1


@pytest.mark.slow
def test_the_work_goes_on_when_nobody_reads(images: Path, model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["predict", str(images), "--output", str(out), "--model", str(model_file)]
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_maskrcnn", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=120) == 0
    assert len(files(out)) == 6
    process.stderr.close()


def test_a_damaged_model_is_one_line(
    run: Main, images: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(model_file.read_bytes()[:5000])
    assert run("predict", images, "--output", tmp_path / "out", "--model", bad) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "bad.safetensors: the file is damaged or cut short" in lines[0]
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_wrong_usage(run: Main, images: Path) -> None:
    assert run("predict", images, "--output", images / "a.png") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_an_interrupt_keeps_what_is_finished(
    images: Path, model_file: Path, tmp_path: Path
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(300):
        shutil.copy(images / "a.png", many / f"{number:03}.png")
    out = tmp_path / "out"
    words = ["predict", str(many), "--output", str(out), "--model", str(model_file)]
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_maskrcnn", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    lines = [process.stdout.readline(), process.stdout.readline()]
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=120)
    done = [*lines, *rest.splitlines()]
    assert process.returncode == 1
    assert 2 <= len(done) < 300
    assert f"stopped: {len(done)} of 300 images are done" in errors
    assert "Traceback" not in errors
    assert len(files(out)) == 2 * len(done)
