"""``demo``: the whole loop on drawn images."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from napari_maskrcnn.cli.console import DONE, PROGRAM, say, to_json
from napari_maskrcnn.cli.parser import Subparsers, add_json, add_verb


def add_parser(subparsers: Subparsers) -> None:
    """Add the verb."""
    parser = add_verb(
        subparsers,
        "demo",
        run,
        "predict, correct, fine-tune, predict again and export, on drawn images",
        f"{PROGRAM} demo --output demo --no-window",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("napari-maskrcnn-demo"),
        metavar="DIR",
        help="folder for what it makes (default: napari-maskrcnn-demo)",
    )
    parser.add_argument(
        "--no-window",
        dest="window",
        action="store_false",
        help="do not open napari on the result",
    )
    add_json(parser)


def run(args: argparse.Namespace, stop: threading.Event) -> int:
    """Run the demonstration."""
    from napari_maskrcnn.demo import main

    if threading.current_thread() is threading.main_thread():
        # There is nothing half finished to keep, so Ctrl+C ends it as it ends napari.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not args.json:
        main(args.output, args.window, say)
        return DONE
    done = main(args.output, args.window, lambda line: None)
    say(to_json({"files": done.files, "ap_before": done.ap_before, "ap_after": done.ap_after}))
    return DONE
