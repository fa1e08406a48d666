"""How ``train`` learns, as options: the budget, the crops, the layers, the guard."""

from __future__ import annotations

import argparse

from napari_maskrcnn.cli.parser import count, positive
from napari_maskrcnn.network.config import LAYERS


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Add how long to train."""
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--epochs", type=count, metavar="N", help="passes over the images")
    budget.add_argument(
        "--minutes", type=positive, metavar="M", help="minutes of training instead (default: 5)"
    )


def add_learning(parser: argparse.ArgumentParser) -> None:
    """Add what learns, from what, and how far it may go."""
    parser.add_argument(
        "--layers",
        choices=LAYERS,
        default="all",
        help="what learns: all; heads: all but the trunk; 5+, 4+, 3+: these and the trunk's stages "
        "from C5, C4 or C3 on; rpn: the region proposals alone (default: all)",
    )
    parser.add_argument(
        "--crop",
        type=count,
        metavar="N",
        help="side of the crops that are learnt from, in network pixels, a multiple of 32 "
        "(default: 512, or as large as the images; from scratch 256)",
    )
    parser.add_argument(
        "--no-guard",
        action="store_true",
        help="write all that was learnt, however far it leads away from the base: best on images "
        "like these, and forgets others",
    )
    parser.add_argument(
        "--class-name",
        default="object",
        metavar="NAME",
        help="name of the class where the labels name none, from scratch or from a base of several "
        "classes (default: object)",
    )
