"""Repair by the tools of the *Correct* tab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from benchmarks.session import prompts
from benchmarks.session.lasso import along, groups
from benchmarks.session.state import GOOD, Session
from napari_maskrcnn.annotate import edits
from napari_maskrcnn.annotate.picking import object_under
from napari_maskrcnn.annotate.polygon import objects_inside
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.choice import Choice, Facts, paint
from napari_maskrcnn.predict.prompt import Prompter

SCORES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
#: Places of the size slider, of the objects' median diameter.
SIZES = (0.3, 0.4, 0.5, 0.6)
#: Shape tools that an outline around everything may repair several objects with.
SHAPERS = (edits.grow, edits.shrink, edits.smooth, edits.fill_holes, edits.keep_largest)


@dataclass(frozen=True)
class Policy:
    """What a person reaches for.

    Parameters
    ----------
    covered : bool
        A box around objects under wrong labels, which it replaces.
    missed : int
        Clicks, up to so many guesses, on other objects that are wrong.
    patience : int
        Failures in a row after which either is left.
    """

    covered: bool = False
    missed: int = 0
    patience: int = 2


def slide(session: Session, found: Instances, score: float) -> None:
    """Move the sliders of score and size to where the fewest objects and labels are wrong."""
    facts = Facts.of(found)
    counted = facts.diameters[found.scores >= score]
    usual = float(np.median(counted)) if len(counted) else 0.0
    best, moved = session.errors(), 0
    for place in sorted({score, *SCORES}):
        for size in (0.0, *SIZES):
            labels = paint(found, facts, Choice(place, size * usual)).labels
            drags = (place != score) + (size > 0)
            errors = session.other(labels).errors() + drags
            if errors < best:
                best, moved, chosen = errors, drags, labels
    if moved:
        session.actions["slider"] += moved
        session.labels[:] = chosen


def with_tools(
    session: Session, prompter: Prompter, policy: Policy, rng: np.random.Generator
) -> None:
    """Repair with the tools that a policy allows."""
    merge(session)
    split(session)
    shape(session)
    find(session, prompter, policy, rng)
    delete(session, [i for i in session.extra() if not prompts.is_inside(session, i)])
    draw(session)
    delete(session, session.extra())
    if session.errors():
        delete(session, _in_the_way(session))
        draw(session)


def draw(session: Session) -> None:
    """Draw what is missing, and anew what is wrong."""
    wrong = session.wrong()
    session.actions["key"] += bool(wrong)
    for true in wrong:
        outline = along(session.truth == true)
        with suppress(ValueError):  # other labels have all its pixels, as a person sees
            edit, _ = edits.add_polygon(session.labels, outline, session.next_id())
            session.do("outline", edit)


def delete(session: Session, ids: list[int]) -> None:
    """Delete labels, several in one drag where that can be."""
    session.actions["key"] += bool(ids)
    for group in groups(session.labels, ids, session.extra()):
        kind = "lasso" if len(group) > 1 else "click"
        session.do(kind, edits.delete(session.labels, group))


def _in_the_way(session: Session) -> list[int]:
    """Labels that are right but keep so much of a neighbour that it cannot be drawn."""
    found: set[int] = set()
    for true in session.wrong():
        mask = session.truth == true
        ids, inside = np.unique(session.labels[mask], return_counts=True)
        most = (1 - GOOD) * np.count_nonzero(mask) / 2
        found |= {int(i) for i, n in zip(ids, inside, strict=True) if i and n > most}
    return sorted(found)


def merge(session: Session) -> None:
    """Draw around the pieces of an object, where together they are it."""
    used = 0
    for true in session.wrong():
        ids = objects_inside(session.labels, along(session.truth == true))
        if len(ids) > 1 and set(ids) <= set(session.extra()):
            edit = edits.merge(session.labels, ids)
            if _gain(session, edit) > 1:
                session.do("lasso", edit)
                used += 1
    session.actions["key"] += used > 0


def split(session: Session) -> None:
    """Draw lines between objects that have one label, where the parts are right then."""
    used = 0
    for label in session.extra():
        for lines in _ways(session, label):
            parts = session.copy()
            for line in lines:
                under = object_under(parts.labels, line)
                try:
                    edit = edits.split_line(parts.labels, under, line, parts.next_id())
                except ValueError:
                    break
                edit.apply(parts.labels)
            if session.errors() - parts.errors() > len(lines):
                session.labels[:] = parts.labels
                session.actions["line"] += len(lines)
                used += 1
                break
    session.actions["key"] += used > 0


def shape(session: Session) -> None:
    """Click labels, or draw around several, with a shape tool that makes them fit."""
    for act in SHAPERS:
        extra = session.extra()
        fixed = [label for label in extra if _fits(session, label, act)]
        drags = groups(session.labels, fixed)
        # Each would else be deleted and drawn: what that takes for several is not foreseen here.
        if len(drags) < len(fixed):
            session.do("key")
            for ids in drags:
                session.do("lasso" if len(ids) > 1 else "click", act(session.labels, ids))


def _fits(session: Session, label: int, act: Callable[..., edits.Edit]) -> bool:
    """Whether a shape tool makes a label fit an object."""
    try:
        return _gain(session, act(session.labels, [label])) > 1
    except ValueError:
        return False


def find(session: Session, prompter: Prompter, policy: Policy, rng: np.random.Generator) -> None:
    """Ask the model about objects that are wrong: a box where labels are in the way, or a click."""
    failures = {True: 0, False: 0}
    allowed = {True: policy.covered, False: policy.missed > 0}
    asked = False
    for true in session.wrong():
        if true not in session.wrong():
            continue  # repaired together with another one
        covered = prompts.is_covered(session, true)
        if not allowed[covered] or failures[covered] >= policy.patience:
            continue
        if not asked:
            session.do("key")
            asked = True
        if covered:
            repaired = prompts.box(session, prompter, true, rng)
        else:
            repaired = prompts.click(session, prompter, true, policy.missed)
        failures[covered] = 0 if repaired else failures[covered] + 1


def _gain(session: Session, edit: edits.Edit) -> int:
    """How many errors an edit takes away."""
    after = session.copy()
    edit.apply(after.labels)
    return session.errors() - after.errors()


def _ways(session: Session, label: int) -> Iterator[list[NDArray[np.float64]]]:
    """Lines through a label: between all neighbours in it, then between two at a time."""
    mask = session.labels == label
    ids, inside = np.unique(session.truth[mask], return_counts=True)
    pairs = zip(ids.tolist(), inside.tolist(), strict=True)
    held = [i for i, n in pairs if i and 2 * n > np.count_nonzero(session.truth == i)]
    if len(held) < 2:
        return
    middles = np.array([np.argwhere(mask & (session.truth == i)).mean(0) for i in held])
    ways = minimum_spanning_tree(cdist(middles, middles)).toarray()
    lines = [
        _between(mask, session.truth == held[a], session.truth == held[b])
        for a, b in np.argwhere(ways > 0)
    ]
    yield lines
    if len(lines) > 1:
        yield from ([line] for line in lines)


def _between(
    mask: NDArray[np.bool_], first: NDArray[np.bool_], second: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """A straight line (2, 2) across a label where it parts two objects best."""
    one, two = np.argwhere(mask & first), np.argwhere(mask & second)
    way = two.mean(0) - one.mean(0)
    way /= np.hypot(*way)
    here, there = one @ way, two @ way
    places = np.linspace(min(here.min(), there.min()), max(here.max(), there.max()), 60)
    errors = [(here > place).sum() + (there < place).sum() for place in places]
    across = np.array([-way[1], way[0]])
    along = np.concatenate([one, two]) @ across
    ends = np.array([along.min() - 3, along.max() + 3])
    place = np.median(places[np.flatnonzero(np.array(errors) == min(errors))])
    return np.asarray(place * way + ends[:, None] * across)
