"""The settings of a training: one frozen value for the widget, the API and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from napari_maskrcnn.models.card import FROM_SCRATCH as FROM_SCRATCH
from napari_maskrcnn.network.config import LAYERS, Layers

DEFAULT_MINUTES = 5.0
# Nine tenths of the way that 360 steps go; `python -m benchmarks.fine_tune --scan` tries others.
REACH = 0.030
# A crop should show as much around an object as an image does; one seed learnt more from crops of
# 512 px than from four of 256 px. From scratch the norms learn too, from several images.
CROP, CROP_FROM_SCRATCH = 512, 256
BATCH_FROM_SCRATCH = 4


@dataclass(frozen=True)
class TrainSettings:
    """How to train; the defaults are those of fine-tuning.

    Parameters
    ----------
    base : str
        Model to start from, by name or file; ``"none"``: random weights.
    epochs : int, optional
        Budget in passes over the images. On the CPU, a repeated or resumed run of the same seed is
        the same.
    minutes : float, optional
        Budget in minutes of training instead; 5 when neither is given.
    learning_rate : float, optional
        Peak step size of AdamW; None: 2e-4 from a base, 1e-3 from scratch.
    batch : int, optional
        Crops a step; None: 1 from a base, 4 from scratch.
    crop : int, optional
        Side of a crop in network pixels, a multiple of 32; None: 512 from a base, or more and
        smaller ones where all images are smaller (`train.batches.fitted`), 256 from scratch.
    layers : {"all", "3+", "4+", "5+", "heads", "rpn"}
        Which weights learn: all but the trunk ("heads"), these and the trunk's stages from C5, C4
        or C3 on ("5+", "4+", "3+"), or the region proposals alone ("rpn").
    reach : float, optional
        How far from the base's weights the returned ones may lie, as a share of their length, so
        that little is forgotten; None: as far as they were learnt. Not used from scratch.
    diameter : float, optional
        Typical diameter of the objects in image pixels, if it is not what the base expects.
    class_name : str
        Name of the one class where the labels name none, from scratch or from a base of several.
    seed : int
        Seeds the weights of a training from scratch, the crops and the samplers.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    """

    base: str = "nuclei"
    epochs: int | None = None
    minutes: float | None = None
    learning_rate: float | None = None
    batch: int | None = None
    crop: int | None = None
    layers: Layers = "all"
    reach: float | None = REACH
    diameter: float | None = None
    class_name: str = "object"
    seed: int = 0
    device: str = "auto"

    def problems(self) -> list[str]:
        """What is wrong with these settings, a sentence each; empty when they can be used."""
        found = []
        if self.epochs is not None and self.minutes is not None:
            found.append("Both epochs and minutes are given; give one of them.")
        if self.epochs is not None and self.epochs < 1:
            found.append(f"epochs is {self.epochs}; give at least 1.")
        if self.minutes is not None and not 0 < self.minutes <= 100_000:
            found.append(f"minutes is {self.minutes}; give more than 0.")
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            found.append(f"learning_rate is {self.learning_rate}; it lies between 0 and 1.")
        if self.batch is not None and self.batch < 1:
            found.append(f"batch is {self.batch}; give at least 1.")
        if self.crop is not None and (self.crop < 64 or self.crop % 32):
            found.append(f"crop is {self.crop}; give a multiple of 32 from 64.")
        if self.layers not in LAYERS:
            found.append(f"layers is {self.layers!r}; choose one of {', '.join(LAYERS)}.")
        elif self.from_scratch and self.layers != "all":
            found.append(
                f'layers is {self.layers!r}; from scratch all must learn, so choose "all".'
            )
        if self.reach is not None and not self.reach > 0:
            found.append(f"reach is {self.reach}; give more than 0, or None for no limit.")
        if not 0 <= self.seed < 2**63:
            found.append(f"seed is {self.seed}; give 0 or more, below 2**63.")
        if self.diameter is not None and not 1 <= self.diameter <= 10_000:
            found.append(f"diameter is {self.diameter} px; give 1 to 10000, or leave it out.")
        return found

    def validate(self) -> None:
        """Raise ValueError with all `problems`."""
        if found := self.problems():
            raise ValueError(" ".join(found))

    @property
    def from_scratch(self) -> bool:
        """Whether training starts from random weights."""
        return self.base == FROM_SCRATCH

    @property
    def side(self) -> int:
        """Side of a crop, network pixels."""
        if self.crop is not None:
            return self.crop
        return CROP_FROM_SCRATCH if self.from_scratch else CROP

    @property
    def size(self) -> int:
        """Crops a step."""
        if self.batch is not None:
            return self.batch
        return BATCH_FROM_SCRATCH if self.from_scratch else 1

    @property
    def rate(self) -> float:
        """Peak learning rate."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 1e-3 if self.from_scratch else 2e-4

    @property
    def seconds(self) -> float | None:
        """Budget in seconds; None when it counts epochs."""
        if self.epochs is not None:
            return None
        return 60 * (self.minutes if self.minutes is not None else DEFAULT_MINUTES)
