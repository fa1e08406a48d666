"""What went wrong in a training so far, and how it goes on since: a part of its state."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Setbacks:
    """How a training goes on otherwise than it was begun.

    Parameters
    ----------
    rate : float
        Factor of the learning rate.
    batch, crop : int, optional
        Crops a step and their side in network pixels, where memory did not suffice for those of
        the settings.
    notes : dict of str to str
        What to tell a person, by its kind ("rate", "memory", "disk" or "early"): of each the last.
    """

    rate: float = 1.0
    batch: int | None = None
    crop: int | None = None
    notes: dict[str, str] = field(default_factory=dict)
