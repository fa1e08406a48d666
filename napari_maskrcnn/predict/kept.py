"""Kept candidates: everything the network found in a layer, chosen by score and size without it.

A prediction keeps every candidate down to a low score, plane by plane. Choosing among them again
costs milliseconds, so sliders act at once and the network runs once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.choice import Choice, Facts, Painted, paint, table_of
from napari_maskrcnn.predict.link import link_chosen
from napari_maskrcnn.predict.regions import Region, replaced

if TYPE_CHECKING:
    import pandas as pd

    from napari_maskrcnn.predict.settings import PredictSettings

LOWER_SCORES = (0.4, 0.3, 0.2, 0.1, 0.05)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Label images of the planes, numbered through, and one table for all of them.

    `limited`: whether a limit on the number of objects of a plane was hit, so that some may miss.
    """

    labels: Mapping[Any, NDArray[np.int32]]
    table: pd.DataFrame
    limited: bool = False

    def __len__(self) -> int:
        return len(self.table) - 1


@dataclass(frozen=True, eq=False)
class Kept:
    """Every candidate of a prediction.

    Parameters
    ----------
    planes : mapping
        `Instances` down to a score of 0.05, by the key of the plane.
    settings : PredictSettings
        What was asked for.
    model_name, model_hash : str
        The model that predicted, and the SHA-256 of its weights.
    score : float
        Score from which that model counts an object.
    device : str
        What computed, in words.
    partial : mapping
        Of each plane that was not predicted as a whole, the regions that were.
    channel_axis : int, optional
        Axis of the image along which its channels lie, if one does; planes are at 0 of it.
    """

    planes: Mapping[Any, Instances]
    settings: PredictSettings
    model_name: str
    model_hash: str
    score: float
    device: str = ""
    partial: Mapping[Any, tuple[Region, ...]] = field(default_factory=dict)
    channel_axis: int | None = None
    _last: dict[Choice, Chosen] = field(default_factory=dict, init=False, repr=False)
    _lower: dict[Choice, tuple[float, int] | None] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def facts(self) -> dict[Hashable, Facts]:
        """What a choice asks of each candidate, by the key of the plane."""
        return {key: Facts.of(found) for key, found in self.planes.items()}

    @property
    def largest_diameter(self) -> float:
        """Diameter in pixels of the largest candidate; 0 without any."""
        return max((float(f.diameters.max(initial=0)) for f in self.facts.values()), default=0.0)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; class 1 is the first."""
        return next((found.class_names for found in self.planes.values()), ())

    def choose(self, choice: Choice) -> Chosen:
        """Make label images and a table of the candidates that count.

        Ids run on from plane to plane, best score first in each; row ``i`` is label ``i``. Where
        the settings link planes, an object has one id and one row in all of them. The last choice
        is remembered: a thread can make it before the window asks.
        """
        if choice not in self._last:
            self._last.clear()
            self._last[choice] = self._choose(choice)
        return self._last[choice]

    def _choose(self, choice: Choice) -> Chosen:
        labels: dict[Hashable, NDArray[np.int32]] = {}
        painted: list[tuple[Instances, Painted]] = []
        last = 0
        for key, found in self.planes.items():
            plane = paint(found, self.facts[key], choice, first=last)
            labels[key] = plane.labels
            painted.append((found, plane))
            last += len(plane)
        # What a limit dropped below the chosen score is not missing here.
        limited = any(0 < found.complete_above >= choice.score for found in self.planes.values())
        chosen = Chosen(labels, table_of(painted), limited)
        axis = _linked_axis(self.planes, self.settings.link, self.channel_axis)
        return link_chosen(chosen, self.settings, axis)

    def lower_score(self, choice: Choice) -> tuple[float, int] | None:
        """Highest round score below the chosen one that finds objects, and how many.

        The last answer is remembered, as in `choose`.
        """
        if choice not in self._lower:
            self._lower.clear()
            self._lower[choice] = self._lower_score(choice)
        return self._lower[choice]

    def _lower_score(self, choice: Choice) -> tuple[float, int] | None:
        for score in LOWER_SCORES:
            if score < choice.score:
                lower = replace(choice, score=score)
                facts = self.facts
                count = sum(len(paint(f, facts[key], lower)) for key, f in self.planes.items())
                if count:
                    return score, count
        return None

    def updated(self, newer: Kept) -> Kept | None:
        """Return these planes with what is newer in its place: a whole plane, or regions of one.

        None when the two do not belong in one layer: they come from different models or settings
        and the newer one does not replace every plane of this; or from other axes of the image.
        """
        if self.channel_axis != newer.channel_axis:
            return None
        if self.planes.keys() <= newer.planes.keys() - newer.partial.keys():
            return newer
        if self.model_hash != newer.model_hash or _detection(self) != _detection(newer):
            return None
        planes, partial = {**self.planes}, {**self.partial}
        for key, found in newer.planes.items():
            regions = newer.partial.get(key)
            if regions is None or key not in planes:
                planes[key] = found
                partial.pop(key, None)
                if regions is not None:
                    partial[key] = regions
                continue
            planes[key] = replaced(planes[key], found, regions)
            if key in partial:
                partial[key] = (*partial[key], *regions)
        return replace(newer, planes=planes, partial=partial)

    def describe(self, choice: Choice) -> dict[str, Any]:
        """Say in plain values what makes the same labels again: the model and every setting."""
        largest, settings = choice.largest, self.settings
        how = {"link": settings.link, "overlap": settings.overlap, "gap": settings.gap}
        return {
            "model": {"name": self.model_name, "sha256": self.model_hash},
            "settings": {
                "score": choice.score,
                "diameter": settings.diameter,
                "channels": None if settings.channels is None else [*settings.channels],
                **({} if self.channel_axis is None else {"channel_axis": self.channel_axis}),
                "min_size": choice.smallest,
                "max_size": None if np.isinf(largest) else largest,
                "hidden": choice.hidden,
                "border": choice.border,
                **(how if settings.link is not None else {}),
                "device": self.device,
            },
        }


def _detection(kept: Kept) -> PredictSettings:
    """The settings of a prediction without those that can be changed after it: how planes link."""
    return replace(kept.settings, link=None, overlap=1.0, gap=0)


def _linked_axis(keys: Iterable[Hashable], link: str | None, channel: int | None) -> int:
    """Axis that planes follow each other along: of several the first is time, the last depth."""
    key = next(iter(keys), None)
    named = enumerate(key) if isinstance(key, tuple) else ()
    axes = [axis for axis, at in named if at is not None and axis != channel]
    if not axes:
        return 0
    return axes[0] if link == "t" else axes[-1]
