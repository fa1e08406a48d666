"""The network as a helper: what is in a box that a person drew, what lies where they clicked.

The features of a tile around the place are made once, which takes about as long as predicting it;
then every question is answered by the heads alone, in some milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.regions import Region

if TYPE_CHECKING:
    from napari_maskrcnn.models.model import Model
    from napari_maskrcnn.network.prompts import Prompts
    from napari_maskrcnn.network.roi_heads import Detections

# Probability from which a pixel of a drawn box is the object's, chosen on training images: the
# heads learned from boxes of their own, which are a little larger than what people draw.
BOX_THRESHOLD = 0.4
CLICK_THRESHOLD = 0.5
# Candidates for a click that share more than this are one.
SAME_MASK = 0.8
# Of a candidate, the share that other objects may hide.
MOST_HIDDEN = 0.5
# Shortest side of a box that can have been meant, pixels.
SMALLEST_BOX = 2.0
# What the network sees around a drawn box, in sides of the box.
AROUND = 0.25
# Pixels by which a tile of a resampled image may seem to end too early.
_ROUNDING = 0.01


@dataclass(frozen=True, eq=False)
class Prompter:
    """Answers questions about one tile of an image.

    Parameters
    ----------
    model : Model
    prompts : Prompts
        What the network knows of the tile.
    zoom : (float, float)
        Network pixels a pixel of the image, along y and x.
    tile : (top, left, bottom, right)
        Image pixels, half-open; no whole numbers where the image is looked at otherwise sampled.
    shape : (int, int)
        Height and width of the image.
    """

    model: Model
    prompts: Prompts
    zoom: tuple[float, float]
    tile: tuple[float, float, float, float]
    shape: tuple[int, int]

    def covers(self, place: Region) -> bool:
        """Whether the tile holds a place of the image, with what the network sees around it."""
        needed = with_surroundings(place, self.shape)
        return _inside(needed, self.tile)

    def box(self, box: Any) -> Instances:
        """Find what fills a drawn box.

        Parameters
        ----------
        box : (4,) float
            ``x1 y1 x2 y2`` in image pixels, as in `Instances`; half-open.

        Returns
        -------
        Instances
            One object: its score is the certainty that there is one, its class the likeliest.

        Raises
        ------
        ValueError
            The box is not one, or the network sees no object in it.
        """
        corners = _checked(box, self.shape)
        found = self.prompts.box(self._to_network(corners))
        one = self._placed(found, BOX_THRESHOLD)
        if not len(one):
            raise ValueError(
                "The model sees no object in this box. Draw the outline instead, with Add."
            )
        return one

    def click(self, y: float, x: float, taken: NDArray[np.bool_] | None = None) -> Instances:
        """Find what may lie under a click.

        Parameters
        ----------
        y, x : float
            Image pixels; pixel (0, 0) reaches from 0 to 1.
        taken : (H, W) bool, optional
            Pixels of other objects; candidates that mostly lie under these are left out.

        Returns
        -------
        Instances
            The likeliest first; perhaps none. All hold the point, and no two are the same.
        """
        point = self._to_network(np.array([x, y, x, y], np.float64))
        every = self._placed(self.prompts.click(float(point[0]), float(point[1])), CLICK_THRESHOLD)
        kept: list[int] = []
        for i in range(len(every)):
            good = _holds(every, i, y, x) and _free(every, i, taken) >= 1 - MOST_HIDDEN
            if good and all(_iou(every, i, k) < SAME_MASK for k in kept):
                kept.append(i)
        return every[kept]

    def _to_network(self, boxes: NDArray[np.float64]) -> Any:
        import torch

        top, left = self.tile[:2]
        zoom_y, zoom_x = self.zoom
        moved = (boxes - [left, top, left, top]) * [zoom_x, zoom_y, zoom_x, zoom_y]
        return torch.from_numpy(moved.astype(np.float32)).to(self.model.device)

    def _placed(self, found: Detections, threshold: float) -> Instances:
        """Put what was found into the image: its largest piece; what has no pixel is left out."""
        from napari_maskrcnn.network.paste import RULES, paste
        from napari_maskrcnn.network.prepare import to_image

        top, left = self.tile[:2]
        boxes = to_image(found.boxes.cpu(), self.zoom).numpy()
        boxes = boxes + np.array([left, top, left, top], np.float32)
        rule = RULES[self.model.network.config.paste]
        drawn = found.masks.cpu().numpy()
        crops, origins = paste(drawn, boxes, self.shape, rule, threshold)
        full = Instances(
            boxes,
            found.scores.cpu().numpy(),
            found.classes.cpu().numpy(),
            self.model.class_names,
            self.shape,
            tuple(_largest_piece(crop) for crop in crops),
            origins,
        )
        return full[np.array([bool(crop.any()) for crop in crops], bool)]


def with_surroundings(place: Region, shape: tuple[int, int]) -> Region:
    """Return a place and what the network needs to see around it, inside the image."""
    top, left, bottom, right = place
    down, across = int(AROUND * (bottom - top)) + 1, int(AROUND * (right - left)) + 1
    return (
        max(0, top - down),
        max(0, left - across),
        min(shape[0], bottom + down),
        min(shape[1], right + across),
    )


def _inside(place: Region, tile: tuple[float, float, float, float]) -> bool:
    low = all(tile[k] - _ROUNDING <= place[k] for k in (0, 1))
    return low and all(place[k] <= tile[k] + _ROUNDING for k in (2, 3))


def _checked(box: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    corners = np.asarray(box, np.float64)
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise ValueError(f"A box is four numbers, x1 y1 x2 y2; got {box!r}.")
    height, width = shape
    corners = np.clip(corners, 0, [width, height, width, height])
    if min(corners[2:] - corners[:2]) < SMALLEST_BOX:
        raise ValueError(
            f"The box has less than {SMALLEST_BOX:.0f} px of the image on a side. Draw it around a "
            "whole object, from corner to corner."
        )
    return corners


def _largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    return np.asarray(pieces == largest)


def _slices(found: Instances, i: int) -> tuple[slice, slice]:
    (y, x), (height, width) = found.origins[i], found.crops[i].shape
    return slice(int(y), int(y) + height), slice(int(x), int(x) + width)


def _holds(found: Instances, i: int, y: float, x: float) -> bool:
    row, column = int(y) - int(found.origins[i][0]), int(x) - int(found.origins[i][1])
    crop = found.crops[i]
    inside = 0 <= row < crop.shape[0] and 0 <= column < crop.shape[1]
    return inside and bool(crop[row, column])


def _free(found: Instances, i: int, taken: NDArray[np.bool_] | None) -> float:
    """Share of a candidate's pixels that no other object has."""
    crop = found.crops[i]
    if taken is None:
        return 1.0
    return float((crop & ~taken[_slices(found, i)]).sum() / crop.sum())


def _iou(found: Instances, i: int, k: int) -> float:
    first, second = _slices(found, i), _slices(found, k)
    start = [max(a.start, b.start) for a, b in zip(first, second, strict=True)]
    stop = [min(a.stop, b.stop) for a, b in zip(first, second, strict=True)]
    if start[0] >= stop[0] or start[1] >= stop[1]:
        return 0.0
    parts = [
        found.crops[n][
            start[0] - cut[0].start : stop[0] - cut[0].start,
            start[1] - cut[1].start : stop[1] - cut[1].start,
        ]
        for n, cut in ((i, first), (k, second))
    ]
    shared = int((parts[0] & parts[1]).sum())
    return shared / (int(found.crops[i].sum()) + int(found.crops[k].sum()) - shared)
