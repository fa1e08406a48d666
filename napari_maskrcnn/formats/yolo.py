"""Labels ↔ YOLO's text of segments: a line an object, its class and the corners of its outline."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.coco import warn_of
from napari_maskrcnn.formats.drawn import (
    Drawing,
    Fact,
    FormatWarning,
    draw_polygons,
    facts_of,
    planes_of,
)
from napari_maskrcnn.formats.fill import as_ring
from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.limits import MOST_OBJECTS, check_bytes, check_shape
from napari_maskrcnn.formats.outlines import Piece, outlines_of
from napari_maskrcnn.formats.runs import runs_of
from napari_maskrcnn.jobs import Job, Progress

_STEP = 5000
_CLASS = re.compile(rb"\d{1,9}")
#: Most bytes of a line; an outline of a million corners is shorter.
_MOST_LINE = 2**25


def write_yolo(data: LabelData, path: Path) -> Job[None]:
    """Write a line for every object, by ascending label, with coordinates from 0 to 1.

    Classes are numbered from 0 in the order of their names, unless all names are numbers. An
    outline is a single ring: holes are filled, and several pieces are joined by lines there and
    back, as Ultralytics joins them; a `FormatWarning` names such labels.

    Raises
    ------
    ValueError
        For a stack: a file belongs to one image.
    """
    ((_, plane),) = planes_of(data, 2, "YOLO's text")
    facts = facts_of(data.table)
    ids, runs = runs_of(plane)
    classes = [facts.get(label, Fact()).class_name for label in ids.tolist()]
    numbers = _class_numbers(classes)
    size = np.array(plane.shape[::-1], np.float64)
    holed: list[int] = []
    joined: list[int] = []
    rows = zip(ids.tolist(), classes, outlines_of(runs, plane.shape), strict=True)
    with path.open("w", encoding="ascii", newline="\n") as file:
        for done, (label, name, pieces) in enumerate(rows):
            if done % _STEP == 0:
                yield Progress(done, len(ids), "Writing")
            if any(len(piece) > 1 for piece in pieces):
                holed.append(label)
            if len(pieces) > 1:
                joined.append(label)
            corners = (_joined(pieces) / size).reshape(-1).tolist()
            file.write(f"{numbers[name]} " + " ".join([f"{x:.7g}" for x in corners]) + "\n")
    warn_of(holed, "YOLO's outlines have no holes: they were filled in those", _REMEDY)
    warn_of(joined, "YOLO's outlines have one piece: lines join the pieces", _REMEDY)
    if len(numbers) > 1 and any(name != str(number) for name, number in numbers.items()):
        listed = ", ".join(f"{number} = {name or 'none'}" for name, number in numbers.items())
        warnings.warn(f"YOLO's classes are numbers: {listed}.", FormatWarning, stacklevel=2)


_REMEDY = "COCO with run lengths, GeoJSON and ROIs of ImageJ keep them."


def read_yolo(path: Path, shape: tuple[int, ...] | None = None) -> LabelData:
    """Read a file of segments; line ``n`` becomes label ``n``, its class number the class.

    The score may follow the corners, as where Ultralytics saves its predictions. Where objects
    overlap the better score lies on top, else the smaller object.

    Parameters
    ----------
    path : Path
        The text file.
    shape : (H, W), optional
        Of the image; needed.

    Raises
    ------
    ValueError
        A line is no segment, or the image's shape is not known.
    """
    if shape is None:
        raise ValueError(
            "its coordinates are fractions of an image whose size it does not say. Give the "
            "shape of the image, (height, width)"
        )
    if len(check_shape(shape)) != 2:
        raise ValueError(f"it belongs to one image, but the shape is {shape}")
    check_bytes(path)
    size = np.array(shape[::-1], np.float64)
    facts: list[Fact] = []
    drawings: list[Drawing] = []
    for number, line in _lines(path):
        if len(facts) >= MOST_OBJECTS:
            raise ValueError(f"it has more than {MOST_OBJECTS:,} lines")
        fact, ring = _segment(line, number)
        drawings.append(Drawing(len(facts), (), [[ring * size]]))
        facts.append(fact)
    return draw_polygons(facts, drawings, shape)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_MOST_LINE):
            number += 1
            if len(line) == _MOST_LINE:
                raise ValueError(f"line {number} has more than {_MOST_LINE:,} bytes")
            if line.strip():
                yield number, line


def _segment(line: bytes, number: int) -> tuple[Fact, NDArray[np.float64]]:
    words = line.split()
    try:
        values = np.array(words[1:], dtype=np.float64)
    except ValueError:
        raise ValueError(f"line {number} has something that is no number") from None
    if not _CLASS.fullmatch(words[0]):
        raise ValueError(f"line {number} does not begin with the number of a class")
    if len(values) <= 5:
        raise ValueError(f"line {number} is a box or less, not the outline of an object")
    score = float(values[-1]) if len(values) % 2 else float("nan")
    try:
        ring = as_ring(values[: len(values) // 2 * 2])
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from None
    return Fact(number, words[0].decode(), score), ring


def _class_numbers(classes: list[str]) -> dict[str, int]:
    names = sorted(set(classes))
    if all(re.fullmatch(r"0|[1-9]\d{0,8}", name) for name in names):
        return {name: int(name) for name in names}
    return {name: number for number, name in enumerate(names)}


def _joined(pieces: list[Piece]) -> NDArray[np.int64]:
    """Return one ring around all pieces, which goes to each from the first's start, and back."""
    first = pieces[0][0]
    if len(pieces) == 1:
        return first
    closed = [np.concatenate([piece[0], piece[0][:1]]) for piece in pieces]
    back = [part for ring in closed[1:] for part in (ring, first[:1])]
    return np.concatenate([closed[0], *back[:-1]])
