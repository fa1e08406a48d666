"""Labels to COCO's JSON of instances: run lengths, which lose nothing, or polygons."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from napari_maskrcnn.formats.drawn import Fact, FormatWarning, Plane, facts_of, origin_of, planes_of
from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.outlines import Piece, outlines_of
from napari_maskrcnn.formats.rle import encode
from napari_maskrcnn.formats.runs import runs_of
from napari_maskrcnn.jobs import Job, Progress

#: Class of the objects that have none.
_ANY_CLASS = "object"
_STEP = 5000


def write_coco(data: LabelData, path: Path) -> Job[None]:
    """Write COCO with compressed run lengths; each plane of a stack is an image.

    An annotation has its label as ``label``, and as ``id`` where each label is in one plane only;
    ``score`` where it is known. ``info`` holds the labels' shape, pixel size
    and provenance.
    """
    yield from _write(data, path, polygons=False)


def write_coco_polygons(data: LabelData, path: Path) -> Job[None]:
    """Write COCO with polygons, for programs that read no run lengths.

    COCO's polygons have no holes: those of the objects are filled, and a `FormatWarning` names
    the labels.
    """
    yield from _write(data, path, polygons=True)


def warn_of(labels: list[int], loss: str, remedy: str) -> None:
    """Warn that objects lose something in a file, naming the first of them."""
    if labels:
        named = ", ".join(map(str, labels[:10])) + (", …" if len(labels) > 10 else "")
        count = "1 object" if len(labels) == 1 else f"{len(labels):,} objects"
        warnings.warn(f"{loss} of {count} (label {named}). {remedy}", FormatWarning, stacklevel=2)


def _write(data: LabelData, path: Path, polygons: bool) -> Job[None]:
    facts = facts_of(data.table)
    leading = data.labels.shape[:-2]
    total = int(np.prod(leading)) if leading else 1
    categories: dict[str, int] = {}
    holed: list[int] = []
    written = 0
    info = {"description": "Instance labels"} | origin_of(data)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{"info": {json.dumps(info)},\n"licenses": [],\n"images": [')
        _write_list(file, (_image(data, image, plane) for image, plane in _images(leading)))
        file.write('],\n"annotations": [')
        for done, (_, plane) in enumerate(planes_of(data, 16)):
            yield Progress(done, total, "Writing")
            annotations = _annotations(
                plane, done + 1, facts, categories, holed if polygons else None
            )
            for annotation in annotations:
                # Numbers are never used twice in a file; in a stack a label may be.
                written += 1
                annotation["id"] = written if leading else annotation["label"]
                file.write((",\n" if written > 1 else "\n") + json.dumps(annotation))
                if written % _STEP == 0:
                    yield Progress(done, total, f"Writing object {written:,}")
        file.write('],\n"categories": [')
        names = categories or {_ANY_CLASS: 1}
        _write_list(file, ({"id": id, "name": name} for name, id in names.items()))
        file.write("]}\n")
    warn_of(
        sorted(set(holed)),
        "COCO's polygons have no holes: they were filled in the outlines",
        "Export COCO with run lengths to keep them.",
    )


def _annotations(
    plane: Any,
    image: int,
    facts: dict[int, Fact],
    categories: dict[str, int],
    holed: list[int] | None,
) -> Iterator[dict[str, Any]]:
    """Yield the annotations of a plane; as polygons, noting holes, where `holed` is a list."""
    height, width = plane.shape
    if holed is None:
        ids, runs = runs_of(np.ascontiguousarray(plane.T))
        masks: Iterable[Any] = encode(runs, (height, width))
        boxes = runs.boxes()[:, [1, 0, 3, 2]]
    else:
        ids, runs = runs_of(plane)
        masks, boxes = outlines_of(runs, (height, width)), runs.boxes()
    boxes[:, 2:] -= boxes[:, :2]
    rows = zip(ids.tolist(), masks, boxes.tolist(), runs.areas.tolist(), strict=True)
    for label, mask, box, area in rows:
        fact = facts.get(label, Fact())
        annotation: dict[str, Any] = {"id": 0, "image_id": image}
        name = fact.class_name or _ANY_CLASS
        annotation["category_id"] = categories.setdefault(name, len(categories) + 1)
        if holed is None:
            annotation["segmentation"] = {"size": [height, width], "counts": mask}
        else:
            annotation["segmentation"] = [piece[0].reshape(-1).tolist() for piece in mask]
            if any(len(piece) > 1 for piece in mask):
                holed.append(label)
                area = sum(map(_outer_area, mask))
        annotation |= {"area": area, "bbox": box, "iscrowd": 0, "label": label}
        if fact.score == fact.score:
            annotation["score"] = fact.score
        yield annotation


def _outer_area(piece: Piece) -> int:
    x, y = piece[0].T
    return int(x @ np.roll(y, -1) - np.roll(x, -1) @ y) // 2


def _images(leading: tuple[int, ...]) -> Iterator[tuple[int, Plane]]:
    yield from enumerate(np.ndindex(*leading), 1)


def _image(data: LabelData, number: int, plane: Plane) -> dict[str, Any]:
    height, width = data.labels.shape[-2:]
    image: dict[str, Any] = {"id": number, "width": width, "height": height}
    image["file_name"] = data.name or ("image" if not plane else f"image-{number}")
    return image | ({"plane": list(plane)} if plane else {})


def _write_list(file: TextIO, entries: Iterator[dict[str, Any]]) -> None:
    file.write(",\n".join(json.dumps(entry) for entry in entries))
