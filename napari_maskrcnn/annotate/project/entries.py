"""The images of a project, a row each: what is known of them, and which comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from napari_maskrcnn.annotate.image_states import SAID, State

Role = Literal["train", "validation"]
ROLES: tuple[Role, ...] = get_args(Role)
#: What some system does not allow in the name of a file.
FORBIDDEN = set('<>:"/\\|?*')


@dataclass(frozen=True)
class Entry:
    """An image of a project.

    Parameters
    ----------
    name : str
        By which the files of its labels are called; no two differ in case only.
    image : str
        Its file: a path from the project's folder, with ``/`` on every system, or a whole path.
    state : State
        Of the image as a whole.
    role : {"train", "validation"}
        What its labels are for.
    objects : int, optional
        Objects of its labels, or else of its prediction.
    certainty : float, optional
        A tenth of the predicted objects have a lower score; none at all is 0.
    model : str
        What predicted it.
    seconds : float
        How long a person worked on it.
    original : str
        Whole path of the file when it was added, if it lies outside of the project.
    more : mapping
        Columns of the table that are not ours.
    """

    name: str
    image: str
    state: State = State.NEW
    role: Role = "train"
    objects: int | None = None
    certainty: float | None = None
    model: str = ""
    seconds: float = 0.0
    original: str = ""
    more: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def open(self) -> bool:
        """Whether nobody said yet that it is verified, or excluded."""
        return self.state not in SAID


def next_open(entries: Sequence[Entry], after: str = "") -> Entry | None:
    """Return the image to look at next; None when all are verified or excluded.

    Parameters
    ----------
    entries : sequence of Entry
        In the order in which a person goes through them.
    after : str
        The image that is shown now: what is behind it comes first, then what is before it.
    """
    names = [entry.name for entry in entries]
    place = names.index(after) + 1 if after in names else 0
    around = (*entries[place:], *entries[:place])
    return next((entry for entry in around if entry.open and entry.name != after), None)


def counts(entries: Iterable[Entry]) -> dict[State, int]:
    """Number of images in each state that occurs."""
    found = Counter(entry.state for entry in entries)
    return {state: found[state] for state in State if found[state]}


def free_name(stem: str, taken: Container[str]) -> str:
    """Return a name for an image that no other has, on systems that ignore case either.

    Parameters
    ----------
    stem : str
        What it is to be called.
    taken : container of str
        The names of others, casefolded.
    """
    clean = "".join("-" if c in FORBIDDEN or ord(c) < 32 else c for c in stem).strip(" .")
    clean = clean[:100] or "image"
    name, number = clean, 2
    while name.casefold() in taken:
        name, number = f"{clean}-{number}", number + 1
    return name


def name_problem(name: str) -> str:
    """Say why an image cannot have a name; empty when it can."""
    if not name or name != name.strip(" .") or len(name) > 120:
        return "a name has 1 to 120 letters, and no dot or space at an end"
    wrong = sorted(c for c in set(name) if c in FORBIDDEN or ord(c) < 32)
    return f"a name of a file cannot hold {' '.join(map(repr, wrong))}" if wrong else ""
