"""The settings of a prediction: one frozen value for the widget, the API and the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from napari_maskrcnn.device import DEVICES, PRECISIONS

# Candidates down to this score are kept, so that a threshold can be moved without predicting again.
SCORE_FLOOR = 0.05
LINKS = ("z", "t", None)
# Share of an object's smaller section that overlaps the larger one in a neighbouring plane.
OVERLAP = 0.4


@dataclass(frozen=True)
class PredictSettings:
    """What to predict with.

    Parameters
    ----------
    model : str
        Name of a model or its file.
    score : float, optional
        Least score of an object, 0 to 1; None: the model's own.
    diameter : float, optional
        Typical diameter of the objects in pixels; the image is rescaled to the size that the model
        knows. None: the image as it is.
    channels : tuple of int, optional
        One to three channels to look at.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    precision : str
        ``float32``, ``bfloat16``, or ``auto``: bfloat16 where the device is clearly faster with it.
    link : {"z", "t", None}
        What the planes of a stack have to do with each other: slices of 3-D objects, frames of a
        series whose objects keep their number, or nothing.
    overlap : float
        Least overlap of one object in two linked planes, as a share of the smaller section, 0 to 1.
    gap : int
        Most planes in a row that a linked object may be missing from.
    """

    model: str = "nuclei"
    score: float | None = None
    diameter: float | None = None
    channels: tuple[int, ...] | None = None
    device: str = "auto"
    precision: str = "auto"
    link: str | None = None
    overlap: float = OVERLAP
    gap: int = 0

    def problems(self) -> list[str]:
        """What is wrong with these settings, a sentence each; empty when they can be used."""
        found = []
        if not self.model:
            found.append("No model is chosen; choose one, such as nuclei.")
        if self.score is not None and not _lies(self.score, 0, 1):
            found.append(f"score is {self.score!r}; give a number between 0 and 1.")
        if self.diameter is not None and not _lies(self.diameter, 1, 10_000):
            found.append(f"diameter is {self.diameter!r} px; give 1 to 10000, or leave it out.")
        if str(self.device).partition(":")[0] not in DEVICES:
            found.append(f"device is {self.device!r}; choose one of {', '.join(DEVICES)}.")
        if self.precision not in PRECISIONS:
            found.append(f"precision is {self.precision!r}; choose one of {', '.join(PRECISIONS)}.")
        if self.link not in LINKS:
            found.append(f'link is {self.link!r}; choose "z", "t" or None.')
        if not _lies(self.overlap, 0, 1) or self.overlap == 0:
            found.append(f"overlap is {self.overlap!r}; give a share above 0, up to 1.")
        if not _lies(self.gap, 0, 100) or self.gap != int(self.gap):
            found.append(f"gap is {self.gap!r} planes; give a whole number from 0 to 100.")
        return found

    def validate(self) -> None:
        """Raise ValueError with all `problems`."""
        if found := self.problems():
            raise ValueError(" ".join(found))


def channel_numbers(channels: Any) -> tuple[int, ...] | None:
    """Return channels as a tuple; None stays.

    Raises
    ------
    ValueError
        They are no sequence.
    """
    if channels is None:
        return None
    if not isinstance(channels, Iterable):
        raise ValueError(
            f"channels is {channels!r}; give one to three numbers in a list, such as [0]."
        )
    return tuple(channels)


def _lies(value: Any, low: float, high: float) -> bool:
    """Whether a setting is a number in a range, ends included; NaN is not."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    return number and low <= float(value) <= high
