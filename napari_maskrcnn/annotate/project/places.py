"""Where the images of a project lie: in it, beside it or anywhere; found again after a move."""

from __future__ import annotations

import filecmp
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


def places_of(root: Path, entry: Entry) -> list[Path]:
    """Return where an image may be now, the likelier place first; nothing when it is gone.

    Its path from the project's folder counts first, so a project that was moved with its images
    finds them; then where it was when it was added, for one that was moved without them. Two
    places, which need not hold the same image, are found only after such a move: a path that a
    person wrote into the table counts alone.
    """
    texts = [text for text in (entry.image, entry.original) if text]
    paths = dict.fromkeys(Path(os.path.normpath(root / text)) for text in texts)
    found = [path for path in paths if path.exists()]
    return found if _is_as_added(entry) else found[:1]


def _is_as_added(entry: Entry) -> bool:
    """Whether the path from the project's folder leads to the place where an image was added."""
    tail = [part for part in Path(entry.image).parts if part != ".."]
    return list(Path(entry.original).parts)[-len(tail) :] == tail


def same_image(first: Path, second: Path) -> bool:
    """Whether two files, or two folders such as zarr's, hold the same."""
    if first.is_file() and second.is_file():
        return filecmp.cmp(first, second)
    inside = [sorted(p.relative_to(top) for p in top.rglob("*")) for top in (first, second)]
    files = [path for path in inside[0] if (first / path).is_file()]
    return inside[0] == inside[1] and all(
        (second / path).is_file() and filecmp.cmp(first / path, second / path) for path in files
    )


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
