"""Labels ↔ GeoJSON as QuPath writes and reads it: an object a feature, with holes and pieces."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_maskrcnn.formats.drawn import (
    Drawing,
    Fact,
    FormatWarning,
    Plane,
    Polygon,
    draw_polygons,
    facts_of,
    gather,
    origin_of,
    planes_of,
    with_origin,
)
from napari_maskrcnn.formats.fill import as_ring
from napari_maskrcnn.formats.json_file import begins_with, load_json, number, sizes, text, whole
from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.outlines import Piece, outlines_of
from napari_maskrcnn.formats.runs import runs_of
from napari_maskrcnn.jobs import Job, Progress

_OURS = "napari-maskrcnn"
_SCORE = "score"
_STEP = 5000
#: Geometries within geometries; QuPath makes one level at most.
_DEEPEST = 8


def write_geojson(data: LabelData, path: Path) -> Job[None]:
    """Write objects as QuPath's detections, which it shows and measures by the hundred thousand.

    The name is the label, the classification the class; the score is a measurement. Coordinates
    are pixels from the corner of the image. Planes are those of QuPath, (Z), (T) or (T, Z). The
    file's own member ``napari-maskrcnn`` holds the labels' shape, axes, pixel size and provenance.
    """
    yield from _write(data, path, "detection")


def write_geojson_annotations(data: LabelData, path: Path) -> Job[None]:
    """Write objects as QuPath's annotations, which can be edited there one by one."""
    yield from _write(data, path, "annotation")


def _write(data: LabelData, path: Path, kind: str) -> Job[None]:
    facts = facts_of(data.table)
    total = int(np.prod(data.labels.shape[:-2], dtype=np.int64))
    own = origin_of(data)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{"type": "FeatureCollection",\n"{_OURS}": {json.dumps(own)},\n"features": [')
        separator = "\n"
        for done, (plane, labels) in enumerate(planes_of(data, 4, "GeoJSON for QuPath")):
            if len(plane) == 1 and data.is_series:
                plane = (*plane, 0)
            ids, runs = runs_of(labels)
            rows = zip(ids.tolist(), outlines_of(runs, labels.shape), strict=True)
            for at, (label, pieces) in enumerate(rows):
                if at % _STEP == 0:
                    yield Progress(done, total, f"Writing object {at:,}" if at else "Writing")
                feature = {
                    "type": "Feature",
                    "geometry": _geometry(pieces, plane),
                    "properties": _properties(label, facts.get(label, Fact()), kind),
                }
                file.write(separator + json.dumps(feature))
                separator = ",\n"
        file.write("]}\n")


def _geometry(pieces: list[Piece], plane: Plane) -> dict[str, Any]:
    polygons = [[np.concatenate([ring, ring[:1]]).tolist() for ring in piece] for piece in pieces]
    geometry: dict[str, Any] = {"type": "Polygon", "coordinates": polygons[0]}
    if len(polygons) > 1:
        geometry = {"type": "MultiPolygon", "coordinates": polygons}
    if plane:
        time, depth = (0, *plane)[-2:]
        geometry["plane"] = {"c": -1, "z": depth, "t": time}
    return geometry


def _properties(label: int, fact: Fact, kind: str) -> dict[str, Any]:
    properties: dict[str, Any] = {"objectType": kind, "name": str(label), "label": label}
    if fact.class_name:
        properties["classification"] = {"name": fact.class_name}
    if fact.score == fact.score:
        properties["measurements"] = {_SCORE: fact.score}
    return properties


def is_geojson(path: Path) -> bool:
    """Whether a file looks like GeoJSON, whatever its suffix, by a look at its beginning."""
    return begins_with(path, b'"FeatureCollection"', b'"Feature"', b'"geometry"')


def read_geojson(path: Path, shape: tuple[int, ...] | None = None) -> LabelData:
    """Read polygons of QuPath or any other program whose coordinates are pixels.

    A pixel belongs to an object when its centre lies in it. Where objects overlap the better
    score lies on top, else the smaller object. Labels are the numbers under which they were
    exported, else 1, 2, … . Points and lines are left out with a `FormatWarning`.

    Parameters
    ----------
    path : Path
        The file.
    shape : (H, W) or (…, H, W), optional
        Of the labels. Without it the file is asked, else it is the smallest that holds all.

    Raises
    ------
    ValueError
        The file is no GeoJSON, broken or hostile, or has no polygons.
    """
    content = load_json(path, _pack)
    own = content.get(_OURS) if isinstance(content, dict) else None
    own = own if isinstance(own, dict) else {}
    shape = shape or sizes(own.get("shape"))
    features = list(_features(content))
    outlined = [(feature, _polygons(feature.get("geometry"))) for feature in features]
    outlined = [(feature, polygons) for feature, polygons in outlined if polygons]
    if features and not outlined:
        raise ValueError("it has no polygons")
    if len(outlined) < len(features):
        warnings.warn(
            f"{len(features) - len(outlined)} features in {path.name} are no polygons and were "
            "left out.",
            FormatWarning,
            stacklevel=2,
        )
    axes = len(shape) - 2 if shape else _axes(features)
    positions = [_position(feature) for feature, _ in outlined]
    planes = _planes(positions, axes)
    facts, which = gather([_fact(feature) for feature, _ in outlined], planes)
    drawings = [
        Drawing(at, plane, polygons)
        for at, plane, (_, polygons) in zip(which.tolist(), planes, outlined, strict=True)
    ]
    data = draw_polygons(facts, drawings, shape)
    return with_origin(replace(data, axes="TYX") if _are_frames(positions, axes) else data, own)


def _features(content: Any) -> Iterator[dict[str, Any]]:
    """Yield the features of a collection, a list, or a single feature or geometry."""
    if isinstance(content, dict) and content.get("type") == "FeatureCollection":
        content = content.get("features")
    elif isinstance(content, dict) and content.get("type") == "Feature":
        content = [content]
    elif isinstance(content, dict) and ("coordinates" in content or "geometries" in content):
        content = [{"geometry": content}]
    if not isinstance(content, list):
        raise ValueError("it is no GeoJSON: it has no list of features")
    for feature in content:
        if not isinstance(feature, dict) or "geometry" not in feature:
            raise ValueError("it is no GeoJSON: a feature has no geometry")
        yield feature


def _pack(entry: dict[str, Any]) -> dict[str, Any]:
    """Turn the coordinates of polygons into arrays, outer rings first."""
    kind, polygons = entry.get("type"), entry.get("coordinates")
    if kind in ("Polygon", "MultiPolygon") and polygons:
        polygons = [polygons] if kind == "Polygon" else polygons
        if not isinstance(polygons, list) or not all(isinstance(rings, list) for rings in polygons):
            raise ValueError("a polygon has no list of rings")
        entry["coordinates"] = [[as_ring(ring) for ring in rings] for rings in polygons if rings]
    return entry


def _polygons(geometry: Any, depth: int = 0) -> list[Polygon]:
    """Return the polygons of a geometry; none for points and lines."""
    if not isinstance(geometry, dict):
        return []
    if geometry.get("type") == "GeometryCollection":
        parts = geometry.get("geometries")
        if depth >= _DEEPEST or not isinstance(parts, list):
            raise ValueError("a collection of geometries is nested too deep, or has no list")
        return [polygon for part in parts for polygon in _polygons(part, depth + 1)]
    if geometry.get("type") not in ("Polygon", "MultiPolygon"):
        return []
    return geometry.get("coordinates") or []


def _fact(feature: dict[str, Any]) -> Fact:
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    named = properties.get("classification")
    if isinstance(named, dict):
        named = named.get("name")
    score = properties.get("measurements")
    if isinstance(score, list):
        pairs = [entry for entry in score if isinstance(entry, dict)]
        score = {text(entry.get("name")): entry.get("value") for entry in pairs}
    score = score.get(_SCORE) if isinstance(score, dict) else None
    return Fact(whole(properties.get("label")), text(named), number(score))


def _position(feature: dict[str, Any]) -> tuple[int, int]:
    """Return the frame and slice of a feature, from 0."""
    plane = (feature.get("geometry") or {}).get("plane")
    plane = plane if isinstance(plane, dict) else {}
    return whole(plane.get("t")) or 0, whole(plane.get("z")) or 0


def _axes(features: list[dict[str, Any]]) -> int:
    """Return how many axes the features' planes need: T and Z, Z, or none."""
    positions = [_position(feature) for feature in features]
    if any(time for time, _ in positions):
        return 2
    return 1 if any(depth for _, depth in positions) else 0


def _are_frames(positions: list[tuple[int, int]], axes: int) -> bool:
    """Whether the one axis of a stack is time: objects lie in several frames, but no slices."""
    return axes == 1 and any(t for t, _ in positions) and not any(z for _, z in positions)


def _planes(positions: list[tuple[int, int]], axes: int) -> list[Plane]:
    """Return the plane of each object in labels with so many axes before the plane."""
    if _are_frames(positions, axes):
        return [(time,) for time, _ in positions]
    for time, depth in positions:
        if axes > 2 or (axes < 2 and time) or (axes < 1 and depth):
            place = f"slice {depth} of frame {time}"
            raise ValueError(f"an object lies in {place}, which are not there")
    return [position[2 - axes :] for position in positions]
