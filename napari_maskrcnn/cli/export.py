"""``export``: a label file to the format that the next program reads."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from napari_maskrcnn.cli.console import DONE, PROGRAM, UsageError, fail, say_result
from napari_maskrcnn.cli.inputs import LABELS_ENDING
from napari_maskrcnn.cli.parser import Subparsers, add_json, add_overwrite, add_verb

if TYPE_CHECKING:
    import pandas as pd


def add_parser(subparsers: Subparsers) -> None:
    """Add the verb."""
    parser = add_verb(
        subparsers,
        "export",
        run,
        "write labels in another format",
        f"{PROGRAM} export labels/cells_labels.tif --output cells.csv --image cells.tif",
    )
    parser.add_argument("labels", type=Path, metavar="LABELS", help="label image (integers)")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="its suffix says the format"
    )
    parser.add_argument(
        "--image", type=Path, metavar="FILE", help="the image, for intensities in a table"
    )
    parser.add_argument("--format", metavar="NAME", help="the format, whatever the suffix")
    add_overwrite(parser)
    add_json(parser)


def run(args: argparse.Namespace, stop: threading.Event) -> int:
    """Export one label file with its table, if there is one beside it."""
    from napari_maskrcnn.formats.verbs import export, read_labels
    from napari_maskrcnn.images import read_image

    if not args.labels.exists():
        raise UsageError(f"there is no file {args.labels}")
    if args.output.exists() and args.output.resolve() == args.labels.resolve():
        raise UsageError(f"{args.output} is the labels file itself; name another output")
    subject = args.labels
    try:
        labels = read_labels(args.labels)
        table = _read_table(args.labels)
        if args.image:
            subject = args.image
        image = read_image(args.image) if args.image else None
        subject = args.output
        args.output.parent.mkdir(parents=True, exist_ok=True)
        path = export(
            labels,
            args.output,
            image=image,
            table=table,
            format=args.format,
            overwrite=args.overwrite,
        )
    except Exception as error:  # whatever the file leads to is one line that names it
        return fail(subject, error)
    values = {"labels": args.labels, "output": path}
    say_result(f"{args.labels} -> {path}", values, args.json)
    return DONE


def _read_table(labels: Path) -> pd.DataFrame | None:
    from napari_maskrcnn.formats.table import read_table

    stem = labels.stem.removesuffix(LABELS_ENDING)
    for path in (labels.with_suffix(".csv"), labels.with_name(f"{stem}{LABELS_ENDING}.csv")):
        if path.exists():
            return read_table(path)
    return None
