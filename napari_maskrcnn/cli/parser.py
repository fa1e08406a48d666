"""The parser: one sub-command a verb, each with an example, none of which imports torch."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_maskrcnn.device import DEVICES, PRECISIONS

Subparsers = Any  # argparse gives the object that adds sub-commands no public type


def add_verb(
    subparsers: Subparsers, name: str, run: Callable[..., int], help: str, example: str
) -> argparse.ArgumentParser:
    """Add a sub-command whose ``--help`` ends with an example; `run` gets (arguments, stop)."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show the program's log and tracebacks"
    )
    parser.set_defaults(run=run)
    return parser


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument(
        "--device", choices=DEVICES, default="auto", help="where to compute (default: auto)"
    )


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add ``--precision``."""
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="type of the arithmetic (default: auto, bfloat16 where that is clearly faster)",
    )


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add ``--overwrite``."""
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument(
        "--json", action="store_true", help="write every result as one line of JSON, for scripts"
    )


def add_axes(parser: argparse.ArgumentParser, of: str) -> None:
    """Add ``--axes`` of what is named."""
    parser.add_argument(
        "--axes",
        metavar="LETTERS",
        help=f"what the axes of {of} are, such as TZCYX, in place of what the file says: T time, "
        "Z depth, C channels, Y rows, X columns",
    )


def add_pixel_size(parser: argparse.ArgumentParser) -> None:
    """Add ``--pixel-size``."""
    parser.add_argument(
        "--pixel-size",
        type=numbers,
        metavar="UM,…",
        help="size of a pixel in micrometres, kept in the files: one number, or one an axis",
    )


def place(text: str) -> Path:
    """Read the name of a file or folder; an empty one would mean the working folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError(
            "must name a file or folder, not nothing; '.' is the working folder"
        )
    return Path(text)


def add_channels(parser: argparse.ArgumentParser) -> None:
    """Add which channels of the images are looked at."""
    parser.add_argument(
        "--channels",
        "--channel",
        type=channels,
        metavar="N,…",
        help="one to three channels to look at, from 0 (default: all three of a colour image, "
        "else the first)",
    )


def numbers(text: str) -> tuple[float, ...]:
    """Read numbers above 0 with commas between them."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 2 and parts[0] == "0" and parts[1].isdecimal():
        # A decimal comma, as much of Europe writes it.
        raise argparse.ArgumentTypeError(
            f"{text} is two numbers, 0 and {parts[1]}; write 0.{parts[1]}"
        )
    return tuple(positive(part) for part in parts)


def channels(text: str) -> tuple[int, ...]:
    """Read channel numbers, from 0, with commas between them."""
    values = tuple(_number(part) for part in text.split(","))
    if any(value < 0 or value != int(value) for value in values) or len(values) > 3:
        raise argparse.ArgumentTypeError(
            f"must be one to three whole numbers from 0 with commas between, not {text!r}"
        )
    return tuple(int(value) for value in values)


def fraction(text: str) -> float:
    """Read a number from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, not {text}")
    return value


def positive(text: str) -> float:
    """Read a number above 0."""
    value = _number(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


def count(text: str) -> int:
    """Read a whole number above 0."""
    value = positive(text)
    if value != int(value):
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text}")
    return int(value)


def whole(text: str) -> int:
    """Read a whole number, 0 or above."""
    value = _number(text)
    if value < 0 or value != int(value):
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or above, not {text}")
    return int(value)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a finite number, not {text}")
    return value
