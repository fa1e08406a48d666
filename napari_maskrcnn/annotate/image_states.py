"""How far an image is annotated: predicted, in correction, verified or excluded, plane by plane.

A layer keeps its `States` in its metadata, a project in a file: the plain form of `to_json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

#: Where the metadata of a labels layer keep them. The journal writes what lies there.
KEY = "napari-maskrcnn states"

#: One plane of an image: an int on every axis that is not in the plane, None on the two that are.
Plane = tuple[int | None, ...]


class State(StrEnum):
    """How far an image, or a plane of it, is annotated."""

    NEW = "new"
    PREDICTED = "predicted"
    CORRECTING = "in correction"
    VERIFIED = "verified"
    EXCLUDED = "excluded"


#: What a person says, which no edit changes.
SAID = (State.VERIFIED, State.EXCLUDED)


@dataclass(frozen=True)
class States:
    """State of an image, and of the planes of a stack that differ from it.

    Parameters
    ----------
    image : State
        Of every plane that is not named.
    planes : mapping of plane to State
        One int or None an axis.
    """

    image: State = State.NEW
    planes: Mapping[Plane, State] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, plane: Plane = ()) -> State:
        """State of a plane; of one that is not named, that of the image."""
        return self.planes.get(plane, self.image)

    def with_state(self, state: State, plane: Plane | None = None) -> States:
        """Set the state of a plane, or of the image with all its planes.

        Parameters
        ----------
        state : State
            The new one.
        plane : tuple of int or None, optional
            A plane of a stack. One without an int on any axis is the whole image.
        """
        if plane is None or all(at is None for at in plane):
            return States(state)
        planes = {key: value for key, value in self.planes.items() if key != plane}
        if state != self.image:
            planes[plane] = state
        return replace(self, planes=MappingProxyType(planes))

    def edited(self, plane: Plane | None = None) -> States:
        """State after an edit of a plane: what was new or predicted is in correction now.

        Without a plane it was somewhere in the image: planes that are further stay as they are.
        """
        plane = plane or ()
        if self.of(plane) not in (State.NEW, State.PREDICTED):
            return self
        if any(at is not None for at in plane):
            return self.with_state(State.CORRECTING, plane)
        if State.CORRECTING in self.planes.values():
            return self
        return replace(self, image=State.CORRECTING)

    def summary(self, planes: Iterable[Plane] = ()) -> State:
        """State of the whole, given all its planes.

        Verified or excluded when nothing else is left to do, in correction as soon as a part of it
        is that or was verified, and otherwise the state of most planes.
        """
        found = {self.of(plane) for plane in planes} or {self.image, *self.planes.values()}
        left = found - {State.EXCLUDED} or found
        if len(left) == 1:
            return left.pop()
        return State.CORRECTING if left & {State.CORRECTING, State.VERIFIED} else State.PREDICTED

    def to_json(self) -> dict[str, Any]:
        """Return plain values: ``{"image": "predicted", "planes": {"3,:,:": "verified"}}``."""
        planes = {plane_text(plane): state.value for plane, state in self.planes.items()}
        return {"image": self.image.value, **({"planes": planes} if planes else {})}

    @classmethod
    def from_json(cls, value: Any) -> States:
        """Read what `to_json` made, also after a person edited it.

        Raises
        ------
        ValueError
            Naming the state or the plane that cannot be read.
        """
        if not isinstance(value, Mapping):
            raise ValueError(f"States are a mapping with the key 'image', not {value!r:.60}.")
        planes = value.get("planes", {})
        if not isinstance(planes, Mapping):
            raise ValueError(f"'planes' is a mapping of planes to states, not {planes!r:.60}.")
        image = read_state(value.get("image", State.NEW))
        read = {read_plane(key): read_state(state) for key, state in planes.items()}
        kept = {plane: state for plane, state in read.items() if state != image}
        return cls(image, MappingProxyType(kept))


def read_state(text: Any) -> State:
    """Return the state of a name; case and spaces around it do not matter, and none is new.

    Raises
    ------
    ValueError
        The name is unknown.
    """
    name = str(text).strip().lower()
    try:
        return State(name or State.NEW)
    except ValueError:
        known = ", ".join(state.value for state in State)
        raise ValueError(f"{text!r:.60} is no state; use one of {known}.") from None


def plane_text(plane: Plane) -> str:
    """Return a plane as text, such as ``3,:,:``."""
    return ",".join(":" if at is None else str(at) for at in plane)


def read_plane(text: Any) -> Plane:
    """Return the plane of a text such as ``3,:,:``.

    Raises
    ------
    ValueError
        It is no such text.
    """
    parts = [part.strip() for part in str(text).split(",")]
    if not all(part == ":" or (part.isascii() and part.isdigit()) for part in parts):
        raise ValueError(f"{text!r:.60} is no plane; write numbers and colons, such as '3,:,:'.")
    return tuple(None if part == ":" else int(part) for part in parts)


def states_in(metadata: Mapping[str, Any]) -> States | None:
    """Return the states that a layer's metadata hold; None without any that can be read."""
    try:
        return States.from_json(metadata[KEY]) if KEY in metadata else None
    except ValueError:
        return None


def put_states(metadata: MutableMapping[str, Any], states: States) -> None:
    """Put states into a layer's metadata."""
    metadata[KEY] = states.to_json()
