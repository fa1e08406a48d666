"""The parser of all verbs, and running one of them.

Exit status: 0 all done; 1 some inputs failed, or Ctrl+C; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from napari_maskrcnn.cli import demo, evaluate, export, models, predict, train
from napari_maskrcnn.cli.console import (
    PROGRAM,
    USAGE,
    UsageError,
    fail,
    interruptible,
    logged,
)
from napari_maskrcnn.models.card import plugin_version

VERBS = (predict, train, evaluate, export, models, demo)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Find every object of an image with Mask R-CNN, and teach it your own.",
        epilog=f"example:\n  {PROGRAM} predict cells.tif --output labels",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {plugin_version()}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for verb in VERBS:
        verb.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A file name that the console cannot show must not end the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    args = build_parser().parse_args(argv)
    try:
        with logged(args.verbose), interruptible() as stop:
            status: int = args.run(args, stop)
            return status
    except UsageError as error:
        fail(f"{PROGRAM}: error", error)
        return USAGE
    except KeyboardInterrupt:
        return fail(PROGRAM, "interrupted")
