"""What is done with each image when some outputs lie there already."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from napari_maskrcnn.models import model
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.folder.manifest import NAME, Manifest, Record, differences, how_of
from napari_maskrcnn.predict.folder.one import Request
from napari_maskrcnn.predict.settings import PredictSettings
from tests.predict.folder.finding import change, drained, make_images, planned, state

pytestmark = pytest.mark.usefixtures("no_network")


def note(folders: tuple[Path, Path], record: Record) -> None:
    images, output = folders
    (only,) = planned(images, output).files
    Manifest(output).note(only.task, record)


def test_nothing_there_waits(folders: tuple[Path, Path], tmp_path: Path) -> None:
    fresh = state((folders[0], tmp_path / "other"))
    assert (fresh.status, fresh.reason, fresh.replace) == ("waiting", "", False)


def test_finished_is_done(folders: tuple[Path, Path]) -> None:
    done = state(folders)
    assert (done.status, done.objects, done.earlier) == ("done", 1, True)
    assert done.seconds is not None


def test_finished_is_done_after_both_folders_moved(folders: tuple[Path, Path]) -> None:
    images, output = folders
    moved = (images.rename(images.with_name("new in")), output.rename(output.with_name("new out")))
    assert state(moved).status == "done"


@pytest.mark.parametrize("name", ["00_labels.tif", "00_labels.csv"])
def test_corrected_by_hand_is_done_and_never_replaced(
    folders: tuple[Path, Path], name: str
) -> None:
    change(folders[1] / name)
    assert state(folders).status == "done"
    change(folders[0] / "00.tif")
    asked = state(folders)
    assert asked.status == "exists"
    assert asked.reason == f"the image was changed, and so was {folders[1] / name} by hand"


@pytest.mark.parametrize("status", ["done", "begun"])
def test_of_another_image_of_the_same_name_exists(
    folders: tuple[Path, Path], tmp_path: Path, status: str
) -> None:
    if status == "begun":
        made = Manifest(folders[1]).record(planned(*folders).files[0].task)
        assert made is not None
        note(folders, dataclasses.replace(made, status="begun", outputs=()))
    make_images(tmp_path / "day2", 1)
    other = state((tmp_path / "day2", folders[1]))
    labels, image = folders[1] / "00_labels.tif", folders[0] / "00.tif"
    assert (other.status, other.reason) == ("exists", f"{labels} is of another image, {image}")
    assert state((tmp_path / "day2", folders[1]), overwrite=True).status == "waiting"


def test_a_record_that_knows_no_path_is_of_an_image_that_was_changed(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    path = folders[1] / NAME
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line | {"path": ""}) + "\n" for line in lines))
    make_images(tmp_path / "day2", 1)
    assert state((tmp_path / "day2", folders[1])).reason == "the image was changed"


def test_a_changed_image_is_known_after_both_folders_moved_together(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "moved").mkdir()
    moved = tuple(folder.rename(tmp_path / "moved" / folder.name) for folder in folders)
    change(moved[0] / "00.tif")
    assert state((moved[0], moved[1])).reason == "the image was changed"


def test_of_another_origin_exists(folders: tuple[Path, Path]) -> None:
    (folders[1] / NAME).unlink()
    other = state(folders)
    assert (other.status, other.reason) == ("exists", f"{folders[1] / '00_labels.tif'} exists")
    assert state(folders, overwrite=True).status == "waiting"
    assert state(folders, overwrite=True).replace


def test_of_a_changed_image_is_done_again(folders: tuple[Path, Path]) -> None:
    change(folders[0] / "00.tif")
    again = state(folders)
    assert (again.status, again.reason, again.replace) == (
        "waiting",
        "the image was changed",
        True,
    )
    assert drained(planned(*folders)).files[0].status == "done"


def test_removed_is_done_again(folders: tuple[Path, Path]) -> None:
    (folders[1] / "00_labels.csv").unlink()
    half = state(folders)
    assert (half.status, half.replace) == ("waiting", True)
    assert half.reason == "one of its files was removed"
    (folders[1] / "00_labels.tif").unlink()
    gone = state(folders)
    assert (gone.status, gone.reason) == ("waiting", "its labels were removed")


def test_half_done_is_done_again(folders: tuple[Path, Path]) -> None:
    note(folders, Record("begun", "key"))
    half = state(folders)
    assert (half.status, half.reason, half.replace) == ("waiting", "was not finished", True)


def test_begun_and_in_place_is_done_again_unless_it_was_corrected(
    folders: tuple[Path, Path],
) -> None:
    """The disk was too full for the line that says that it is done."""
    path = folders[1] / NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    labels = folders[1] / "00_labels.tif"
    half = state(folders)
    assert (half.status, half.reason, half.replace) == ("waiting", "was not finished", True)
    change(labels)
    asked = state(folders)
    assert (asked.status, asked.reason) == (
        "exists",
        f"was not finished, and {labels} is not what it wrote",
    )
    # What a run may replace is as good as what it wrote, until it has replaced it.
    drained(planned(*folders, overwrite=True))
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert state(folders).status == "waiting"


def test_a_line_that_the_disk_takes_half_of_is_a_full_disk(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest(folders[1])
    (only,) = planned(*folders).files
    before = manifest.path.read_bytes()
    real = Path.open

    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, content: bytes) -> int:
            return int(self.file.write(content[:5]))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *given, **more: Full(real(*given, **more)))
        with pytest.raises(OSError, match=NAME) as caught:
            manifest.note(only.task, Record("begun", "key"))
    assert caught.value.errno == errno.ENOSPC
    manifest.note(only.task, Record("failed", "key"))
    lines = manifest.path.read_bytes()[len(before) :].splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1])["status"] == "failed"


def test_there_before_a_failure_exists(folders: tuple[Path, Path]) -> None:
    note(folders, Record("failed", "key"))
    assert state(folders).status == "exists"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": PredictSettings(score=0.25)}, "score as usual (now 0.25)"),
        ({"settings": PredictSettings(channels=(0, 2))}, "channels as usual (now 0, 2)"),
        ({"choice": Choice(0.0, smallest=7.0)}, "least size as usual (now 7)"),
        ({"pixel_size": (0.5,)}, "pixel size as usual (now 0.5)"),
    ],
)
def test_with_other_settings_exists_and_says_which(
    folders: tuple[Path, Path], changes: Any, said: str
) -> None:
    other = state(folders, **changes)
    assert other.status == "exists"
    assert other.reason == f"{folders[1] / '00_labels.tif'} was predicted with {said}"


def test_with_another_model_exists_and_says_so(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "file_hash", lambda path: "other")
    assert state(folders).reason.endswith("another version of the model nuclei")


def test_another_device_or_score_of_the_choice_is_no_difference(
    folders: tuple[Path, Path],
) -> None:
    assert state(folders, settings=PredictSettings(device="cpu")).status == "done"
    assert state(folders, choice=Choice(0.9)).status == "done"


def test_every_setting_is_a_difference_or_known_not_to_be_one() -> None:
    """A setting that is added must not let old outputs pass for new ones."""
    usual = how_of(Request(), "m", "hash")
    values = {float: 0.125, int: 3, bool: False, str: "z"}
    for kind, field in ((PredictSettings, "settings"), (Choice, "choice")):
        start = kind() if kind is PredictSettings else Choice(0.0)
        for part in dataclasses.fields(kind):
            if (kind, part.name) in ((Choice, "score"), (PredictSettings, "model")):
                continue
            value = {"channels": (1,), "link": "z"}.get(
                part.name, values.get(type(getattr(start, part.name)), 0.125)
            )
            request = dataclasses.replace(
                Request(), **{field: dataclasses.replace(start, **{part.name: value})}
            )
            said = differences(usual, how_of(request, "m", "hash"))
            assert bool(said) == (part.name != "device"), part.name


def test_what_was_written_by_a_version_that_knew_fewer_settings_is_no_difference() -> None:
    now = how_of(Request(PredictSettings(diameter=30.0)), "m", "hash")
    assert now["settings"] == {"diameter": 30.0}
    assert differences({**now, "settings": {"diameter": 30.0}}, now) == ""


def test_lines_that_cannot_be_read_are_passed_over(folders: tuple[Path, Path]) -> None:
    path = folders[1] / NAME
    good = path.read_bytes()
    bad = b'\n{"labels": "00_labels.tif"}\n[1]\n\xff\xfe\nnull\n{"labels": 1, "status": "odd"}\n'
    path.write_bytes(bad + b"[" * 5000 + b"\n" + good + b'{"labels": "00_labels.tif", "sta')
    assert state(folders).status == "done"
    note(folders, Record("begun", "key"))  # is a line of its own behind the torn one
    assert state(folders).reason == "was not finished"


def test_a_name_that_is_no_text_is_found_again(tmp_path: Path) -> None:
    make_images(tmp_path / "in", 1)
    odd = tmp_path / "in" / os.fsdecode(b"caf\xe9 \xc3\xa9.tif")
    try:
        shutil.copy(tmp_path / "in/00.tif", odd)
    except OSError:
        pytest.skip("this file system takes no such name")
    drained(planned(tmp_path / "in", tmp_path / "out"))
    states = planned(tmp_path / "in", tmp_path / "out").files
    assert [one.status for one in states] == ["done", "done"]


def test_a_name_that_is_too_long_for_its_labels_stops_no_other(tmp_path: Path) -> None:
    make_images(tmp_path / "in", 2)
    long = tmp_path / "in" / f"{'n' * 246}.tif"
    try:
        (tmp_path / "in/01.tif").rename(long)
    except OSError:
        pytest.skip("this file system takes no such name")
    for _ in range(2):  # the second run looks for what the first one made
        result = drained(planned(tmp_path / "in", tmp_path / "out"))
        assert [one.status for one in result.files] == ["done", "failed"]
        assert "too long" in result.files[1].reason
