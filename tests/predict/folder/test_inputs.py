from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from napari_maskrcnn.predict.folder.inputs import find_inputs


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.tif", "a.png", "notes.txt", ".hidden.png", "sub/c.JPG", ".git/d.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "in"


def names(folder: Path, *inputs: Path, output: Path) -> list[tuple[str, str, str]]:
    return [
        (
            task.source.relative_to(folder).as_posix(),
            task.labels.relative_to(output).as_posix(),
            task.table.relative_to(output).as_posix(),
        )
        for task in find_inputs(inputs, output).tasks
    ]


def test_folders_are_walked_and_mirrored(tree: Path, tmp_path: Path) -> None:
    assert names(tree, tree, output=tmp_path / "out") == [
        ("a.png", "a_labels.tif", "a_labels.csv"),
        ("b.tif", "b_labels.tif", "b_labels.csv"),
        ("sub/c.JPG", "sub/c_labels.tif", "sub/c_labels.csv"),
    ]


def test_a_file_goes_into_the_folder_itself(tree: Path, tmp_path: Path) -> None:
    assert names(tree, tree / "sub/c.JPG", output=tmp_path / "out") == [
        ("sub/c.JPG", "c_labels.tif", "c_labels.csv")
    ]


def test_what_an_earlier_run_wrote_is_no_input(tree: Path) -> None:
    (tree / "out").mkdir()
    (tree / "out" / "a_labels.tif").touch()
    found = [source for source, *_ in names(tree, tree, output=tree / "out")]
    assert found == ["a.png", "b.tif", "sub/c.JPG"]
    (tree / "out" / "a_labels.tif").rename(tree / "a_labels.tif")
    (tree / "other_labels.tif").touch()
    found = [source for source, *_ in names(tree, tree, output=tree)]
    assert found == ["a.png", "b.tif", "other_labels.tif", "sub/c.JPG"]


def test_a_folder_is_looked_through_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "*", "other"):
        (tree / f"{name}_labels.tif").touch()
    looks, real = [], os.scandir

    def counting(path: str | Path = ".") -> object:
        looks.append(Path(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", counting)
    found = [source for source, *_ in names(tree, tree, output=tree)]
    assert found == ["*_labels.tif", "a.png", "b.tif", "other_labels.tif", "sub/c.JPG"]
    assert looks.count(tree) == 1


def test_two_outputs_of_one_name_are_refused(tree: Path, tmp_path: Path) -> None:
    (tree / "a.tif").touch()
    with pytest.raises(ValueError, match=r"a\.png and .*a\.tif would both be written to"):
        find_inputs([tree], tmp_path / "out")
    (tree / "sub/b.png").touch()
    with pytest.raises(ValueError, match=r"b\.tif and .*b\.png would both be written to"):
        find_inputs([tree / "b.tif", tree / "sub/b.png"], tmp_path / "out")


def test_an_input_given_twice_is_one_task(tree: Path, tmp_path: Path) -> None:
    inputs = find_inputs([tree / "a.png", tree, tree / "a.png"], tmp_path / "out")
    assert [task.source.name for task in inputs.tasks] == ["a.png", "b.tif", "c.JPG"]


def test_what_is_no_input_is_a_failure(tree: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    inputs = find_inputs([empty, tmp_path / "absent.png", tree / "a.png"], tmp_path / "out")
    assert [path.name for path, _ in inputs.failures] == ["empty", "absent.png"]
    assert inputs.failures[0][1] == "no image in this folder"
    assert len(inputs.tasks) == 1


def test_what_cannot_be_looked_at_is_a_failure(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def refusing(path: str) -> object:
        if Path(path).name == "sub":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    long = tmp_path / ("n" * 300)
    inputs = find_inputs([long, tree], tmp_path / "out")
    assert [path for path, _ in inputs.failures] == [long, tree / "sub"]
    assert inputs.failures[1][1] == os.strerror(errno.EACCES)
    assert [task.source.name for task in inputs.tasks] == ["a.png", "b.tif"]


def test_what_lies_in_a_folder_that_may_not_be_entered_is_told_when_it_is_read(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.is_dir

    def refusing(path: Path) -> bool:
        if path.parent.name == "sub":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path)

    monkeypatch.setattr(Path, "is_dir", refusing)
    inputs = find_inputs([tree], tmp_path / "out")
    assert [task.source.name for task in inputs.tasks] == ["a.png", "b.tif", "c.JPG"]


def test_no_image_of_a_run_is_where_the_labels_of_another_go(tree: Path, tmp_path: Path) -> None:
    (tree / "b_labels.tif").touch()
    given = [tree / "b.tif", tree / "b_labels.tif"]
    with pytest.raises(ValueError, match=r"labels of .*b\.tif would be written to .*b_labels\.tif"):
        find_inputs(given, tree)
    assert len(find_inputs(given, tmp_path / "out").tasks) == 2


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("no links can be made here")


def test_links_to_folders_are_followed_and_none_is_walked_twice(tree: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "disk" / "plate"
    elsewhere.mkdir(parents=True)
    (elsewhere / "e.png").touch()
    link(tree / "plate", elsewhere)
    link(elsewhere / "again", elsewhere)
    link(elsewhere / "back", tree)
    # Within the folder, and above it, all is found anyway or was never meant.
    link(tree / "a link", tree / "sub")
    link(tree / "up", tmp_path)
    assert names(tree, tree, output=tmp_path / "out") == [
        ("a.png", "a_labels.tif", "a_labels.csv"),
        ("b.tif", "b_labels.tif", "b_labels.csv"),
        ("plate/e.png", "plate/e_labels.tif", "plate/e_labels.csv"),
        ("sub/c.JPG", "sub/c_labels.tif", "sub/c_labels.csv"),
    ]
