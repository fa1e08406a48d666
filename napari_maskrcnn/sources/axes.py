"""What the axes of an array mean, one letter each: Y and X a plane, C or S its channels.

T is time and Z depth; any other letter (frames of an unnamed stack, positions, tiles) is a stack as
well. Where nobody says what the axes are, the shape has to tell.
"""

from __future__ import annotations

from collections.abc import Sequence

from napari_maskrcnn.images import MOST_CHANNELS

PLANE = "YX"
#: C are channels, S the samples of a colour.
CHANNELS = "CS"
#: An axis whose meaning is not known.
UNKNOWN = "Q"
_WORDS = {
    "T": ("t", "time", "frame", "timepoint"),
    "Z": ("z", "depth", "slice", "plane"),
    "C": ("c", "ch", "channel"),
    "Y": ("y", "row", "height"),
    "X": ("x", "col", "column", "width"),
}
_STACK_LETTERS = "QPIRAEVHLMNBDFGJKOUW"


def check_axes(axes: str, shape: Sequence[int]) -> str:
    """Return the axes in capitals, or say why they cannot be those of an array.

    Parameters
    ----------
    axes : str
        One letter an axis, such as ``ZCYX``.
    shape : sequence of int
        Of the array.

    Raises
    ------
    ValueError
        They are not one letter for each axis, or have no plane.
    """
    named = str(axes).strip().upper()
    lengths = " × ".join(map(str, shape))
    if len(named) != len(shape) or not (named.isascii() and named.isalpha()):
        raise ValueError(
            f"The axes {axes!r} do not fit: the image has {len(shape)} axes ({lengths}). Name each "
            "with one letter, such as ZCYX: T time, Z depth, C channels, Y rows, X columns."
        )
    if len(set(named)) < len(named):
        raise ValueError(f"The axes {axes!r} name one axis twice; give each a letter of its own.")
    if not set(PLANE) <= set(named):
        raise ValueError(f"The axes {axes!r} have no plane; name its rows Y and its columns X.")
    return named


def guess_axes(shape: Sequence[int]) -> str:
    """Name the axes of an array that says nothing about them.

    A short last axis are channels, colours where there are 3 or 4; three axes else are a stack.

    Raises
    ------
    ValueError
        The shape does not tell.
    """
    shape = tuple(shape)
    short = len(shape) > 2 and shape[-1] <= min(MOST_CHANNELS, *shape[-3:-1])
    if len(shape) == 2:
        return "YX"
    if short and len(shape) in (3, 4):
        return ("" if len(shape) == 3 else UNKNOWN) + "YX" + ("S" if shape[-1] in (3, 4) else "C")
    if len(shape) == 3:
        return f"{UNKNOWN}YX"
    if len(shape) < 2:
        raise ValueError(f"The image has shape {shape}; it needs rows and columns at least.")
    raise ValueError(
        f"The image has {len(shape)} axes ({' × '.join(map(str, shape))}) and does not say what "
        "they are. Name each with one letter, such as TZCYX (--axes on the command line)."
    )


def letter_of(name: object) -> str:
    """Return the letter of an axis that goes by a longer name, such as ``channel`` or ``rows``."""
    word = str(name).strip().lower().rstrip("s")
    for letter, words in _WORDS.items():
        if word in words:
            return letter
    return word[:1] if word[:1].upper() not in _WORDS else UNKNOWN


def unique_axes(letters: Sequence[str]) -> str:
    """Give axes whose letters repeat, as formats have them, letters of their own.

    Without Y and X the last two that are no channels are the plane.
    """
    found: list[str] = []
    for letter in (name.upper() for name in letters):
        free = letter if letter.isalpha() and letter not in found else None
        found.append(free or next(one for one in _STACK_LETTERS if one not in found))
    if not set(PLANE) <= set(found):
        plane = [k for k, letter in enumerate(found) if letter not in CHANNELS][-2:]
        rest = iter(one for one in _STACK_LETTERS if one not in found)
        found = [next(rest) if letter in PLANE else letter for letter in found]
        for k, letter in zip(plane, PLANE, strict=True):
            found[k] = letter
    return "".join(found)


def channel_axis(axes: str) -> int | None:
    """Place of the channels: the colours where there are any, else C; None without."""
    for letter in reversed(CHANNELS):
        if letter in axes:
            return axes.index(letter)
    return None
