"""Tests of atomic writing: all or nothing, and messages that help."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from napari_maskrcnn.formats.atomic import (
    WriteError,
    atomic_folder,
    atomic_path,
    atomic_paths,
)


def failing_write(path: Path, code: int, overwrite: bool = False) -> None:
    with atomic_path(path, overwrite) as part:
        part.write_text("half of")
        raise OSError(code, os.strerror(code))


def test_writes(tmp_path: Path) -> None:
    target = tmp_path / "cells.tif"
    with atomic_path(target) as part:
        assert part.parent == tmp_path
        assert part.suffix == ".tif"
        part.write_text("all")
        assert not target.exists()
    assert target.read_text() == "all"
    assert os.listdir(tmp_path) == ["cells.tif"]


def test_refuses_an_existing_file(tmp_path: Path) -> None:
    target = tmp_path / "cells.tif"
    target.write_text("old")
    with pytest.raises(FileExistsError, match=r"cells\.tif exists. Choose another name"):
        failing_write(target, errno.EIO)
    assert target.read_text() == "old"
    with atomic_path(target, overwrite=True) as part:
        part.write_text("new")
    assert target.read_text() == "new"


def test_refuses_a_file_that_appears_meanwhile(tmp_path: Path) -> None:
    target = tmp_path / "cells.tif"

    def write() -> None:
        with atomic_path(target) as part:
            part.write_text("mine")
            target.write_text("theirs")

    with pytest.raises(FileExistsError):
        write()
    assert target.read_text() == "theirs"
    assert os.listdir(tmp_path) == ["cells.tif"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_refuses_a_folder(tmp_path: Path, overwrite: bool) -> None:
    with pytest.raises(FileExistsError, match=r"is a folder\. Choose a file name in it"):
        failing_write(tmp_path, errno.EIO, overwrite)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, r"the disk is full \(\d+\.\d MB left\)\. Free some space"),
        (errno.EACCES, "is not allowed, or another program has the file open. Choose another"),
        (errno.EROFS, "is not allowed"),
        (errno.EFBIG, "larger than the disk or account allows. Choose another disk"),
        (errno.ENAMETOOLONG, "the name is too long. Choose a shorter one"),
        (errno.EIO, "Input/output error. Try again or choose another folder"),
    ],
)
def test_failure_leaves_the_old_file(tmp_path: Path, code: int, message: str) -> None:
    target = tmp_path / "cells.tif"
    target.write_text("old")
    with pytest.raises(WriteError, match=rf"Cannot write .*cells\.tif: .*{message}") as caught:
        failing_write(target, code, overwrite=True)
    assert caught.value.errno == code
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["cells.tif"]


def test_other_errors_pass_and_leave_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with atomic_path(tmp_path / "cells.tif") as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert os.listdir(tmp_path) == []


def test_a_full_disk_may_show_only_when_flushing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with (
        pytest.raises(WriteError, match="the disk is full"),
        atomic_path(tmp_path / "cells.tif") as part,
    ):
        part.write_text("all")
    assert os.listdir(tmp_path) == []


def test_missing_folder(tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "cells.tif"
    with (
        pytest.raises(WriteError, match=r"the folder .*nowhere does not exist. Create it"),
        atomic_path(target) as part,
    ):
        part.write_text("all")


def test_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("")
    with (
        pytest.raises(WriteError, match="notes is a file, not a folder"),
        atomic_path(tmp_path / "notes" / "cells.tif") as part,
    ):
        part.write_text("all")


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX systems")
def test_keeps_permissions_and_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real.tif", tmp_path / "link.tif"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    with atomic_path(link, overwrite=True) as part:
        part.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_message_without_the_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", unknown)
    with pytest.raises(WriteError, match=r"the disk is full\. Free some space"):
        failing_write(tmp_path / "cells.tif", errno.ENOSPC)


class TestFolder:
    def fill(self, path: Path, text: str, overwrite: bool = False, owned: bool = True) -> None:
        with atomic_folder(path, overwrite, lambda folder: owned) as part:
            assert part.parent == path.parent
            assert list(part.iterdir()) == []
            (part / "inside").mkdir()
            (part / "inside" / "file").write_text(text)

    def content(self, path: Path) -> str:
        return (path / "inside" / "file").read_text()

    def test_writes(self, tmp_path: Path) -> None:
        self.fill(tmp_path / "cells.zarr", "all")
        assert self.content(tmp_path / "cells.zarr") == "all"
        assert os.listdir(tmp_path) == ["cells.zarr"]

    def test_an_empty_folder_is_taken(self, tmp_path: Path) -> None:
        (tmp_path / "objects").mkdir()
        self.fill(tmp_path / "objects", "all", owned=False)
        assert self.content(tmp_path / "objects") == "all"

    def test_replaces_only_its_own_and_when_told(self, tmp_path: Path) -> None:
        target = tmp_path / "objects"
        self.fill(target, "old")
        with pytest.raises(FileExistsError, match=r"exists\. Choose another name, or give"):
            self.fill(target, "new")
        with pytest.raises(FileExistsError, match="not of an earlier export, and is not replaced"):
            self.fill(target, "new", overwrite=True, owned=False)
        assert self.content(target) == "old"
        self.fill(target, "new", overwrite=True)
        assert self.content(target) == "new"
        assert os.listdir(tmp_path) == ["objects"]

    def test_a_file_is_no_folder(self, tmp_path: Path) -> None:
        (tmp_path / "notes").write_text("mine")
        with pytest.raises(FileExistsError, match="notes is a file"):
            self.fill(tmp_path / "notes", "new", overwrite=True)
        with pytest.raises(WriteError, match="notes is a file, not a folder"):
            self.fill(tmp_path / "notes" / "cells", "new")
        assert (tmp_path / "notes").read_text() == "mine"

    def test_failure_leaves_the_old_folder(self, tmp_path: Path) -> None:
        target = tmp_path / "objects"
        self.fill(target, "old")

        def write() -> None:
            with atomic_folder(target, True, lambda folder: True) as part:
                (part / "half").write_text("of")
                raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.raises(WriteError, match=r"Cannot write .*objects: the disk is full"):
            write()
        assert self.content(target) == "old"
        assert os.listdir(tmp_path) == ["objects"]

    def test_the_old_folder_comes_back_when_the_swap_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target, rename = tmp_path / "objects", os.rename
        self.fill(target, "old")
        calls: list[Path] = []

        def second_fails(source: Path, goal: Path) -> None:
            calls.append(source)
            if len(calls) == 2:
                raise PermissionError(errno.EACCES, "Permission denied")
            rename(source, goal)

        monkeypatch.setattr(os, "rename", second_fails)
        with pytest.raises(WriteError, match="is not allowed"):
            self.fill(target, "new", overwrite=True)
        assert self.content(target) == "old"
        assert os.listdir(tmp_path) == ["objects"]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_of_files_that_belong_together_none_is_replaced_when_one_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, links: bool
) -> None:
    targets = [tmp_path / "cells.tif", tmp_path / "cells.csv"]
    for target in targets[not there :]:
        target.write_text("old")
    replace_file = os.replace

    def refuse(part: Path, target: Path) -> None:
        """Stand for Windows, where another program has the table open."""
        if target == targets[1]:
            raise PermissionError(errno.EACCES, "Access is denied")
        replace_file(part, target)

    def no_links(target: Path, name: Path) -> None:
        raise OSError(errno.EPERM, "no links")

    def write() -> None:
        with atomic_paths(targets, overwrite=True) as parts:
            for part in parts:
                part.write_text("new")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        if not links:
            patch.setattr(os, "link", no_links)
        with pytest.raises(WriteError, match=r"cells\.csv: .*another program has the file open"):
            write()
    assert [target.read_text() for target in targets[not there :]] == ["old"] * (1 + there)
    assert len(os.listdir(tmp_path)) == 1 + there
    write()
    assert [target.read_text() for target in targets] == ["new"] * 2
    assert sorted(os.listdir(tmp_path)) == ["cells.csv", "cells.tif"]
