"""Cut one object into several: along a drawn line, or between clicked points."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_maskrcnn.annotate.checks import check_new_ids, points_2d
from napari_maskrcnn.annotate.edit import Edit, Plane, Region

_DIAGONAL = np.ones((3, 3), dtype=int)
#: Steps (rows, columns) from a pixel to four of its eight neighbours; the others are the reverse.
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
#: A line that ends this close to an object's edge, in pixels, still cuts through it.
_REACH = 2.0
#: Moves a line off the pixel centres, so that every pixel is on one side of it.
_NUDGE = np.array([1.37e-4, 2.71e-4])


def split_line(
    labels: NDArray[Any], label: int, line: ArrayLike, new_id: int, plane: Plane = None
) -> Edit:
    """Cut an object along a line.

    The line passes between pixels, so none is lost. The largest part keeps its label, the others
    get ``new_id``, ``new_id + 1``, … by size.

    Parameters
    ----------
    labels : (H, W) integers, or more axes with ``plane``
        0 is the background.
    label : int
        The object.
    line : (n, 2) float
        Points (row, column) of a line with two points or more.
    new_id : int
        From :func:`~napari_maskrcnn.annotate.edits.next_id`.
    plane : tuple of int or slice(None), optional
        The plane of a stack.

    Raises
    ------
    ValueError
        When the line does not cut the object in two, or an id is missing or in use.
    """
    region = Region.of(labels, plane, axes=2)
    points = _lengthened(points_2d(line, "A line", least=2)) + _NUDGE
    box, mask = region.find([label])
    pieces, _ = ndimage.label(mask, structure=_DIAGONAL)
    parts = _connected(mask, _cuts(mask.shape, points - [cut.start for cut in box]))
    new = _new_parts(pieces, parts)
    if not new:
        raise ValueError(
            f"The line does not cross object {label}. Draw it from one side of the object to the "
            "other."
        )
    check_new_ids(region.view, new_id, len(new))
    renumber = np.zeros(parts.max() + 1, dtype=np.int64)
    renumber[new] = np.arange(new_id, new_id + len(new))
    values = renumber[parts]
    return region.edit(box, values > 0, values[values > 0])


def split_seeds(
    labels: NDArray[Any], label: int, points: ArrayLike, new_id: int, plane: Plane = None
) -> Edit:
    """Cut an object between points, one part a point, where it is narrow (a watershed).

    The first point's part keeps the label, the others get ``new_id``, ``new_id + 1``, … .

    Parameters
    ----------
    labels : (H, W) integers, or more axes with ``plane``
        0 is the background.
    label : int
        The object.
    points : (n, 2) float
        Two points (row, column) or more on different pixels of the object.
    new_id : int
        From :func:`~napari_maskrcnn.annotate.edits.next_id`.
    plane : tuple of int or slice(None), optional
        The plane of a stack.

    Raises
    ------
    ValueError
        For fewer than two points, points outside the object, or an id that is missing or in use.
    """
    from skimage.segmentation import watershed

    region = Region.of(labels, plane, axes=2)
    seeds = np.rint(points_2d(points, "Splitting", least=2)).astype(int)
    box, mask = region.find([label])
    markers = _markers(mask, seeds - [cut.start for cut in box], label)
    check_new_ids(region.view, new_id, len(seeds) - 1)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    parts = watershed(-depth, markers, mask=mask, connectivity=2)
    # Part 1 keeps the label, and so does a separate piece without a point, part 0.
    changed = parts > 1
    return region.edit(box, changed, parts[changed] + (new_id - 2))


def _markers(mask: NDArray[np.bool_], seeds: NDArray[Any], label: int) -> NDArray[np.int32]:
    """Image with 1, 2, … at the seeds."""
    markers = np.zeros(mask.shape, dtype=np.int32)
    for number, (row, column) in enumerate(seeds.tolist(), 1):
        inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
        if not inside or not mask[row, column]:
            raise ValueError(f"Point {number} lies outside object {label}. Click inside it.")
        if markers[row, column]:
            raise ValueError(
                f"Points {markers[row, column]} and {number} lie on the same pixel. Click apart."
            )
        markers[row, column] = number
    return markers


def _lengthened(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The line with its first and last stretch a little longer."""
    longer = points.copy()
    for end, before in ((0, 1), (-1, -2)):
        direction = points[end] - points[before]
        length = float(np.hypot(*direction))
        if length > 0:
            longer[end] += _REACH * direction / length
    return longer


def _cuts(shape: tuple[int, ...], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which steps between neighbouring pixels cross the line; (4 steps, H, W) by their start."""
    cut = np.zeros((len(_STEPS), *shape), dtype=bool)
    for start, end in pairwise(points):
        low = np.clip(np.floor(np.minimum(start, end)) - 1, 0, shape).astype(int)
        high = np.clip(np.ceil(np.maximum(start, end)) + 2, low, shape).astype(int)
        rows, columns = np.mgrid[low[0] : high[0], low[1] : high[1]].astype(np.float64)
        window = (slice(low[0], high[0]), slice(low[1], high[1]))
        for number, step in enumerate(_STEPS):
            cut[number][window] |= _crossing(rows, columns, step, start, end)
    return cut


def _crossing(
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    step: tuple[int, int],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Whether the step from each pixel crosses the straight line from start to end."""
    along = end - start
    side = along[0] * (columns - start[1]) - along[1] * (rows - start[0])
    side_after = side + along[0] * step[1] - along[1] * step[0]
    # The line's ends lie on different sides of the step (half-open, so that a bend counts once).
    at_start = step[0] * (start[1] - columns) - step[1] * (start[0] - rows)
    at_end = step[0] * (end[1] - columns) - step[1] * (end[0] - rows)
    crossing: NDArray[np.bool_] = ((side > 0) != (side_after > 0)) & (
        (at_start > 0) != (at_end > 0)
    )
    return crossing


def _connected(mask: NDArray[np.bool_], cut: NDArray[np.bool_]) -> NDArray[Any]:
    """Parts of the mask that hang together without crossing a cut: 1, 2, …; 0 outside."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = [_step_ends(mask.shape, step) for step in _STEPS]
    beside = np.zeros_like(mask)
    for (start, end), crossed in zip(ends, cut, strict=True):
        beside[start] |= crossed[start]
        beside[end] |= crossed[start]
    beside &= mask
    # Away from the cut plain labelling does; only pixels beside it need a graph.
    nodes, count = ndimage.label(mask & ~beside, structure=_DIAGONAL)
    nodes[beside] = count + 1 + np.arange(beside.sum())
    links = []
    for (start, end), crossed in zip(ends, cut, strict=True):
        linked = mask[start] & mask[end] & (beside[start] | beside[end]) & ~crossed[start]
        links.append(np.stack([nodes[start][linked], nodes[end][linked]]))
    rows, columns = np.concatenate(links, axis=1)
    graph = coo_array(
        (np.ones(len(rows), dtype=bool), (rows, columns)), shape=(nodes.max() + 1,) * 2
    )
    # The outside is node 0, linked to nothing: part 0.
    parts: NDArray[Any] = connected_components(graph, directed=False)[1][nodes]
    return parts


def _step_ends(
    shape: tuple[int, ...], step: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Windows of the pixels where a step starts, and of those where it ends."""
    (height, width), (down, right) = shape, step
    return (
        (slice(0, height - down), slice(max(0, -right), width - max(0, right))),
        (slice(down, height), slice(max(0, right), width - max(0, -right))),
    )


def _new_parts(pieces: NDArray[Any], parts: NDArray[Any]) -> list[int]:
    """Parts that get a new label: of every piece that was cut, all but the largest part."""
    sizes = np.bincount(parts.ravel())
    piece_of = np.zeros(len(sizes), dtype=np.int64)
    piece_of[parts.ravel()] = pieces.ravel()
    new: list[int] = []
    for piece in range(1, int(pieces.max()) + 1):
        found: list[int] = np.flatnonzero(piece_of == piece).tolist()
        new += sorted(found, key=lambda part: -sizes[part])[1:]
    return sorted(new, key=lambda part: -sizes[part])
