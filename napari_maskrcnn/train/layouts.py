"""How the files of a dataset lie in their folder: as we, StarDist or Cellpose have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from napari_maskrcnn.images import IMAGE_SUFFIXES
from napari_maskrcnn.predict.folder.inputs import LABELS_ENDING
from napari_maskrcnn.sources.opening import SUFFIXES, is_image

#: Folders of the labels beside ``images/``: ours and StarDist's.
LABEL_FOLDERS = ("labels", "masks")
#: What Cellpose adds to the stem of an image for its labels, in the order in which they count.
CELLPOSE_LABELS = (
    *(f"{ending}{suffix}" for ending in ("_masks", "_cp_masks") for suffix in IMAGE_SUFFIXES),
    "_seg.npy",
)
#: Endings of pictures that Cellpose writes beside the images.
_CELLPOSE_MADE = ("_masks", "_flows", "_outlines", "_cp_output")
# So many images without labels are named; of the others only the number.
_MOST_NAMES = 4


def dataset_files(folder: str | Path) -> list[tuple[Path, Path]]:
    """Pairs of image and label file of a dataset folder, by name.

    A dataset is one of

    - ``images/`` and ``labels/`` with files of the same stems, or with the names that ``predict``
      gives to labels (``x_labels.tif``) where there are none;
    - ``images/`` and ``masks/``, as StarDist has them;
    - a folder as Cellpose has it: ``x.png`` (or ``x_img.png``) beside ``x_masks.png``,
      ``x_cp_masks.png`` or ``x_seg.npy``, the first of these that is there. Images without any are
      not annotated yet, and left out.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such folder, it is none of these, ``images/`` or the labels are empty, or an
        image has no labels.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder. Check its name.")
    if not (folder / "images").is_dir() and (pairs := _cellpose_pairs(folder)):
        return pairs
    beside = next((name for name in LABEL_FOLDERS if (folder / name).is_dir()), "labels")
    for part in ("images", beside):
        if not (folder / part).is_dir():
            if folder.name in ("images", *LABEL_FOLDERS) and (folder.parent / "images").is_dir():
                raise FileNotFoundError(
                    f"{folder}: this is a part of a dataset. Give the folder that it is in, "
                    f"{folder.parent}."
                )
            raise FileNotFoundError(
                f"{folder}: a dataset is a folder with images/ and labels/; {part}/ is missing. "
                "A StarDist folder (images/ and masks/) and a Cellpose folder (x.png beside "
                "x_masks.png or x_seg.npy) will do too."
            )
    images = _by_stem(_seen(folder / "images", is_image))
    labels = _by_stem(_seen(folder / beside, _is_picture))
    if not images:
        raise ValueError(f"{folder / 'images'}: holds no image ({', '.join(SUFFIXES)}, zarr).")
    found = {stem: labels.get(stem, labels.get(stem + LABELS_ENDING)) for stem in sorted(images)}
    if missing := [stem for stem, path in found.items() if path is None]:
        raise ValueError(f"{folder / beside}: {_without_labels(missing)}")
    return [(images[stem], path) for stem, path in found.items() if path is not None]


def _without_labels(stems: list[str]) -> str:
    """Say which images have no labels, and how those are to be called."""
    first = stems[0]
    more = f" and {len(stems) - _MOST_NAMES} more" if len(stems) > _MOST_NAMES else ""
    return (
        f"no labels for {', '.join(stems[:_MOST_NAMES])}{more}. Those of {first} are to be called "
        f"{first}.tif or {first}{LABELS_ENDING}.tif; take images without labels out of images/."
    )


def _cellpose_pairs(folder: Path) -> list[tuple[Path, Path]]:
    if not folder.is_dir():
        return []
    seen = _seen(folder, is_image)
    images = [path for path in seen if not path.stem.endswith(_CELLPOSE_MADE)]
    found = {path: labels for path in images if (labels := _cellpose_labels(path)) is not None}
    stems = _by_stem(found)
    return [(stems[stem], found[stems[stem]]) for stem in sorted(stems)]


def _cellpose_labels(image: Path) -> Path | None:
    for stem in dict.fromkeys((image.stem, image.stem.removesuffix("_img"))):
        for ending in CELLPOSE_LABELS:
            labels = image.with_name(stem + ending)
            if labels.is_file():
                return labels
    return None


def _seen(folder: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    """What is wanted in a folder, without hidden files: macOS leaves ``._a.tif`` beside others."""
    seen = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in seen if wanted(path))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _by_stem(files: Iterable[Path]) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for path in files:
        if path.stem in stems:
            raise ValueError(f"{path} and {stems[path.stem].name} have one name; keep one of them.")
        stems[path.stem] = path
    return stems
