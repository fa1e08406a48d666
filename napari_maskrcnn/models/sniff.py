"""What a file is, told from its first bytes, so that a refusal can say it and name the remedy."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

HEAD = 512


class FileKind(Enum):
    """Kinds of files that people hand over as weights; the value is the phrase for messages."""

    EMPTY = "an empty file"
    SAFETENSORS = "a safetensors file"
    TORCH = "a PyTorch checkpoint"
    PICKLE = "a Python pickle"
    HDF5 = "an HDF5 file, as Keras and Matterport's Mask R-CNN write"
    GIT_LFS = "a Git LFS pointer, not the weights themselves"
    WEB_PAGE = "a web page, probably saved in place of a download"
    ZIP = "a zip archive"
    TIFF = "a TIFF image"
    IMAGE = "an image"
    UNKNOWN = "no weights file that is known here"


_SIGNATURES: tuple[tuple[bytes, FileKind], ...] = (
    (b"\x89HDF\r\n\x1a\n", FileKind.HDF5),
    (b"version https://git-lfs", FileKind.GIT_LFS),
    (b"\x89PNG", FileKind.IMAGE),
    (b"\xff\xd8\xff", FileKind.IMAGE),
    (b"II*\x00", FileKind.TIFF),
    (b"MM\x00*", FileKind.TIFF),
    (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19", FileKind.TORCH),  # torch before 1.6
    (b"\x80", FileKind.PICKLE),
)


def file_kind(path: Path) -> FileKind:
    """Tell what the file is without running or unpacking anything in it.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return FileKind.EMPTY
    if head.startswith(b"PK\x03\x04"):
        # torch.save names the first member <archive>/data.pkl (or its .format_version).
        return FileKind.TORCH if b"/data.pkl" in head else FileKind.ZIP
    # Before the signatures: the length at its start can be any byte, a pickle's 0x80 too.
    if _looks_like_safetensors(head):
        return FileKind.SAFETENSORS
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        return FileKind.WEB_PAGE
    return FileKind.UNKNOWN


def _looks_like_safetensors(head: bytes) -> bool:
    # Eight bytes hold the length of the JSON header that follows; a truncated file keeps both.
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") > 1
