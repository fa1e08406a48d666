"""What a person says is correct in labels, what can be said of them, and what goes without saying.

Labels that somebody only began to correct are right in some places. Taking them as a whole would
teach the model its own mistakes, so nothing is assumed where less than half was looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Answer(StrEnum):
    """What of the labels of an image is correct; the values stand in the cards of models."""

    WHOLE = "whole image"
    VERIFIED = "verified planes"
    REGIONS = "finished regions"
    CORRECTIONS = "around my corrections"


@dataclass(frozen=True)
class Findings:
    """What labels hold, and how much of it somebody looked at.

    Parameters
    ----------
    objects : int, optional
        Objects that are there; None when they were not counted.
    touched : int
        Objects that were corrected or accepted since the prediction; removed ones count.
    removed : int
        Of them, those that are gone.
    predicted, partly : bool
        Whether the labels were predicted, and whether only in parts of the image.
    planes, verified, finished : int
        Planes, those that were said to be right, and those with a finished region.
    classes : mapping of Answer to mapping of str to int
        What each answer gives to learn from: objects of each class; ``""``: without one.
    """

    objects: int | None = None
    touched: int = 0
    removed: int = 0
    predicted: bool = False
    partly: bool = False
    planes: int = 1
    verified: int = 0
    finished: int = 0
    classes: Mapping[Answer, Mapping[str, int]] = field(default_factory=dict)

    @property
    def is_stack(self) -> bool:
        """Whether there are several planes."""
        return self.planes > 1

    @property
    def all_objects(self) -> int:
        """Objects that are there, and those that somebody removed."""
        return (self.objects or 0) + self.removed


def offered(found: Findings) -> list[Answer]:
    """Answers that can be given, in the order in which a list shows them."""
    possible = {
        Answer.WHOLE: True,
        Answer.VERIFIED: found.is_stack and found.verified > 0,
        Answer.REGIONS: found.finished > 0,
        Answer.CORRECTIONS: found.touched > 0,
    }
    return [answer for answer, can in possible.items() if can]


def default(found: Findings) -> Answer | None:
    """Answer that goes without saying; None where a person has to give one."""
    if found.verified:
        return Answer.VERIFIED if found.is_stack else Answer.WHOLE
    if found.finished:
        return Answer.REGIONS
    looked_at = found.touched > 0 and 2 * found.touched >= found.all_objects
    if not found.predicted or (looked_at and not found.partly):
        return Answer.WHOLE
    return None


def unsure(name: str, found: Findings) -> str:
    """Say why somebody has to say what is correct in labels."""
    if not found.touched:
        return f"Nothing in “{name}” was corrected or accepted yet."
    return (
        f"Of the {found.all_objects} objects of “{name}”, {found.touched} "
        f"{'was' if found.touched == 1 else 'were'} corrected or accepted."
    )


def not_said(name: str, found: Findings) -> str:
    """Message for labels of which nobody said what is correct."""
    return f"{unsure(name, found)} Say what is correct there: below its name, in Learn from."
