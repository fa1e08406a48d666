"""Repair by painting and erasing."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from benchmarks.session.lasso import groups
from benchmarks.session.state import GOOD, Session


def with_brush(session: Session) -> None:
    """Repair with napari's brush and eraser alone."""
    wrong = session.wrong()
    erased = [true for true in wrong if _too_large(session, true)]
    painted = [true for true in wrong if true not in erased]
    if painted:
        session.do("key")  # the brush
    for true in painted:
        if session.best(true)[1] < GOOD:
            session.do("key")  # a new number
            session.do("stroke")
            session.labels[session.truth == true] = session.next_id()
    extra = session.extra()
    sized = [session.best(true) for true in erased]
    sized = [(label, share) for label, share in sized if share < GOOD]
    extra = [label for label in extra if label not in {label for label, _ in sized}]
    if sized or extra:
        session.do("key")  # the eraser
    for label, _ in sized:
        over = (session.labels == label) & (session.truth == 0)
        session.actions["stroke"] += ndimage.label(over)[1]
        session.labels[over] = 0
    _erase(session, extra)


def _erase(session: Session, extra: list[int]) -> None:
    """Erase labels piece by piece, several in one drag where an outline could be drawn around."""
    pieces = np.where(np.isin(session.labels, extra), 0, session.labels)
    first = number = int(session.labels.max(initial=0))
    for label in extra:
        parts, count = ndimage.label(session.labels == label)
        pieces[parts > 0] = parts[parts > 0] + number
        number += count
    session.actions["stroke"] += len(groups(pieces, range(first + 1, number + 1)))
    session.labels[np.isin(session.labels, extra)] = 0


def _too_large(session: Session, true: int) -> bool:
    """Whether erasing background alone makes a label fit an object."""
    label, _ = session.best(true)
    if not label:
        return False
    kept, mask = (session.labels == label) & (session.truth > 0), session.truth == true
    return float((kept & mask).sum() / (kept | mask).sum()) >= GOOD
