"""Labels to a zip of ImageJ's ROIs, for its ROI Manager."""

from __future__ import annotations

import json
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.drawn import Fact, FormatWarning, Plane, facts_of, origin_of, planes_of
from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.outlines import Piece, outlines_of
from napari_maskrcnn.formats.runs import runs_of
from napari_maskrcnn.jobs import Job, Progress

if TYPE_CHECKING:
    from roifile import ImagejRoi

_STEP = 2000
#: Beyond this ImageJ takes whole coordinates for negative ones; fractional ones go on.
_MOST_WHOLE = 2**15 - 1
_MOST_COMMENT = 2**16 - 1
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0


def write_imagej(data: LabelData, path: Path) -> Job[None]:
    """Write a zip for ImageJ's ROI Manager, an object a ROI, named by its label.

    Objects with holes or several pieces are composites. In a stack, (Z) or (T, Z), a ROI has its
    position, and its name goes on with the plane, counted from 1: ``12@3`` or ``12@2,3``. Class
    and score are properties of the ROI. Shape, pixel size and provenance are the zip's comment:
    an entry that is no ROI would stop other readers.
    """
    facts = facts_of(data.table)
    total = int(np.prod(data.labels.shape[:-2], dtype=np.int64))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for done, (plane, labels) in enumerate(planes_of(data, 4, "ImageJ's ROI zip")):
            ids, runs = runs_of(labels)
            rows = zip(ids.tolist(), outlines_of(runs, labels.shape), strict=True)
            for at, (label, pieces) in enumerate(rows):
                if at % _STEP == 0:
                    yield Progress(done, total, f"Writing object {at:,}" if at else "Writing")
                roi = _roi(pieces, label, plane, facts.get(label, Fact()))
                archive.writestr(f"{roi.name}.roi", roi.tobytes())
        archive.comment = _comment(data)


def _comment(data: LabelData) -> bytes:
    comment = json.dumps(origin_of(data)).encode()
    if len(comment) <= _MOST_COMMENT:
        return comment
    warnings.warn(
        "The provenance is too long for a ROI zip and was left out.", FormatWarning, stacklevel=2
    )
    return json.dumps(origin_of(replace(data, provenance=None))).encode()


def _roi(pieces: list[Piece], label: int, plane: Plane, fact: Fact) -> ImagejRoi:
    from roifile import ROI_TYPE, ImagejRoi

    rings = [ring for piece in pieces for ring in piece]
    corners = np.concatenate(rings)
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    if len(rings) == 1:
        whole = max(right, bottom) <= _MOST_WHOLE
        roi = ImagejRoi.frompoints(corners if whole else corners.astype(np.float32))
        # What ImageJ's own wand makes of the pixels' edges.
        roi.roitype = ROI_TYPE.TRACED
    else:
        roi = ImagejRoi(roitype=ROI_TYPE.RECT, multi_coordinates=_path(rings))
        assert roi.multi_coordinates is not None
        roi.shape_roi_size = len(roi.multi_coordinates)
    roi.left, roi.top, roi.right, roi.bottom = left, top, right, bottom
    at = [index + 1 for index in plane]
    if len(plane) == 1:
        roi.position = at[0]
    elif len(plane) == 2:
        roi.t_position, roi.z_position, roi.c_position = at[0], at[1], 1
    roi.name = f"{label}@{','.join(map(str, at))}" if plane else str(label)
    known: dict[str, Any] = {}
    if fact.class_name:
        known["class"] = " ".join(fact.class_name.split())
    if fact.score == fact.score:
        known["score"] = fact.score
    roi.properties = known
    return roi


def _path(rings: list[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Return ImageJ's path of several closed rings."""
    parts = []
    for ring in rings:
        steps = np.empty((len(ring), 3), np.float32)
        steps[:, 0] = _LINE
        steps[0, 0] = _MOVE
        steps[:, 1:] = ring
        parts += [steps.reshape(-1), np.array([_CLOSE], np.float32)]
    return np.concatenate(parts)
