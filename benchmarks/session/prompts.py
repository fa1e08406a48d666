"""What a person does with *Find*, and with what it answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.prompts import jittered
from benchmarks.session.state import Labels, Session
from napari_maskrcnn.annotate.put import COVERED, put
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.prompt import Prompter


def is_covered(session: Session, true: int) -> bool:
    """Whether wrong labels lie mostly inside an object, so that a box would replace them."""
    mask, extra = session.truth == true, set(session.extra())
    ids, inside = np.unique(session.labels[mask], return_counts=True)
    return any(
        int(i) in extra and n >= COVERED * np.count_nonzero(session.labels == i)
        for i, n in zip(ids, inside, strict=True)
    )


def is_inside(session: Session, label: int) -> bool:
    """Whether a label lies mostly inside an object that is wrong, which replaces it when drawn."""
    mask = session.labels == label
    ids, inside = np.unique(session.truth[mask], return_counts=True)
    at = int(inside.argmax())
    return int(ids[at]) in session.wrong() and inside[at] >= COVERED * np.count_nonzero(mask)


def box(session: Session, prompter: Prompter, true: int, rng: np.random.Generator) -> bool:
    """Draw a box around an object, and return whether that repaired it.

    What made it worse is undone.
    """
    around = Instances.from_labels((session.truth == true).astype(np.int32)).boxes[0]
    before, errors = session.labels.copy(), session.errors()
    session.do("box")
    try:
        _put(session, prompter.box(jittered(around, rng)), 0, 0)
    except ValueError:
        return False  # nothing was changed, so nothing is to be undone
    return _judge(session, true, before, errors, 1)


def click(session: Session, prompter: Prompter, true: int, guesses: int) -> bool:
    """Click an object, again for the next guess, and return whether one of them repaired it."""
    before, errors = session.labels.copy(), session.errors()
    y, x = _middle(session.truth == true)
    here = int(session.labels[y, x])
    taken = (session.labels != 0) & (session.labels != here)
    session.do("click")
    found, written = prompter.click(y + 0.5, x + 0.5, taken), 0
    for at in range(len(found)):
        try:
            here = _put(session, found, at, here)
        except ValueError:
            continue
        written += 1
        if true not in session.wrong() and session.errors() < errors:
            return True
        if written == guesses or at + 1 == len(found) or session.labels[y, x] != here:
            break
        session.do("click")
    return _judge(session, true, before, errors, written)


def _judge(session: Session, true: int, before: Labels, errors: int, steps: int) -> bool:
    """Whether an object is repaired; if that cost others, or left more to do, it is undone."""
    now = session.errors()
    if true not in session.wrong() and now < errors:
        return True
    if now > errors:
        session.actions["key"] += steps  # Ctrl+Z
        session.labels[:] = before
    return False


def _put(session: Session, found: Instances, at: int, here: int) -> int:
    crop, origin = found.crops[at], found.origins[at].tolist()
    edit, label = put(session.labels, crop, origin, session.next_id(), instead=here)
    edit.apply(session.labels)
    return label


def _middle(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """The pixel of an object that is nearest to its centre."""
    pixels = np.argwhere(mask)
    y, x = pixels[np.hypot(*(pixels - pixels.mean(0)).T).argmin()].tolist()
    return y, x
