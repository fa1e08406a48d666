"""Shape and intensity of every object, one row each; the numbers are those of scikit-image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.formats.hulls import convex_areas
from napari_maskrcnn.formats.objects import compact_labels, find_boxes
from napari_maskrcnn.formats.sums import (
    Borders,
    Intensities,
    Moments,
    blocks_of,
)
from napari_maskrcnn.jobs import Job, Progress, run

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, NDArray[Any]]


def measure(
    labels: NDArray[Any],
    image: NDArray[Any] | None = None,
    scale: tuple[float, ...] | None = None,
) -> pd.DataFrame:
    """Measure every object of a label image.

    Parameters
    ----------
    labels : (H, W) or (…, H, W) integers
        0 is the background. The planes of a stack are measured one by one.
    image : array of the labels' shape, optionally with channels last
        Adds the intensities.
    scale : one float an axis of the labels, optional
        Size of a pixel in micrometres; adds columns in micrometres.

    Returns
    -------
    DataFrame
        Rows by label, within a plane: ``label``; for stacks the index of the ``plane`` (with
        more than one leading axis ``plane_0``, ``plane_1``, …); ``x1, y1, x2, y2``, the half-open
        box; ``centroid_y, centroid_x``; ``area`` in pixels; ``perimeter``, ``circularity``
        (4 π area / perimeter², empty where the perimeter is 0), ``eccentricity``, ``solidity``
        and ``orientation`` (of the long axis, radians from the rows' axis), in pixels as
        scikit-image defines them. With a scale ``centroid_y_um, centroid_x_um, area_um2`` and,
        where pixels are square, ``perimeter_um``. With an image ``intensity_mean``, ``_min``,
        ``_max`` and ``_std``, of several channels with ``_0``, ``_1``, … .
    """
    return run(measure_job(labels, image, scale))


def measure_job(
    labels: NDArray[Any],
    image: NDArray[Any] | None = None,
    scale: tuple[float, ...] | None = None,
) -> Job[pd.DataFrame]:
    """Job of :func:`measure`."""
    import pandas as pd

    leading = labels.shape[:-2]
    names = ["plane"] if len(leading) == 1 else [f"plane_{axis}" for axis in range(len(leading))]
    frames: list[pd.DataFrame] = []
    total = int(np.prod(leading))
    for done, index in enumerate(np.ndindex(*leading)):
        yield Progress(done, total, "Measuring")
        if frames and not labels[index].any():
            continue
        plane = None if image is None else image[index]
        frame = yield from _measure_plane(labels[index], plane, Progress(done, total, "Measuring"))
        for position, (name, value) in enumerate(zip(names, index, strict=False), 1):
            frame.insert(position, name, np.full(len(frame), value))
        frames.append(frame)
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    measured = pd.concat(filled, ignore_index=True)
    return measured if scale is None else _with_micrometres(measured, scale)


def _measure_plane(
    labels: NDArray[Any], image: NDArray[Any] | None, step: Progress
) -> Job[pd.DataFrame]:
    import pandas as pd

    ids, compact = compact_labels(labels)
    boxes = np.array(
        [(y.start, x.start, y.stop, x.stop) for y, x in find_boxes(compact, len(ids))], np.int64
    ).reshape(-1, 4)
    moments = Moments(boxes[:, :2])
    borders = Borders(compact, len(ids))
    values = None if image is None else Intensities(image, len(ids))
    for block in blocks_of(compact):
        yield step
        moments.add(block)
        borders.add(block.rows)
        if values is not None:
            with np.errstate(invalid="ignore"):  # a pixel that is no number spoils its object only
                values.add(block)
    columns: dict[str, NDArray[Any]] = {"label": ids}
    columns |= dict(zip(("x1", "y1", "x2", "y2"), boxes[:, [1, 0, 3, 2]].T, strict=True))
    columns |= _shape_columns(moments, borders, boxes)
    if values is not None:
        yield step
        with np.errstate(invalid="ignore"):  # an infinite value has no distance from the mean
            for block in blocks_of(compact):
                values.add_squares(block)
            columns |= _intensity_columns(values, single=image is not None and image.ndim == 2)
    return pd.DataFrame(columns)


def _shape_columns(moments: Moments, borders: Borders, boxes: NDArray[np.int64]) -> Columns:
    area = moments.area
    centre_y, centre_x = moments.y / area, moments.x / area
    # Variances and covariance of the pixels' places: the inertia of a plate, seen from its centre.
    yy = moments.yy / area - centre_y**2
    xx = moments.xx / area - centre_x**2
    yx = moments.yx / area - centre_y * centre_x
    return {
        "centroid_y": centre_y + boxes[:, 0],
        "centroid_x": centre_x + boxes[:, 1],
        "area": area.astype(np.int64),
        "perimeter": borders.perimeter,
        "circularity": _circularity(area, borders.perimeter),
        "eccentricity": _eccentricity(yy, xx, yx),
        "solidity": area / _convex_areas(borders, boxes),
        "orientation": _orientation(yy, xx, yx),
    }


def _circularity(area: NDArray[Any], perimeter: NDArray[Any]) -> NDArray[Any]:
    known = np.where(perimeter > 0, perimeter, np.nan)
    return np.asarray(4 * np.pi * area / known**2)


def _eccentricity(yy: NDArray[Any], xx: NDArray[Any], yx: NDArray[Any]) -> NDArray[Any]:
    """Eccentricity of the ellipse with the same second moments; 0 for a single pixel."""
    middle, half = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
    long, short = middle + half, np.maximum(middle - half, 0)
    return np.sqrt(1 - np.divide(short, long, out=np.ones_like(long), where=long > 0))


def _orientation(yy: NDArray[Any], xx: NDArray[Any], yx: NDArray[Any]) -> NDArray[Any]:
    """Angle between the rows' axis and the long axis, from -π/2 to π/2."""
    round_ = np.where(yx > 0, np.pi / 4, -np.pi / 4)
    return np.where(yy == xx, round_, 0.5 * np.arctan2(2 * yx, yy - xx))


def _convex_areas(borders: Borders, boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    number, row, first, last = borders.extents()
    counts = np.bincount(number, minlength=len(boxes))
    return convex_areas(boxes[:, 2] - boxes[:, 0], counts, row - boxes[number, 0], first, last)


def _intensity_columns(values: Intensities, single: bool) -> Columns:
    parts = {
        "mean": values.mean,
        "min": values.least,
        "max": values.most,
        "std": values.deviation,
    }
    return {
        f"intensity_{name}" if single else f"intensity_{name}_{channel}": column
        for name, channels in parts.items()
        for channel, column in enumerate(channels)
    }


def _with_micrometres(frame: pd.DataFrame, scale: tuple[float, ...]) -> pd.DataFrame:
    y, x = scale[-2:]
    physical = {
        "centroid_y_um": frame["centroid_y"] * y,
        "centroid_x_um": frame["centroid_x"] * x,
        "area_um2": frame["area"] * (y * x),
    }
    if np.isclose(y, x, rtol=1e-6):
        physical["perimeter_um"] = frame["perimeter"] * y
    position = list(frame.columns).index("orientation") + 1
    for offset, (name, column) in enumerate(physical.items()):
        frame.insert(position + offset, name, column)
    return frame
