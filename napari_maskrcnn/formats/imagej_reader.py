"""ImageJ's ROIs to labels: a .roi of one object, or a .zip of many."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.drawn import (
    Drawing,
    Fact,
    FormatWarning,
    Plane,
    Polygon,
    draw_polygons,
    gather,
    with_origin,
)
from napari_maskrcnn.formats.fill import as_ring
from napari_maskrcnn.formats.json_file import number, sizes
from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.limits import MOST_OBJECTS, check_bytes

if TYPE_CHECKING:
    from roifile import ImagejRoi

#: Most bytes of a zip, of what is in it when unpacked, and of a single ROI.
MOST_ZIP_BYTES = 2**28
MOST_UNPACKED_BYTES = 2**29
MOST_ROI_BYTES = 2**27
#: Corners that stand for an ellipse.
_ELLIPSE = 360
_MAGIC = b"Iout"
_NAME = re.compile(r"(\d{1,18})(?:@\d+(?:,\d+)?)?")


def is_imagej(path: Path) -> bool:
    """Whether a file is an ROI, or a zip with one."""
    try:
        with path.open("rb") as file:
            if file.read(4) == _MAGIC:
                return True
        if not zipfile.is_zipfile(path) or path.stat().st_size > MOST_ZIP_BYTES:
            return False
        with zipfile.ZipFile(path) as archive:
            return any(_is_roi(entry) for entry in archive.infolist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def read_imagej(path: Path, shape: tuple[int, ...] | None = None) -> LabelData:
    """Read ROIs that enclose an area: polygons, freehand, traced, rectangles, ovals, composites.

    A pixel belongs to an ROI when its centre lies in it. The smaller object lies on top, unless
    the ROIs have scores. Labels are the names under which they were exported, else 1, 2, … .
    Lines, points and text are left out with a `FormatWarning`.

    Parameters
    ----------
    path : Path
        The file.
    shape : (H, W) or (…, H, W), optional
        Of the labels. Without it the zip is asked, else it is the smallest that holds all.

    Raises
    ------
    ValueError
        The file is broken or hostile, or holds no ROI with an area.
    """
    own: dict[str, Any] = {}
    if zipfile.is_zipfile(path):
        check_bytes(path, MOST_ZIP_BYTES)
        with zipfile.ZipFile(path) as archive:
            own = _own(archive.comment)
            found = list(_unzipped(archive))
    else:
        check_bytes(path, MOST_ROI_BYTES)
        found = [_parsed(path.read_bytes(), "")]
    shape = shape or sizes(own.get("shape"))
    areas = [(roi, polygon) for roi, polygon in found if polygon]
    if len(areas) < len(found):
        if not areas:
            raise ValueError("its ROIs are lines or points, which enclose no area")
        left = len(found) - len(areas)
        _warn(f"{left} ROIs in {path.name} enclose no area (lines, points) and were left out.")
    axes = len(shape) - 2 if shape else None
    planes = _planes([_position(roi) for roi, _ in areas], axes, path)
    facts, which = gather([_fact(roi) for roi, _ in areas], planes)
    drawings = [
        Drawing(at, plane, [polygon])
        for at, plane, (_, polygon) in zip(which.tolist(), planes, areas, strict=True)
    ]
    return with_origin(draw_polygons(facts, drawings, shape), own)


def _own(comment: bytes) -> dict[str, Any]:
    """Return what this package says in the comment of a zip."""
    try:
        own = json.loads(comment)
    except (ValueError, RecursionError):
        return {}
    return own if isinstance(own, dict) else {}


def _is_roi(entry: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(entry.filename).name.lower()
    # macOS adds a file of its own beside each, "._name.roi".
    return name.endswith(".roi") and not name.startswith("._")


def _unzipped(archive: zipfile.ZipFile) -> Iterator[tuple[ImagejRoi, Polygon]]:
    """Yield the ROIs of a zip. Nothing is unpacked to the disk, and no more than is checked."""
    entries = [entry for entry in archive.infolist() if _is_roi(entry)]
    if not entries and len(archive.infolist()):
        raise ValueError("it is a zip without ROIs")
    if len(entries) > MOST_OBJECTS:
        raise ValueError(f"it holds {len(entries):,} ROIs; at most {MOST_OBJECTS:,} are read")
    total = sum(entry.file_size for entry in entries)
    if total > MOST_UNPACKED_BYTES:
        raise ValueError(
            f"its ROIs have {total:,} bytes when unpacked; more than {MOST_UNPACKED_BYTES:,} "
            "are not read"
        )
    for entry in entries:
        name = entry.filename[:80]
        if entry.file_size > MOST_ROI_BYTES:
            raise ValueError(
                f"{name} has {entry.file_size:,} bytes; an ROI of more than {MOST_ROI_BYTES:,} "
                "is not read"
            )
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is packed in a way that ImageJ does not know")
        yield _parsed(archive.read(entry), PurePosixPath(entry.filename).stem)


def _parsed(content: bytes, name: str) -> tuple[ImagejRoi, Polygon]:
    from roifile import ImagejRoi

    try:
        roi = ImagejRoi.frombytes(content)
        roi.name = name or roi.name
        return roi, _polygon(roi)
    except Exception as error:
        # A damaged ROI may be anything to its parser, from IndexError to UnicodeDecodeError.
        raise ValueError(f"the ROI {name[:80]} is damaged: {error}") from error


def _polygon(roi: ImagejRoi) -> Polygon:
    """Return the rings of an ROI, empty where it encloses no area."""
    from roifile import ROI_SUBTYPE, ROI_TYPE

    if roi.composite:
        rings: Any = roi.coordinates(multi=True)
        # A path may end with an empty part, or with its first corner once more.
        return [as_ring(ring) for ring in rings if len(ring) > 2]
    if roi.subtype in (ROI_SUBTYPE.TEXT, ROI_SUBTYPE.ARROW, ROI_SUBTYPE.IMAGE):
        return []
    if roi.roitype in (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED):
        corners: Any = roi.coordinates()
        return [as_ring(corners)] if len(corners) > 2 else []
    if roi.roitype in (ROI_TYPE.RECT, ROI_TYPE.OVAL):
        box: tuple[float, ...] = (roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top)
        if roi.subpixelrect and roi.widthd > 0:
            box = (roi.xd, roi.yd, roi.widthd, roi.heightd)
        return [as_ring(_box(*box) if roi.roitype == ROI_TYPE.RECT else _ellipse(*box))]
    return []


def _box(x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def _ellipse(x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
    angles = np.arange(_ELLIPSE) * (2 * np.pi / _ELLIPSE)
    return np.stack(
        [x + width / 2 * (1 + np.cos(angles)), y + height / 2 * (1 + np.sin(angles))], axis=1
    )


def _fact(roi: ImagejRoi) -> Fact:
    named = _NAME.fullmatch(roi.name)
    pairs = (line.split(":", 1) for line in roi.props.splitlines() if ":" in line)
    known = {key.strip(): value.strip() for key, value in pairs}
    try:
        score = number(float(known.get("score", "")))
    except ValueError:
        score = float("nan")
    return Fact(int(named[1]) if named else None, known.get("class", ""), score)


def _position(roi: ImagejRoi) -> tuple[int, int]:
    """Return frame and slice of an ROI, from 1; 0 where it has none."""
    return max(roi.t_position, 0), max(roi.position, roi.z_position, 0)


def _planes(positions: list[tuple[int, int]], axes: int | None, path: Path) -> list[Plane]:
    """Return the plane of each ROI in a stack of (T, Z), of one of them, or in a single image."""
    frames = any(frame > 1 for frame, _ in positions)
    slices = any(depth > 1 for _, depth in positions)
    axes = frames + slices if axes is None else axes
    if axes > 2 or axes < frames + slices:
        raise ValueError(f"its ROIs lie in a stack, but the labels have {axes + 2} axes")
    if axes == 0:
        return [()] * len(positions)
    if axes == 2:
        found = positions
    else:
        found = [(1, frame if frames else depth) for frame, depth in positions]
    if any(0 in place for place in found):
        _warn(f"ROIs in {path.name} belong to all planes; they were drawn in the first.")
    return [tuple(max(at - 1, 0) for at in place)[2 - axes :] for place in found]


def _warn(message: str) -> None:
    warnings.warn(message, FormatWarning, stacklevel=3)
