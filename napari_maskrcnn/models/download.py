"""Fetching "coco" after the person agreed: whole and checked by its hash, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import tempfile
import threading
import urllib.request
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.models import coco
from napari_maskrcnn.models.folder import model_folder
from napari_maskrcnn.models.importer import install_coco

BLOCK = 1 << 20
TIMEOUT_SECONDS = 30.0


class DownloadError(Exception):
    """A download that did not succeed; nothing was kept."""


def download_coco_job(
    stop: threading.Event | None = None,
    url: str = coco.URL,
    hash_prefix: str = coco.HASH_PREFIX,
) -> Job[Path | None]:
    """Download torchvision's COCO weights and add them as the model "coco".

    Parameters
    ----------
    stop : threading.Event, optional
        Ends the download when set; nothing is kept then.
    url : str
        Where torchvision's file lies.
    hash_prefix : str
        First hexadecimal digits of the SHA-256 that the file must have.

    Yields
    ------
    Progress
        Bytes done and in total.

    Returns
    -------
    Path or None
        The file of the model; None when stopped.

    Raises
    ------
    DownloadError
        When the server cannot be reached, the transfer breaks off, or the hash is wrong.
    """
    folder = model_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as scratch:
        part = Path(scratch) / "coco.pth"
        with part.open("wb") as file:
            digest = yield from _fetch(url, file, stop)
        if digest is None:
            return None
        if not digest.startswith(hash_prefix):
            raise DownloadError(
                f"{url}: the file that arrived has SHA-256 {digest[:16]}… instead of "
                f"{hash_prefix}…; it was thrown away. Try again, or without a proxy."
            )
        yield Progress(coco.SIZE, coco.SIZE, "Adding the model")
        return install_coco(part)


def _fetch(
    url: str, file: IO[bytes], stop: threading.Event | None
) -> Generator[Progress, None, str | None]:
    """Copy what `url` serves into `file`; return its SHA-256, or None when stopped."""
    digest = hashlib.sha256()
    done = 0
    for block, total in _blocks(url):
        if stop and stop.is_set():
            return None
        file.write(block)
        digest.update(block)
        done += len(block)
        yield Progress(done, max(total, done), "Downloading coco")
    return digest.hexdigest()


def _blocks(url: str) -> Iterator[tuple[bytes, int]]:
    """Yield what `url` serves with its whole length; only errors of the connection end here."""
    done = 0
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            length = response.headers.get("Content-Length")
            while block := response.read(BLOCK):
                done += len(block)
                yield block, int(length or coco.SIZE)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadError(
            f"{url}: {reason}. Check the connection or the proxy; or fetch the file elsewhere and "
            f"run napari-maskrcnn models import on it."
        ) from error
    if length is not None and done < int(length):
        raise DownloadError(f"{url}: the transfer ended after {done} of {length} bytes. Try again.")
