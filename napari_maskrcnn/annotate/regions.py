"""Finished regions: drawn parts of an image in which every object is annotated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.checks import points_2d
from napari_maskrcnn.annotate.image_states import Plane, plane_text, read_plane
from napari_maskrcnn.annotate.polygon import inside_polygon

#: Where the metadata of a labels layer keep them, as `to_json` writes them.
KEY = "napari-maskrcnn finished regions"

Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Region:
    """A polygon in a plane of an image.

    Parameters
    ----------
    plane : tuple of int or None
        None on the two axes of the plane, an int on every other one.
    corners : (n, 2) float
        Rows and columns in pixels, pixel centres at whole numbers; at least three. They may reach
        beyond the image.
    """

    plane: Plane
    corners: NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        """Return plain values: ``{"plane": "3,:,:", "corners": [[0.5, 1.5], …]}``."""
        return {"plane": plane_text(self.plane), "corners": self.corners.tolist()}

    @classmethod
    def from_json(cls, value: Any) -> Region:
        """Read what `to_json` made.

        Raises
        ------
        ValueError
            It is something else.
        """
        if not isinstance(value, Mapping) or not {"plane", "corners"} <= value.keys():
            raise ValueError(f"A region has a plane and corners, but this is {value!r:.60}.")
        return cls(read_plane(value["plane"]), points_2d(value["corners"], "A region", least=3))


def regions_of(metadata: Mapping[str, Any]) -> list[Region]:
    """Read the regions that a layer's metadata keep; those that cannot be read are left out."""
    found = []
    kept = metadata.get(KEY)
    for value in kept if isinstance(kept, list) else []:
        try:
            found.append(Region.from_json(value))
        except (TypeError, ValueError):
            continue
    return found


def masks(regions: Iterable[Region], shape: Sequence[int]) -> dict[Plane, NDArray[np.bool_]]:
    """Pixels of each plane that lie in a region.

    Parameters
    ----------
    regions : iterable of Region
        They may overlap.
    shape : tuple of int
        Shape of the labels.

    Returns
    -------
    dict of plane to (H, W) bool
        Planes in which at least one pixel lies in a region. Regions of planes that the labels do
        not have are left out.
    """
    found: dict[Plane, NDArray[np.bool_]] = {}
    for region in regions:
        if not _is_inside(region.plane, shape):
            continue
        size = _plane_shape(region.plane, shape)
        box, inside = inside_polygon(region.corners, size)
        if inside.any():
            found.setdefault(region.plane, np.zeros(size, bool))[box] |= inside
    return found


def rectangles(regions: Iterable[Region], shape: Sequence[int]) -> dict[Plane, list[Rectangle]]:
    """Box of every region in pixels, ``(top, left, bottom, right)``, half-open, by plane.

    A region that is a rectangle along the axes is its box.
    """
    found: dict[Plane, list[Rectangle]] = {}
    for region in regions:
        for plane, mask in masks([region], shape).items():
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            box = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
            found.setdefault(plane, []).append(box)
    return found


def _is_inside(plane: Plane, shape: Sequence[int]) -> bool:
    return (
        len(plane) == len(shape)
        and plane.count(None) == 2
        and all(at is None or 0 <= at < n for at, n in zip(plane, shape, strict=True))
    )


def _plane_shape(plane: Plane, shape: Sequence[int]) -> tuple[int, int]:
    height, width = (int(n) for at, n in zip(plane, shape, strict=True) if at is None)
    return height, width
