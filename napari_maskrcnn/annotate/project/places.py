"""Where the images of a project lie: in it, beside it or anywhere; found again after a move."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from napari_maskrcnn.annotate.project.entries import Entry
from napari_maskrcnn.formats.atomic import atomic_path
from napari_maskrcnn.sources.opening import is_image


def written_path(path: Path, root: Path) -> str:
    """Return the text by which a table names a file: from the project's folder if it can be."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:
        # Windows: another drive.
        return path.as_posix()


def find_image(root: Path, entry: Entry) -> Path | None:
    """Return where an image is now; None when it is gone.

    Its path from the project's folder counts first, so a project that was moved with its images
    finds them; then where it was when it was added, for one that was moved without them.
    """
    for text in (entry.image, entry.original):
        if text:
            path = Path(os.path.normpath(root / text))
            if path.exists():
                return path
    return None


def images_in(folder: Path) -> list[Path]:
    """Image files and zarrs that lie in a folder, and in one called ``images`` in it, in order."""
    places = (folder, folder / "images")
    files = [path for place in places if place.is_dir() for path in sorted(place.iterdir())]
    return [
        path
        for path in files
        if is_image(path)
        and not path.name.startswith(".")
        and not path.stem.removesuffix(".ome").endswith("_labels")
    ]


def copied(source: Path, folder: Path, name: str) -> Path:
    """Copy an image, a file or a folder such as zarr's, under a name that is free; return where."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}{''.join(source.suffixes[-2:]) if source.is_dir() else source.suffix}"
    number = 2
    while target.exists():
        target, number = target.with_name(f"{name}-{number}{source.suffix}"), number + 1
    if source.is_dir():
        part = target.with_name(f".{target.name}")
        shutil.copytree(source, part)
        os.replace(part, target)
    else:
        with atomic_path(target) as part:
            shutil.copy2(source, part)
    return target
