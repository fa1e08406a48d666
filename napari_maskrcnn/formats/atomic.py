"""A file or folder appears whole or not at all: made beside its place, then renamed into it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_maskrcnn.formats.unfinished import beside

_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class WriteError(OSError):
    """A file could not be written; the message names the file, the reason and the remedy.

    ``errno`` is that of the system's error.
    """


@contextmanager
def atomic_path(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path to write to, which becomes the file when the block ends well.

    When it does not, nothing is left behind and an existing file stays as it was.

    Parameters
    ----------
    path : str or Path
        The file to write. Its folder must exist; a link is followed.
    overwrite : bool
        Replace an existing file.

    Yields
    ------
    Path
        A hidden, not yet existing file in the same folder, with the same suffix.

    Raises
    ------
    FileExistsError
        The file exists and ``overwrite`` is false.
    WriteError
        The disk is full, the folder is missing or read-only, or any other ``OSError`` inside the
        block.
    """
    with atomic_paths([path], overwrite) as (part,):
        yield part


@contextmanager
def atomic_paths(paths: Sequence[str | Path], overwrite: bool = False) -> Iterator[list[Path]]:
    """Do as `atomic_path` for files that belong together: all take their places, or none does.

    Parameters
    ----------
    paths : sequence of str or Path
        The files to write, in their order: what goes wrong within the block is said of the last
        that was begun.
    overwrite : bool
        Replace existing files.

    Yields
    ------
    list of Path
        A hidden, not yet existing file for each.

    Raises
    ------
    FileExistsError, WriteError
        As for `atomic_path`; files that were there are as they were.
    """
    targets = [Path(os.path.realpath(path)) for path in paths]
    for target in targets:
        _refuse_existing(target, overwrite)
        _require_parent(target)
    parts = [beside(target) for target in targets]
    try:
        yield parts
        for part in parts:
            _flush(part)
        # The second look narrows the time in which another program's file could be lost.
        for target in targets:
            _refuse_existing(target, overwrite)
        _place(parts, targets)
    except (FileExistsError, WriteError):
        raise  # as it was said of the file that it is about
    except OSError as error:
        begun = [target for part, target in zip(parts, targets, strict=True) if part.exists()]
        raise _write_error([targets[0], *begun][-1], error) from error
    finally:
        for part in parts:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _place(parts: Sequence[Path], targets: Sequence[Path]) -> None:
    """Put files into their places; those that were there come back when one cannot be replaced."""
    kept: dict[Path, Path] = {}
    placed: list[Path] = []
    target = targets[0]
    try:
        # Nothing comes after the last one that would make it come back.
        for target in targets[:-1]:
            if target.exists():
                kept[target] = beside(target)
                _keep(target, kept[target])
        for part, target in zip(parts, targets, strict=True):
            if target.exists():
                shutil.copymode(target, part)
            os.replace(part, target)
            placed.append(target)
    except OSError as error:
        for done in placed:
            with suppress(OSError):
                if done in kept:
                    os.replace(kept[done], done)
                else:
                    done.unlink()
        raise _write_error(target, error) from error
    finally:
        for old in kept.values():
            with suppress(OSError):
                old.unlink(missing_ok=True)


def _keep(target: Path, name: Path) -> None:
    """Give a file a second name, so that the first is there at every moment."""
    try:
        os.link(target, name)
    except OSError:  # some file systems know no second names
        shutil.copy2(target, name)


def require_writable(path: str | Path) -> None:
    """Raise what `atomic_path` would raise of a place: before long work, not after it."""
    target = Path(os.path.realpath(path))
    _refuse_existing(target, overwrite=True)
    _require_parent(target)
    part = beside(target)
    try:
        part.touch()
        part.unlink()
    except OSError as error:
        raise _write_error(target, error) from error


@contextmanager
def atomic_folder(
    path: str | Path,
    overwrite: bool = False,
    owns: Callable[[Path], bool] = lambda folder: False,
) -> Iterator[Path]:
    """Give a temporary folder to fill, which takes its place when the block ends well.

    When it does not, nothing is left behind and an existing folder stays as it was. Unlike a file,
    its content is not waited for until it is on the disk: for many small files that takes minutes.

    Parameters
    ----------
    path : str or Path
        The folder to write. The one above must exist; a link is followed.
    overwrite : bool
        Replace an existing folder.
    owns : callable
        Whether a folder holds only what an earlier export wrote. No other is ever replaced,
        except an empty one.

    Yields
    ------
    Path
        An empty hidden folder beside the place, with the same suffix.

    Raises
    ------
    FileExistsError
        The folder exists and `overwrite` is false or it is not `owns`, or there is a file.
    WriteError
        As for `atomic_path`.
    """
    target = Path(os.path.realpath(path))
    _refuse_folder(target, overwrite, owns)
    _require_parent(target)
    part = beside(target)
    try:
        part.mkdir()
        yield part
        _refuse_folder(target, overwrite, owns)
        _swap(part, target)
    except FileExistsError:
        raise
    except OSError as error:
        raise _write_error(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _swap(part: Path, target: Path) -> None:
    """Put a folder into its place; the one that was there goes last, and comes back on failure."""
    if not target.exists():
        os.rename(part, target)
        return
    old = beside(target)
    os.rename(target, old)
    try:
        os.rename(part, target)
    except OSError:
        os.rename(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _refuse_folder(target: Path, overwrite: bool, owns: Callable[[Path], bool]) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise FileExistsError(f"{target} is a file, and a folder is to be written. Name another.")
    if not any(target.iterdir()):
        return
    if not overwrite:
        raise FileExistsError(f"{target} exists. Choose another name, or give overwrite=True.")
    if not owns(target):
        raise FileExistsError(
            f"{target} holds files that are not of an earlier export, and is not replaced. "
            "Choose another name."
        )


def _require_parent(target: Path) -> None:
    """Say that the folder is missing before the work that the block may be, not after it."""
    if not target.parent.is_dir():
        raise _write_error(target, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))


def _refuse_existing(target: Path, overwrite: bool) -> None:
    if target.is_dir():
        raise FileExistsError(f"{target} is a folder. Choose a file name in it.")
    if not overwrite and target.exists():
        raise FileExistsError(f"{target} exists. Choose another name, or give overwrite=True.")


def _flush(path: Path) -> None:
    """Wait until the content is on the disk, where a full disk may only then show."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _write_error(target: Path, error: OSError) -> WriteError:
    failure = WriteError(f"Cannot write {target}: {_reason(target, error)}")
    failure.errno = error.errno
    return failure


def _reason(target: Path, error: OSError) -> str:
    folder = target.parent
    if error.errno in _DISK_FULL:
        return f"the disk is full{_free(folder)}. Free some space or choose another disk."
    if folder.exists() and not folder.is_dir():
        return f"{folder} is a file, not a folder. Choose another folder."
    if not folder.exists():
        return f"the folder {folder} does not exist. Create it or choose another folder."
    if error.errno in _FORBIDDEN:
        return (
            f"writing in {folder} is not allowed, or another program has the file open. "
            "Choose another folder, or close that program."
        )
    if error.errno == errno.EFBIG:
        # Of 4 GB on a stick formatted with FAT32, or a limit of the account.
        return "the file is larger than the disk or account allows. Choose another disk."
    if error.errno == errno.ENAMETOOLONG:
        return "the name is too long. Choose a shorter one."
    return f"{error.strerror or error}. Try again or choose another folder."


def _free(folder: Path) -> str:
    try:
        return f" ({shutil.disk_usage(folder).free / 1e6:.1f} MB left)"
    except OSError:
        return ""
