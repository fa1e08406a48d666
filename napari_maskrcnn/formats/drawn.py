"""Objects that a file describes one by one, drawn into one label image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.fill import extent, fill
from napari_maskrcnn.formats.json_file import number
from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.limits import MOST_OBJECTS, check_shape
from napari_maskrcnn.formats.runs import Runs, paint, top_last

if TYPE_CHECKING:
    import pandas as pd

#: The planes of a stack count from 0, axis by axis; a single image is the plane ().
Plane = tuple[int, ...]
#: Rings that are filled together: an outer one and its holes.
Polygon = Sequence[NDArray[Any]]


class FormatWarning(UserWarning):
    """Something of the labels has no place in a file, or something in a file is no label."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What a file says of one object: its label (None: it has none), class and score."""

    label: int | None = None
    class_name: str = ""
    score: float = float("nan")


@dataclass(frozen=True, slots=True)
class Drawing:
    """One object in one plane: which fact it is, and its parts."""

    fact: int
    plane: Plane
    polygons: Sequence[Polygon]


def draw_polygons(
    facts: Sequence[Fact], drawings: Sequence[Drawing], shape: tuple[int, ...] | None
) -> LabelData:
    """Draw objects that are given by polygons.

    Parameters
    ----------
    facts : sequence of Fact
        What is known of each object, as `gather` gives it.
    drawings : sequence of Drawing
        Their outlines, in any order; parts of one object may overlap.
    shape : tuple of int, optional
        Of the labels; the smallest that holds all without it.

    Raises
    ------
    ValueError
        There are absurdly many objects, they are absurdly large, or lie in planes that `shape`
        does not have.
    """
    polygons = [polygon for drawing in drawings for polygon in drawing.polygons]
    if max(len(polygons), len(facts)) > MOST_OBJECTS:
        raise ValueError(f"it holds {len(polygons):,} objects; at most {MOST_OBJECTS:,} are read")
    planes = {drawing.plane for drawing in drawings}
    if shape is None:
        axes = max(map(len, planes), default=0)
        leading = [max(plane[axis] for plane in planes) + 1 for axis in range(axes)]
        shape = (*leading, *extent(polygons))
    shape = check_shape(shape)
    by_plane: dict[Plane, list[Drawing]] = {}
    for drawing in drawings:
        by_plane.setdefault(_inside(drawing.plane, shape), []).append(drawing)
    layers = (
        (plane, *_filled(members, (shape[-2], shape[-1]))) for plane, members in by_plane.items()
    )
    return draw_runs(facts, layers, shape)


def draw_runs(
    facts: Sequence[Fact],
    layers: Iterable[tuple[Plane, NDArray[np.int64], Runs]],
    shape: tuple[int, ...],
) -> LabelData:
    """Draw objects that are given by runs of pixels.

    The better score lies on top, of equal scores the smaller object.

    Parameters
    ----------
    facts : sequence of Fact
        What is known of each object, as `gather` gives it.
    layers : iterable of (plane, which, runs)
        Object ``k`` of `runs` is a part of the object ``facts[which[k]]``.
    shape : tuple of int
        Of the labels.
    """
    given = [fact.label for fact in facts if fact.label is not None]
    numbers = np.array(given if len(given) == len(facts) else range(1, len(facts) + 1), np.int64)
    small = numbers.max(initial=0) <= np.iinfo(np.int32).max
    labels = np.zeros(shape, dtype=np.int32 if small else np.int64)
    scores = np.array([fact.score for fact in facts], dtype=np.float64)
    for plane, which, runs in layers:
        members, part_of = np.unique(which, return_inverse=True)
        areas = np.bincount(part_of, runs.areas, minlength=len(members)).astype(np.int64)
        order = top_last(areas, scores[members])
        rank = np.empty(len(members), np.int64)
        rank[order] = np.arange(len(members))
        parts = np.argsort(rank[part_of], kind="stable")
        paint(runs, numbers[which], labels[plane], parts)
    return LabelData(labels, table=_table(facts, numbers))


def gather(found: Sequence[Fact], planes: Sequence[Plane]) -> tuple[list[Fact], NDArray[np.int64]]:
    """Join what a file says plane by plane into facts of whole objects.

    Under one label an object goes on from plane to plane. Labels that are missing, no labels, or
    there twice in a plane are not what this package means by them: then each is an object of its
    own, without a label.

    Returns
    -------
    facts : list of Fact
        One for each object, as it is said where the object is first met.
    which : (N,) int64
        The fact of each that was found.
    """
    labels = [fact.label for fact in found]
    usable = all(label is not None and 0 < label < 2**63 for label in labels)
    if not usable or len(set(zip(labels, planes, strict=True))) < len(found):
        return [replace(fact, label=None) for fact in found], np.arange(len(found))
    first = {fact.label: fact for fact in reversed(found)}
    place = {label: at for at, label in enumerate(first)}
    return list(first.values()), np.array([place[label] for label in labels], np.int64)


def facts_of(table: pd.DataFrame | None) -> dict[int, Fact]:
    """Return what a table knows of each label; only text is a class, only a number a score."""
    if table is None:
        return {}
    classes = table["class"] if "class" in table.columns else [""] * len(table)
    scores = table["score"] if "score" in table.columns else [None] * len(table)
    return {
        int(label): Fact(int(label), name if isinstance(name, str) else "", number(score))
        for label, name, score in zip(table["index"], classes, scores, strict=True)
    }


def origin_of(data: LabelData) -> dict[str, Any]:
    """Return what a file says, where it has a place, of the labels as a whole; plain JSON."""
    own: dict[str, Any] = {"shape": list(data.labels.shape)}
    if data.scale is not None:
        own["scale"] = list(data.scale)
    if data.axes is not None:
        own["axes"] = data.axes
    if data.provenance is not None:
        own["provenance"] = dict(data.provenance)
    return own


def with_origin(data: LabelData, own: Mapping[str, Any]) -> LabelData:
    """Return labels that were read with what `origin_of` says, as far as it makes sense."""
    provenance, scale = own.get("provenance"), own.get("scale")
    if isinstance(scale, list) and len(scale) == data.labels.ndim:
        lengths = tuple(number(length) for length in scale)
        if all(length > 0 for length in lengths):
            data = replace(data, scale=lengths)
    axes = LabelData.from_file(data.labels, axes=own.get("axes")).axes
    said = provenance if isinstance(provenance, dict) else None
    return replace(data, axes=axes or data.axes, provenance=said)


def planes_of(
    data: LabelData, most_axes: int = 4, what: str = "This format"
) -> Iterator[tuple[Plane, NDArray[Any]]]:
    """Yield the planes of labels with their indices.

    Raises
    ------
    ValueError
        The labels have more axes than the format.
    """
    if data.labels.ndim > most_axes:
        raise ValueError(
            f"{what} holds labels with up to {most_axes} axes, but these have the shape "
            f"{data.labels.shape}. Export them in parts, or as TIFF or OME-Zarr."
        )
    for plane in np.ndindex(*data.labels.shape[:-2]):
        yield plane, data.labels[plane]


def _inside(plane: Plane, shape: tuple[int, ...]) -> Plane:
    if len(plane) != len(shape) - 2 or any(
        not 0 <= at < size for at, size in zip(plane, shape, strict=False)
    ):
        raise ValueError(f"an object lies in plane {plane}, but the labels have the shape {shape}")
    return plane


def _filled(drawings: Sequence[Drawing], shape: tuple[int, int]) -> tuple[NDArray[np.int64], Runs]:
    polygons = [polygon for drawing in drawings for polygon in drawing.polygons]
    which = [drawing.fact for drawing in drawings for _ in drawing.polygons]
    return np.array(which, np.int64), fill(polygons, shape)


def _table(facts: Sequence[Fact], numbers: NDArray[np.int64]) -> pd.DataFrame | None:
    """Return the table of the objects by ascending label; None when nothing is known of them."""
    import pandas as pd

    if not any(fact.class_name or fact.score == fact.score for fact in facts):
        return None
    table = pd.DataFrame(
        {
            "index": numbers,
            "class": [fact.class_name for fact in facts],
            "score": [fact.score for fact in facts],
        }
    )
    return table.sort_values("index", ignore_index=True)
