"""Working through a folder: failures, stops, kills and earlier runs leave every output whole."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.predict.folder import claim as claim_module
from napari_maskrcnn.predict.folder import job
from napari_maskrcnn.predict.folder.claim import NAME as CLAIMS
from napari_maskrcnn.predict.folder.claim import claim
from napari_maskrcnn.predict.folder.job import PARTS, predict_folder_job
from napari_maskrcnn.predict.folder.manifest import NAME, Manifest
from tests.predict.folder import finding
from tests.predict.folder.finding import drained, make_images, planned

SCRIPT = Path(finding.__file__)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "find_in_file_job", finding.find)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    make_images(tmp_path / "in", 3)
    return tmp_path / "in"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def check_outputs(output: Path, count: int) -> None:
    """Every image has both outputs, whole, and nothing else lies there."""
    expected = [f"{number:02}_labels.{end}" for number in range(count) for end in ("csv", "tif")]
    assert names(output) == [*expected, NAME]
    for number in range(count):
        labels = tifffile.imread(output / f"{number:02}_labels.tif")
        assert int(labels.sum()) == 3 * (number + 2)
        table = pd.read_csv(output / f"{number:02}_labels.csv")
        assert table["area"].tolist() == [3 * (number + 2)]


def test_every_image_is_told_when_it_begins_and_ends(images: Path, tmp_path: Path) -> None:
    steps: list[Progress] = []
    plan = planned(images, tmp_path / "out")
    result = run(predict_folder_job(plan, object()), steps.append)  # type: ignore[arg-type]
    told = [(s.data["number"], s.data["file"].status) for s in steps if "file" in s.data]
    assert told == [(n, status) for n in range(3) for status in ("predicting", "done")]
    assert [state.objects for state in result.files] == [1, 1, 1]
    assert result.ended == ""
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert (steps[-1].done, steps[-1].total) == (3 * PARTS, 3 * PARTS)
    said = {s.message for s in steps[1:]}
    assert said == {f"{n} of 3{what}" for n in (1, 2, 3) for what in ("", ": Finding objects")}
    left = [s.data["seconds_left"] for s in steps if "seconds_left" in s.data]
    assert left[-1] == 0.0
    assert all(seconds >= 0 for seconds in left)
    check_outputs(tmp_path / "out", 3)


def test_a_bad_file_is_one_failure_and_the_others_are_done(images: Path, tmp_path: Path) -> None:
    (images / "01.tif").write_bytes(b"II*\\x00")
    out = tmp_path / "out"
    result = drained(planned(images, out))
    assert [state.status for state in result.files] == ["done", "failed", "done"]
    assert result.files[1].reason
    assert [state.status for state in planned(images, out).files] == ["done", "waiting", "done"]


def test_what_was_done_is_not_done_again(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    drained(planned(images, out))
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again = planned(images, out)
    assert again.todo == 0
    assert [(s.status, s.earlier, s.objects) for s in again.files] == [("done", True, 1)] * 3
    assert run(predict_folder_job(again)).files == again.files
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_two_runs_over_one_folder_share_the_work(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, second = planned(images, out), planned(images, out)
    assert (first.todo, second.todo) == (3, 3)
    drained(first)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name != NAME}
    states = drained(second).files
    assert [(s.status, s.earlier, s.objects) for s in states] == [("done", True, 1)] * 3
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert planned(images, out).todo == 0


def test_an_image_that_another_run_has_in_hand_is_left_to_it(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    plan = planned(images, out)
    other = claim(out, plan.files[1].task.labels)
    assert other is not None
    assert claim(out, plan.files[1].task.labels) is None
    steps: list[Progress] = []
    result = run(predict_folder_job(plan, object()), steps.append)  # type: ignore[arg-type]
    assert [state.status for state in result.files] == ["done", "busy", "done"]
    assert "another run is predicting it now" in result.files[1].reason
    # It is told only when all else is done.
    assert [s.data["number"] for s in steps if "file" in s.data] == [0, 0, 2, 2, 1]
    assert steps[-1].done == steps[-1].total
    other.release()
    assert not (out / CLAIMS).exists()
    again = drained(planned(images, out))
    assert [state.earlier for state in again.files] == [True, False, True]


def test_a_claim_that_was_removed_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = claim(tmp_path, tmp_path / "a.tif")
    assert first is not None
    (lock_file,) = (tmp_path / CLAIMS).iterdir()
    lock_file.unlink()
    second = claim(tmp_path, tmp_path / "a.tif")
    assert second is not None
    first.release()
    assert claim(tmp_path, tmp_path / "a.tif") is None
    second.release()

    def no_locks(file: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(claim_module, "lock", no_locks)
    for _ in range(2):
        assert claim(tmp_path, tmp_path / "a.tif") is not None


def test_an_image_that_another_run_finished_meanwhile_is_done(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    plan, other = planned(images, out), planned(images, out)

    def faster(*given: Any) -> Any:
        monkeypatch.setattr(job, "find_in_file_job", finding.find)
        drained(other)
        return (yield from finding.find(*given))

    monkeypatch.setattr(job, "find_in_file_job", faster)
    assert [state.status for state in drained(plan).files] == ["done"] * 3
    assert [state.status for state in planned(images, out).files] == ["done"] * 3
    check_outputs(out, 3)


def test_a_stop_leaves_the_image_it_came_in_as_it_was(images: Path, tmp_path: Path) -> None:
    stop, out = threading.Event(), tmp_path / "out"

    def listen(step: Progress) -> None:
        if step.data.get("number") == 1:
            stop.set()

    plan = planned(images, out)
    result = run(predict_folder_job(plan, object(), stop), listen)  # type: ignore[arg-type]
    assert [state.status for state in result.files] == ["done", "waiting", "waiting"]
    assert names(out) == ["00_labels.csv", "00_labels.tif", NAME]
    drained(planned(images, out))
    check_outputs(out, 3)


def test_a_full_disk_ends_the_run_with_nothing_half_written(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_maskrcnn.formats import table

    write, out = table.write_csv, tmp_path / "out"

    def full(data: Any, path: Path) -> Any:
        if data.name == "01.tif":
            path.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(data, path)

    monkeypatch.setattr(table, "write_csv", full)
    result = drained(planned(images, out))
    assert [state.status for state in result.files] == ["done", "failed", "waiting"]
    assert "the disk is full" in result.ended
    assert "Free some space" in result.files[1].reason
    assert names(out) == ["00_labels.csv", "00_labels.tif", NAME]
    monkeypatch.undo()
    monkeypatch.setattr(job, "find_in_file_job", finding.find)
    drained(planned(images, out))
    check_outputs(out, 3)


def test_a_full_disk_while_replacing_leaves_the_old_outputs(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_maskrcnn.formats import table

    out = tmp_path / "out"
    drained(planned(images, out))
    before = {path: path.read_bytes() for path in out.glob("*_labels.*")}

    def full(data: Any, path: Path) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(table, "write_csv", full)
    drained(planned(images, out, overwrite=True))
    assert {path: path.read_bytes() for path in out.glob("*_labels.*")} == before
    assert [state.status for state in planned(images, out).files] == ["waiting", "done", "done"]


def test_a_manifest_that_cannot_be_written_ends_it_before_the_first_image(
    images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    plan = planned(images, out)
    (out / NAME).mkdir(parents=True)
    with pytest.raises(OSError, match=NAME):
        drained(plan)
    assert names(out) == [NAME]


def test_an_output_folder_that_goes_away_ends_the_run(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    steps: list[Progress] = []

    def listen(step: Progress) -> None:
        steps.append(step)
        if step.data.get("number") == 1 and out.exists():
            shutil.rmtree(out)

    plan = planned(images, out)
    result = run(predict_folder_job(plan, object()), listen)  # type: ignore[arg-type]
    assert [state.status for state in result.files] == ["done", "failed", "waiting"]
    assert result.ended.startswith(f"Cannot write into {out}: No such file or directory")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes start fast only by fork")
def test_after_any_number_of_kills_the_rest_is_finished_and_whole(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    check_outputs(tmp_path / "out", finding.IMAGES)
    lines = [json.loads(line) for line in (tmp_path / "out" / NAME).read_bytes().splitlines()]
    done = [line["image"] for line in lines if line.get("status") == "done"]
    assert sorted(done) == [f"{number:02}.tif" for number in range(finding.IMAGES)]


def test_the_labels_say_where_they_come_from(images: Path, tmp_path: Path) -> None:
    from napari_maskrcnn.formats.verbs import read_file

    drained(planned(images, tmp_path / "out", pixel_size=(0.5,)))
    data = read_file(tmp_path / "out/00_labels.tif")
    assert data.provenance is not None
    assert data.provenance["image"]["name"] == "00.tif"
    assert np.allclose(data.scale or (), (0.5, 0.5))
    record = Manifest(tmp_path / "out").record(planned(images, tmp_path / "out").files[0].task)
    assert record is not None
    assert record.status == "done"
