"""Which crops each step sees: a function of seed and state alone, so that resuming is exact."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_maskrcnn.train.augment import ZOOM_JITTER, Crop, random_crop
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.state import TrainState

# Images without an object are at most this share of what is drawn.
NEGATIVES = 0.2
# Sides of crops are multiples of this, and no less than twice it.
GRAIN = 32


def fitted(settings: TrainSettings, examples: Sequence[Example], zoom: float) -> TrainSettings:
    """Settings whose crops are no larger than the largest image, with as many pixels a step.

    Parameters
    ----------
    settings : TrainSettings
        A crop or a batch that is given stays.
    examples : sequence of Example
    zoom : float
        Network pixels an image pixel.
    """
    side = settings.side
    if settings.crop is None:
        largest = max(max(e.labels.shape) for e in examples) * zoom * math.exp(ZOOM_JITTER)
        side = min(side, max(2 * GRAIN, GRAIN * math.ceil(largest / GRAIN)))
    batch = settings.size
    if settings.batch is None:
        # Crops of more than four images a step only make the steps fewer.
        batch = max(batch, min(4, batch * settings.side**2 // side**2))
    return replace(settings, crop=side, batch=batch)


class Batches:
    """The crops of a training.

    Parameters
    ----------
    examples : sequence of Example
    settings : TrainSettings
    class_names : sequence of str
        Of the network.
    zoom : float
        Network pixels an image pixel.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        settings: TrainSettings,
        class_names: Sequence[str],
        zoom: float,
    ) -> None:
        self.examples, self.settings, self.zoom = list(examples), settings, zoom
        self._share = _shares(examples)
        number = {name: k + 1 for k, name in enumerate(class_names)}
        self._classes = [
            {i: number[c] for i, c in e.classes.items() if c in number} for e in examples
        ]
        area = sum(e.area for e in examples) * zoom**2 / settings.side**2
        crops = max(len(examples), round(area))
        self.steps_per_epoch = max(1, -(-crops // settings.size))

    def size(self, state: TrainState) -> int:
        """Crops of the next step."""
        return state.setbacks.batch or self.settings.size

    def side(self, state: TrainState) -> int:
        """Side of the crops of the next step, network pixels."""
        return state.setbacks.crop or self.settings.side

    def seed(self, state: TrainState) -> int:
        """Seed of the samplers of the next step."""
        return int(np.random.SeedSequence([self.settings.seed, state.step]).generate_state(1)[0])

    def crops(self, state: TrainState) -> tuple[list[Crop], list[int]]:
        """Crops of the next step, and the numbers of their examples."""
        crops, numbers = [], []
        for k in range(self.size(state)):
            rng = np.random.default_rng([self.settings.seed, state.step, k])
            number = int(rng.choice(len(self.examples), p=self._share))
            # From scratch a model learns what nuclei are anywhere; from a base, what they are here.
            wide = self.settings.from_scratch
            example = self.examples[number]
            crops.append(random_crop(example, self.side(state), self.zoom, rng, wide))
            numbers.append(number)
        return crops, numbers

    def classes_of(self, number: int) -> Mapping[int, int]:
        """Class number of each label value of an example."""
        return self._classes[number]


def _shares(examples: Sequence[Example]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How often each image is drawn.

    Grey and colour images are drawn by the square root of how many there are, so that the rarer
    kind is not forgotten (518 nuclei images hold 77 in colour: 15 % of them, 29 % of the draws).
    Images without an object are negatives; many of them must not crowd out the others.
    """
    colour = np.asarray([example.is_colour for example in examples])
    share = np.where(
        colour, 1 / np.sqrt(max(1, colour.sum())), 1 / np.sqrt(max(1, (~colour).sum()))
    )
    empty = np.asarray([not len(example.objects) for example in examples])
    bare, rest = share[empty].sum(), share[~empty].sum()
    if rest and bare > (most := rest * NEGATIVES / (1 - NEGATIVES)):
        share[empty] *= most / bare
    return share / share.sum()
