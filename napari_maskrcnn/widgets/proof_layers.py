"""Before and after on a held-out image, beside each other, with the differences in colours.

What was before lies where the image was held out from, if that is still in the viewer; what is
after lies to its right. Both have a copy of the image under them.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.kinds import ADDED, REMOVED, RESHAPED
from napari_maskrcnn.jobs import Job
from napari_maskrcnn.widgets.collector import only_young_collected
from napari_maskrcnn.widgets.kind_colours import COLOURS, darker
from napari_maskrcnn.widgets.layers import PASSING, PlaneIndex, camera_of, show_plane, transforms_of

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels, Layer

    from napari_maskrcnn.models.model import Model
    from napari_maskrcnn.train.comparison import Comparison, Differences
    from napari_maskrcnn.train.dataset import Example

BEFORE, AFTER, IMAGE = "held-out, before", "held-out, after", "held-out image"
KINDS = {"found": COLOURS[ADDED], "missed": COLOURS[REMOVED], "extra": COLOURS[RESHAPED]}
#: Between the two, of the width of one.
GAP = 0.06
OPACITY = 0.75
#: Of the brightness, for what nobody knows the truth of.
UNJUDGED = 0.35


@dataclass(frozen=True, eq=False)
class Place:
    """A labels layer that examples were made of, and a plane of the orientation they have."""

    layer: weakref.ref[Labels]
    plane: PlaneIndex


@dataclass(frozen=True, eq=False)
class Picture:
    """A comparison, and its image as it is shown: (H, W) or (H, W, 3) uint8."""

    comparison: Comparison
    image: NDArray[np.uint8]


def picture_job(
    example: Example,
    before: Callable[[], Model] | None,
    after: Model,
    stop: threading.Event,
) -> Job[Picture | None]:
    """Compare two models on an image; None when it was stopped."""
    from napari_maskrcnn.train.comparison import compare_job

    compared = yield from compare_job(example, before, after, stop)
    return None if compared is None else Picture(compared, shown_image(example))


def shown_image(example: Example) -> NDArray[np.uint8]:
    """Image of an example between its limits, in grey or, of three or four channels, in colour.

    What lies around it and is not judged is dark.
    """
    image = np.asarray(example.image, np.float32)
    if image.ndim == 3:
        image = image[..., :3] if image.shape[2] in (3, 4) else image[..., 0]
    low, high = example.limits
    scaled = np.nan_to_num((image - low) * (255 / ((high - low) or 1)))
    shown = np.clip(scaled, 0, 255)
    if example.ignored is not None:
        shown[example.ignored] *= UNJUDGED
    return np.rint(shown).astype(np.uint8)


def legend(compared: Comparison) -> str:
    """Say what the colours mean, with the counts before and after."""
    words = []
    for kind, colour in KINDS.items():
        sides = [side for side in (compared.before, compared.after) if side is not None]
        counts = " → ".join(str(side.count(kind)) for side in sides)
        # Told in one piece each, wherever the line breaks.
        told = f"{kind} {counts}".replace(" ", "&nbsp;")
        words.append(f'<span style="color:{colour}">■</span>&nbsp;{told}')
    return " &nbsp; ".join(words)


class ProofLayers:
    """Adds the layers of one held-out image at a time, and takes them away again."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layers: list[Layer] = []
        self._camera: tuple[Any, Any] | None = None

    def show(self, picture: Picture, places: dict[str, Place]) -> None:
        """Show a comparison in place of what was shown before.

        Parameters
        ----------
        picture : Picture
        places : dict of str to Place
            By the name of the layer, as it was when the examples were made.
        """
        self._remove()
        compared = picture.comparison
        under, plane, left = self._find(compared.example, places)
        sides = [(AFTER, compared.after, left)]
        if compared.before is not None:
            right = left.copy()
            right[_across(plane)] += compared.after.labels.shape[1] * (1 + GAP)
            sides = [(BEFORE, compared.before, left), (AFTER, compared.after, right)]
        # The image lies under both, so that both look alike and nothing shows through.
        layers: list[Layer] = [_image(picture.image, under, plane, at) for _, _, at in sides]
        layers += [_labels(name, seen, under, plane, at) for name, seen, at in sides]
        self._add(layers)
        if under is not None:
            show_plane(self._viewer, under, plane)
        self._look_at(layers)

    def hide(self) -> None:
        """Take the layers away and look where the person looked before."""
        if not self._layers:
            return
        self._remove()
        camera = camera_of(self._viewer)
        if self._camera is not None:
            camera.center, camera.zoom = self._camera
            self._camera = None

    def _find(
        self, example: Example, places: dict[str, Place]
    ) -> tuple[Labels | None, PlaneIndex, NDArray[np.float64]]:
        """Layer that an example was cut from, its plane there, and where it begins in that."""
        whole, top, left = example.cut_from or (example.name, 0, 0)
        for name, place in places.items():
            layer = place.layer()
            plane = _plane(whole.removeprefix(name), place.plane)
            if layer is not None and layer in self._viewer.layers and plane is not None:
                begin = np.array([0.0 if at is None else at for at in plane])
                rows, columns = (axis for axis, at in enumerate(plane) if at is None)
                begin[rows], begin[columns] = top, left
                return layer, plane, begin
        return None, (None, None), np.zeros(2)

    def _add(self, layers: list[Layer]) -> None:
        """Add layers on top, without choosing any of them: tools stay with theirs."""
        shown = self._viewer.layers
        active = shown.selection.active
        with shown.selection.events.active.blocker():
            for layer in layers:
                shown.append(layer)
            shown.selection.active = active
        self._layers = layers

    def _remove(self) -> None:
        # napari collects garbage at every removal, which takes a quarter of a second.
        with only_young_collected():
            for layer in self._layers:
                if layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
        self._layers = []

    def _look_at(self, layers: list[Layer]) -> None:
        """Bring layers into sight."""
        viewer = self._viewer
        camera = camera_of(viewer)
        if self._camera is None:
            self._camera = (tuple(camera.center), camera.zoom)
        # Layers have their axes aligned at the last one.
        axes = [axis - viewer.dims.ndim for axis in viewer.dims.displayed]
        ends = np.concatenate([layer.extent.world[:, axes] for layer in layers])
        ours = np.ptp(ends, axis=0)
        whole = np.ptp(np.asarray(viewer.layers.extent.world)[:, axes], axis=0)
        viewer.reset_view()
        camera.center = (0.0, *((ends.min(axis=0) + ends.max(axis=0)) / 2))[-3:]
        # What fits all layers, times how much smaller these are, fits these.
        camera.zoom *= float(np.min(whole / np.maximum(ours, 1e-9)))


def colours_of(kinds: dict[int, str]) -> dict[int | None, str]:
    """Colour of every object by its kind, darker for odd ids."""
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    dark = {kind: darker(colour) for kind, colour in KINDS.items()}
    return colours | {i: (dark if i % 2 else KINDS)[kind] for i, kind in kinds.items()}


def _image(
    data: NDArray[np.uint8], under: Labels | None, plane: PlaneIndex, offset: NDArray[np.float64]
) -> Image:
    from napari.layers import Image

    look = {} if data.ndim == 3 else {"contrast_limits": (0, 255), "colormap": "gray"}
    placed = _placed(under, offset)
    return Image(
        _spread(data, plane), name=IMAGE, rgb=data.ndim == 3, **look, **placed, **_marked()
    )


def _labels(
    name: str,
    seen: Differences,
    under: Labels | None,
    plane: PlaneIndex,
    offset: NDArray[np.float64],
) -> Labels:
    from napari.layers import Labels
    from napari.utils import DirectLabelColormap

    layer = Labels(
        _spread(seen.labels, plane),
        name=name,
        opacity=OPACITY,
        colormap=DirectLabelColormap(color_dict=colours_of(seen.kinds)),
        features={"index": [0, *seen.kinds], "object": ["", *seen.kinds.values()]},
        **_placed(under, offset),
        **_marked(),
    )
    layer.editable = False
    return layer


def _marked() -> dict[str, Any]:
    """Nobody's labels: no list offers them and no journal keeps them."""
    return {"metadata": {PASSING: True}}


def _plane(rest: str, orientation: PlaneIndex) -> PlaneIndex | None:
    """Plane that the rest of an example's name, after its layer's, stands for."""
    if not rest:
        return orientation if all(at is None for at in orientation) else None
    told, _, numbers = rest.partition(", plane ")
    try:
        at = iter([int(number) for number in numbers.split(", ")])
        plane = tuple(None if i is None else next(at) for i in orientation)
    except (ValueError, StopIteration):
        return None
    return plane if not told and next(at, None) is None else None


def _across(plane: PlaneIndex) -> int:
    """Axis of the columns."""
    return max(axis for axis, at in enumerate(plane) if at is None)


def _spread(data: NDArray[Any], plane: PlaneIndex) -> NDArray[Any]:
    """An array of a plane, (H, W) or (H, W, C), among all axes of its stack."""
    return np.expand_dims(data, [axis for axis, at in enumerate(plane) if at is not None])


def _placed(under: Labels | None, offset: NDArray[np.float64]) -> dict[str, Any]:
    """Keyword arguments that put a layer over another one, from a pixel of that on."""
    from napari.utils.transforms import Affine

    if under is None:
        return {"translate": offset}
    placed = transforms_of(under)
    parts = {name: placed[name] for name in ("rotate", "shear", "scale")}
    matrix = Affine(**parts, ndim=under.ndim).linear_matrix
    return placed | {"translate": np.asarray(placed["translate"]) + matrix @ offset}
