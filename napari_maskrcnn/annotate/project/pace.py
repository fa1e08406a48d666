"""How fast a person works: time at the images, without the pauses, and objects an hour."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Seconds without a movement that still count as work: one looks before one clicks.
LONGEST_LOOK = 30.0


@dataclass
class Pace:
    """Time at work since the project was opened.

    Attributes
    ----------
    seconds : float
        At all images that were finished.
    objects, images : int
        Finished: verified.
    """

    seconds: float = 0.0
    objects: int = 0
    images: int = 0
    _here: float = field(default=0.0, repr=False)
    _last: float | None = field(default=None, repr=False)

    def moved(self, now: float) -> None:
        """Note that the person did something.

        Parameters
        ----------
        now : float
            Seconds on a clock that never goes back.
        """
        if self._last is not None:
            self._here += min(max(now - self._last, 0.0), LONGEST_LOOK)
        self._last = now

    def leave(self, now: float) -> float:
        """End the time at an image and return its seconds; that at the next begins."""
        self.moved(now)
        spent, self._here = self._here, 0.0
        return spent

    def verified(self, objects: int, seconds: float) -> None:
        """Count a verified image, or plane."""
        self.images += 1
        self.objects += objects
        self.seconds += seconds

    @property
    def objects_per_hour(self) -> int | None:
        """Objects an hour; None before the first image."""
        return round(3600 * self.objects / self.seconds) if self.seconds >= 1 else None
