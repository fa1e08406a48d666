"""COCO's JSON to labels: instances of any program, or a list of results."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.drawn import Fact, FormatWarning, Plane, draw_runs, gather, with_origin
from napari_maskrcnn.formats.fill import as_ring, extent, fill
from napari_maskrcnn.formats.json_file import begins_with, load_json, number, sizes, text, whole
from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.limits import MOST_OBJECTS, check_shape
from napari_maskrcnn.formats.rle import decode, runs_of_counts
from napari_maskrcnn.formats.runs import Runs

Json = dict[str, Any]
_NAMED = 5


def is_coco(path: Path) -> bool:
    """Whether a JSON file looks like COCO's instances or results, by a look at its beginning."""
    return begins_with(path, b'"annotations"', b'"images"', b'"segmentation"', b'"image_id"')


def read_coco(
    path: Path, shape: tuple[int, ...] | None = None, image: str | int | None = None
) -> LabelData:
    """Read the objects of one image, or of a stack that was exported from here.

    Run lengths, compressed or not, and polygons are read, crowds like objects. Objects without
    any are left out with a `FormatWarning`. Where objects overlap the better score lies on top,
    else the smaller object. Labels are the numbers under which they were exported, else the
    annotations' ids.

    Parameters
    ----------
    path : Path
        The JSON file.
    shape : (H, W), optional
        Of the image, for a file that does not say it.
    image : str or int, optional
        File name or id of the image to read, where the file describes several.

    Raises
    ------
    ValueError
        The file is no COCO, broken or hostile, or describes several images and none was chosen.
    """
    content = load_json(path, _pack)
    images, annotations, info = _parts(content)
    images = _chosen(images, annotations, image)
    planes, stated = _planes(images, info)
    entries = _outlined(annotations if image is None else _of(annotations, planes), planes, path)
    size = check_shape(stated or shape or _size(entries))
    where = [planes[_key(entry.get("image_id"))] for entry in entries]
    facts, fact_of = gather(_facts(entries, "label", content), where)
    if any(fact.label is None for fact in facts):
        facts, fact_of = gather(_facts(entries, "id", content), where)
    members: dict[Plane, list[int]] = {}
    for at, plane in enumerate(where):
        members.setdefault(plane, []).append(at)
    layers = (
        (plane, fact_of[part][owners], runs)
        for plane, part in members.items()
        for owners, runs in [_runs([entries[at] for at in part], (size[-2], size[-1]))]
    )
    # COCO counts down the columns, so each plane is drawn as one long row of all its columns.
    data = draw_runs(facts, layers, (*size[:-2], 1, size[-2] * size[-1]))
    upright = data.labels.reshape(*size[:-2], size[-1], size[-2]).swapaxes(-1, -2)
    data = replace(
        data,
        labels=np.ascontiguousarray(upright),
        name=text(images[0].get("file_name")) or None,
    )
    return with_origin(data, info)


def _pack(entry: Json) -> Json:
    """Turn the polygons of an annotation into arrays."""
    outlines = entry.get("segmentation")
    if outlines and not isinstance(outlines, dict):
        entry["segmentation"] = _rings(outlines)
    return entry


def _parts(content: Any) -> tuple[list[Json], list[Json], Json]:
    """Return the images, annotations and info of instances, or of a list of results."""
    if isinstance(content, list):
        content = {"annotations": content}
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        raise ValueError("it has no list of annotations, as COCO's files have")
    lists = [content.get("images", []), content["annotations"]]
    for entries in lists:
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError("its images or annotations are not what they are in COCO's files")
    info = content.get("info")
    return lists[0], lists[1], info if isinstance(info, dict) else {}


def _chosen(images: list[Json], annotations: list[Json], image: str | int | None) -> list[Json]:
    """Return the images to read: the chosen one, the only one, or the planes of a stack."""
    if not images:
        ids = dict.fromkeys(_key(entry.get("image_id")) for entry in annotations)
        images = [{"id": id} for id in ids] or [{"id": None}]
    if image is not None:
        found = [entry for entry in images if image in (entry.get("file_name"), entry.get("id"))]
        if not found:
            raise ValueError(f"it describes no image {image!r}, but {_listed(images)}")
        return found[:1]
    if len(images) > 1 and not all("plane" in entry for entry in images):
        raise ValueError(
            f"it describes {len(images):,} images ({_listed(images)}), but labels belong to one. "
            "Save the annotations of each image as a file of its own, or choose one in Python: "
            "napari_maskrcnn.formats.coco_reader.read_coco(path, image='name')"
        )
    return images


def _listed(images: list[Json]) -> str:
    named = [str(entry.get("file_name", entry.get("id")))[:60] for entry in images[:_NAMED]]
    return ", ".join(named) + (", …" if len(images) > _NAMED else "")


def _planes(images: list[Json], info: Json) -> tuple[dict[Any, Plane], tuple[int, ...] | None]:
    """Return the plane of each image id, and the shape that the file states."""
    height, width = whole(images[0].get("height")), whole(images[0].get("width"))
    stack = sizes(info.get("shape"))
    indices = [entry.get("plane") for entry in images]
    if stack is not None and len(stack) > 2 and None not in indices:
        planes = {
            _key(entry.get("id")): _index(index, stack)
            for entry, index in zip(images, indices, strict=True)
        }
        return planes, check_shape(stack)
    if len(images) > 1:
        raise ValueError("its images say that they are planes, but not of which stack")
    planes = {_key(images[0].get("id")): (), None: ()}
    return planes, None if height is None or width is None else check_shape((height, width))


def _index(index: Any, shape: tuple[int, ...]) -> Plane:
    found = [whole(at) for at in index] if isinstance(index, list) else []
    plane = tuple(at for at in found if at is not None)
    if len(plane) != len(shape) - 2 or any(
        not 0 <= at < size for at, size in zip(plane, shape, strict=False)
    ):
        raise ValueError(f"an image says that it is plane {str(index)[:40]} of a stack {shape}")
    return plane


def _of(annotations: list[Json], planes: Mapping[Any, Plane]) -> list[Json]:
    return [entry for entry in annotations if _key(entry.get("image_id")) in planes]


def _outlined(annotations: list[Json], planes: Mapping[Any, Plane], path: Path) -> list[Json]:
    kept = _of(annotations, planes)
    if annotations and not kept:
        raise ValueError("its objects belong to images that it does not describe: see 'image_id'")
    if len(kept) < len(annotations):
        warnings.warn(
            f"{len(annotations) - len(kept)} objects in {path.name} belong to images that it does "
            "not describe and were left out: see their 'image_id'.",
            FormatWarning,
            stacklevel=3,
        )
    outlined = [entry for entry in kept if entry.get("segmentation")]
    if kept and not outlined:
        raise ValueError("its objects have boxes, but no masks or polygons")
    if len(outlined) > MOST_OBJECTS:
        raise ValueError(f"it holds {len(outlined):,} objects; at most {MOST_OBJECTS:,} are read")
    if len(outlined) < len(kept):
        warnings.warn(
            f"{len(kept) - len(outlined)} objects in {path.name} have no mask and were left out.",
            FormatWarning,
            stacklevel=3,
        )
    return outlined


def _size(entries: list[Json]) -> tuple[int, ...]:
    """Return the shape that the first run lengths state, else the smallest for all polygons."""
    for entry in entries:
        if isinstance(entry["segmentation"], dict):
            return sizes(entry["segmentation"].get("size")) or (0, 0)
    return extent([entry["segmentation"] for entry in entries])


def _facts(entries: list[Json], label: str, content: Any) -> list[Fact]:
    """Return what each annotation says, with the label under one of its keys."""
    categories = content.get("categories") if isinstance(content, dict) else None
    names = {
        _key(entry.get("id")): text(entry.get("name"))
        for entry in (categories if isinstance(categories, list) else [])
        if isinstance(entry, dict)
    }
    facts = []
    for entry in entries:
        category = _key(entry.get("category_id"))
        name = names.get(category, "" if category is None else str(category))
        facts.append(Fact(whole(entry.get(label)), name, number(entry.get("score"))))
    return facts


def _runs(entries: Sequence[Json], shape: tuple[int, int]) -> tuple[NDArray[np.int64], Runs]:
    """Return the pixels of all parts of annotations in the row of columns, and whose they are."""
    height, width = shape
    parts = [entry["segmentation"] for entry in entries]
    masks = [at for at, part in enumerate(parts) if isinstance(part, dict)]
    counts = _counts([parts[at] for at in masks], shape)
    outlines = [
        (at, ring) for at, part in enumerate(parts) if not isinstance(part, dict) for ring in part
    ]
    filled = fill([[ring[:, ::-1]] for _, ring in outlines], (width, height))
    painted = runs_of_counts(counts, height * width)
    lines = filled.rows * height
    runs = Runs(
        len(masks) + len(outlines),
        np.append(painted.objects, filled.objects + len(masks)),
        np.zeros(len(painted.rows) + len(filled.rows), np.int64),
        np.append(painted.starts, lines + filled.starts),
        np.append(painted.stops, lines + filled.stops),
    )
    return np.array([*masks, *(at for at, _ in outlines)], np.int64), runs


def _counts(masks: Sequence[Json], shape: tuple[int, int]) -> list[NDArray[np.int64]]:
    for mask in masks:
        if mask.get("size") != list(shape):
            raise ValueError(
                f"a mask has the size {str(mask.get('size'))[:40]}, but its image {list(shape)}"
            )
    packed = [at for at, mask in enumerate(masks) if isinstance(mask.get("counts"), str)]
    unpacked = decode([masks[at]["counts"] for at in packed])
    found = dict(zip(packed, unpacked, strict=True))
    return [found[at] if at in found else _plain(mask) for at, mask in enumerate(masks)]


def _plain(mask: Json) -> NDArray[np.int64]:
    """Return counts that are not compressed."""
    counts = mask.get("counts")
    if not isinstance(counts, list) or not all(type(count) is int for count in counts):
        raise ValueError("a mask has counts that are no list of whole numbers")
    if any(abs(count) >= 2**40 for count in counts):
        raise ValueError("a mask has counts that are larger than any image")
    return np.array(counts, np.int64)


def _rings(polygons: Any) -> list[NDArray[np.float64]]:
    """Return the outlines of an annotation: a list of lists ``[x1, y1, x2, y2, …]``, or one."""
    if not isinstance(polygons, list) or not polygons:
        raise ValueError("an annotation is outlined by neither polygons nor run lengths")
    if not isinstance(polygons[0], list):
        polygons = [polygons]
    return [as_ring(polygon) for polygon in polygons]


def _key(id: Any) -> Any:
    """Return an id as what it can be looked up by."""
    return id if isinstance(id, int | str) else None
