"""A project folder: found again after a move, never half written, nothing lost on the way."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from napari_maskrcnn.annotate.image_states import State, States
from napari_maskrcnn.annotate.project.about import ProjectError
from napari_maskrcnn.annotate.project.lock import ProjectInUse
from napari_maskrcnn.annotate.project.places import same_image
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.project.sheet import SheetError

Z = [(z, None, None) for z in range(3)]


def log_of(project: Project) -> list[dict[str, str]]:
    with (project.root / "history" / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_images_are_linked_or_copied_once(project: Project, images: list[Path]) -> None:
    assert [entry.name for entry in project.entries] == ["a", "b", "c", "z"]
    assert project.entry("a").image == "../microscope/a.tif"
    assert project.add(images) == []
    other = images[0].with_name("A.png")
    shutil.copy(images[0], other)
    (added,) = project.add([other], copy=True)
    assert (added.name, added.image) == ("A-2", "images/A-2.png")
    assert (project.root / added.image).read_bytes() == images[0].read_bytes()


def test_what_is_set_is_there_again(project: Project) -> None:
    project.set_states("a", States(State.VERIFIED), objects=7, seconds=61.2)
    project.set_settings(model="mine", diameter=30.0)
    project.close()
    with Project.open(project.root) as again:
        entry = again.entry("a")
        assert (entry.state, entry.objects, entry.seconds) == (State.VERIFIED, 7, 61.0)
        assert (again.settings.model, again.settings.diameter) == ("mine", 30.0)
    (line,) = log_of(project)
    assert [line[k] for k in ("image", "from", "to", "objects", "seconds")] == [
        *("a", "new", "verified"),
        *("7", "61"),
    ]


def test_states_of_planes_lie_beside_the_table(project: Project) -> None:
    states = States(State.PREDICTED).with_state(State.VERIFIED, Z[1])
    project.set_states("z", states, Z)
    assert project.entry("z").state == State.CORRECTING
    assert project.states("z") == states
    # What a person writes into the table counts for all planes.
    sheet = project.root / "images.csv"
    sheet.write_text(sheet.read_text().replace("in correction", "Excluded"))
    project.refresh()
    assert project.states("z") == States(State.EXCLUDED)
    project.set_states("z", States(State.VERIFIED), Z)
    assert not project.file("states", "z", ".json").exists()
    assert len(list((project.root / "history" / "states").iterdir())) == 1


def test_a_table_edited_elsewhere_meanwhile_keeps_both_changes(project: Project) -> None:
    sheet = project.root / "images.csv"
    text = sheet.read_text().replace("name,", "note,name,", 1)
    lines = text.splitlines()
    edited = [lines[0], *(f"look at {i},{line}" for i, line in enumerate(lines[1:]))]
    sheet.write_text("\n".join(edited).replace(",", ";"), encoding="utf-8-sig")
    project.update("b", state=State.VERIFIED)
    assert [entry.more["note"] for entry in project.entries] == [f"look at {i}" for i in range(4)]
    header, *rows = sheet.read_text().splitlines()
    assert header.startswith("note;name;image;state")
    assert rows[1].startswith("look at 1;b;../microscope/b.tif;verified;train")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("b.tif,new", "b.tif,done", "line 3: 'done' is no state"),
        ("b.tif,new,train", "b.tif,new,test", "line 3: role is 'test'; write train or validation"),
        ("\nb,", "\nA,", "line 3: 'A' is also the name in line 2"),
        ("\nb,", "\n../b,", "line 3: the name is '../b', but"),
        ("../microscope/b.tif", "", "line 3: the column 'image' is empty"),
        ("image,", "picture,", "line 1: the column 'image' is missing"),
        ("b.tif,new,train,", "b.tif,new,train,many", "line 3: objects is 'many'"),
        ("b.tif,new,train,", "b.tif,new,train,nan", "line 3: objects is 'nan'"),
        ("b.tif,new,train,,,,,", "b.tif,new,train,,,,,,,,,x", "line 3: more columns"),
    ],
)
def test_a_wrong_line_is_named(project: Project, old: str, new: str, said: str) -> None:
    sheet = project.root / "images.csv"
    text = sheet.read_text()
    assert old in text
    sheet.write_text(text.replace(old, new))
    with pytest.raises(SheetError, match=said):
        project.refresh()
    # It is not written over either.
    with pytest.raises(SheetError, match=r"images\.csv, line"):
        project.update("a", state=State.VERIFIED)
    assert sheet.read_text() == text.replace(old, new)


def test_a_table_in_another_encoding_is_named(project: Project) -> None:
    sheet = project.root / "images.csv"
    sheet.write_bytes(sheet.read_bytes() + "grün,x.tif".encode("latin-1"))
    with pytest.raises(SheetError, match="line 6: not written as UTF-8"):
        project.refresh()


def test_a_project_that_moved_finds_its_images(project: Project, tmp_path: Path) -> None:
    project.close()
    both = tmp_path / "disk" / "deep"
    both.mkdir(parents=True)
    shutil.copytree(tmp_path / "microscope", both / "microscope")
    shutil.move(project.root, both / "project")
    with Project.open(both / "project") as moved:
        assert moved.image_path("a") == both / "microscope" / "a.tif"
        # Without its images they are found where they were, and else the place is said.
        shutil.rmtree(both / "microscope")
        assert moved.image_path("a") == tmp_path / "microscope" / "a.tif"
        (tmp_path / "microscope" / "a.tif").unlink()
        with pytest.raises(FileNotFoundError, match=r"a: its image is not at .*images\.csv"):
            moved.image_path("a")


def test_a_project_that_moved_takes_no_other_image_of_the_same_name(
    project: Project, images: list[Path], tmp_path: Path
) -> None:
    project.close()
    other = tmp_path / "day2" / "microscope" / "a.tif"
    other.parent.mkdir(parents=True)
    shutil.copy(images[1], other)
    shutil.move(project.root, tmp_path / "day2" / "project")
    with Project.open(tmp_path / "day2" / "project") as moved:
        with pytest.raises(ProjectError, match="a: after a move its image may be") as problem:
            moved.image_path("a")
        assert str(other) in str(problem.value)
        assert str(images[0]) in str(problem.value)
        assert moved.image_path("b") == images[1]
        # Either is right when a person says so.
        sheet, text = moved.root / "images.csv", (moved.root / "images.csv").read_text()
        for path in (images[0], other):
            sheet.write_text(text.replace("../microscope/a.tif", path.as_posix()))
            moved.refresh()
            assert moved.image_path("a") == path


def test_folders_such_as_zarrs_are_compared_file_by_file(tmp_path: Path) -> None:
    for name, content in (("first", "1"), ("again", "1"), ("other", "2")):
        (tmp_path / name / "0").mkdir(parents=True)
        (tmp_path / name / "0" / "chunk").write_text(content)
    first = tmp_path / "first"
    assert same_image(first, tmp_path / "again")
    assert not same_image(first, tmp_path / "other")
    assert not same_image(first, first / "0" / "chunk")
    (tmp_path / "again" / "more").write_text("")
    assert not same_image(first, tmp_path / "again")


def test_the_table_as_it_was_found_outlives_a_program_that_writes_into_it(
    project: Project,
) -> None:
    project.close()
    sheet = project.root / "images.csv"
    found = sheet.read_text()
    with Project.open(project.root):
        sheet.write_text("nothing")
        assert found in [path.read_text() for path in (project.root / "history").glob("*.csv")]


def test_a_second_window_is_told_who_has_it(project: Project) -> None:
    with pytest.raises(ProjectInUse, match=f"process {os.getpid()}, since"):
        Project.open(project.root)
    reader = Project.open(project.root, lock=False)
    assert len(reader.entries) == 4
    project.close()
    Project.open(project.root).close()


def test_the_lock_of_a_process_that_was_killed_is_no_lock(project: Project) -> None:
    project.close()
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from napari_maskrcnn.annotate.project.lock import Lock\n"
        "lock = Lock(Path(sys.argv[1]))\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(project.root)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ProjectInUse, match=f"process {process.pid}"):
            Project.open(project.root)
        process.kill()
    assert (project.root / "lock").exists()
    Project.open(project.root).close()


def test_what_is_no_project_is_said(tmp_path: Path, project: Project) -> None:
    with pytest.raises(ProjectError, match="is no project"):
        Project.open(tmp_path)
    with pytest.raises(ProjectError, match="is a project already"):
        Project.create(project.root)
    project.close()
    about = project.root / "project.json"
    for text, said in (
        ("{", "cannot be read"),
        ("[]", "is no file of a project"),
        (json.dumps({"napari-maskrcnn project": 99}), "newer version"),
    ):
        about.write_text(text)
        with pytest.raises(ProjectError, match=said):
            Project.open(project.root)
    # A failure leaves no lock behind.
    about.write_text(json.dumps({"napari-maskrcnn project": 1}))
    Project.open(project.root).close()


def test_a_folder_that_was_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "x.tif").write_text("mine")
    Project.create(tmp_path).close()
    assert (tmp_path / "labels" / "x.tif").read_text() == "mine"
