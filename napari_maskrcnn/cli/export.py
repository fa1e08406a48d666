"""``export``: a label file to the format that the next program reads."""

from __future__ import annotations

import argparse
import os
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.cli.console import DONE, PROGRAM, UsageError, fail, noting, say_result
from napari_maskrcnn.cli.parser import (
    Subparsers,
    add_axes,
    add_json,
    add_overwrite,
    add_pixel_size,
    add_verb,
)
from napari_maskrcnn.cli.progress import Bar
from napari_maskrcnn.predict.folder.inputs import LABELS_ENDING

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def add_parser(subparsers: Subparsers) -> None:
    """Add the verb."""
    parser = add_verb(
        subparsers,
        "export",
        run,
        "write labels in another format",
        f"{PROGRAM} export labels/cells_labels.tif --output cells.csv --image cells.tif",
    )
    parser.add_argument(
        "labels",
        type=Path,
        metavar="LABELS",
        help="a label image (integers), or objects in any format that is written",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="its suffix says the format"
    )
    parser.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="the image: for intensities in a table, and for its size where LABELS has none",
    )
    parser.add_argument(
        "--format",
        metavar="NAME",
        help="which format, where several have the suffix or it is a folder; a wrong name lists "
        "all",
    )
    add_axes(parser, "IMAGE")
    add_pixel_size(parser)
    add_overwrite(parser)
    add_json(parser)


@dataclass(frozen=True, eq=False)
class _Picture:
    """The image of labels: its pixels, channels last, its shape without them, and what it is."""

    pixels: NDArray[Any]
    shape: tuple[int, ...]
    about: dict[str, Any]


def run(args: argparse.Namespace, stop: threading.Event) -> int:
    """Export one label file with its table, if there is one beside it."""
    if not os.path.exists(args.labels):
        raise UsageError(f"there is no file {args.labels}")
    # Unlike the method of a path, this takes a name that is too long for one that is not there.
    if os.path.exists(args.output) and args.output.resolve() == args.labels.resolve():
        raise UsageError(f"{args.output} is the labels file itself; name another output")
    subject = args.image
    try:
        picture = _open(args.image, args.axes) if args.image else None
        subject = args.labels
        with noting(args.labels):
            options = _read(args, picture)
        subject = args.output
        with noting(args.output):
            path = _export(args, options, stop)
    except Exception as error:  # whatever the file leads to is one line that names it
        return fail(subject, error)
    values = {"labels": args.labels, "output": path, "provenance": options["provenance"]}
    say_result(f"{args.labels} -> {path}", values, args.json)
    return DONE


def _open(path: Path, axes: str | None) -> _Picture:
    """Read an image as ``predict`` does, so that labels and image fit."""
    import numpy as np

    from napari_maskrcnn.formats.provenance import describe_image
    from napari_maskrcnn.sources.opening import open_image

    with open_image(path, axes) as source:
        held = replace(source, array=np.asarray(source.array[...]), levels=())
    return _Picture(held.whole(), held.label_shape, describe_image(path.name, held.array))


def _read(args: argparse.Namespace, picture: _Picture | None) -> dict[str, Any]:
    """Return the labels, with all that their file and the arguments say of them."""
    from napari_maskrcnn.formats.label_data import per_axis
    from napari_maskrcnn.formats.provenance import provenance
    from napari_maskrcnn.formats.verbs import read_file

    data = read_file(args.labels, shape=None if picture is None else picture.shape)
    about = None if picture is None else picture.about
    said = provenance(image=about, earlier=data.provenance)
    return {
        "labels": data.labels,
        "image": None if picture is None else picture.pixels,
        "table": _read_table(args.labels) if data.table is None else data.table,
        "scale": per_axis(args.pixel_size, data.labels.ndim) or data.scale,
        "provenance": said,
        "name": args.image.name if args.image else data.name,
        "axes": data.axes,
    }


def _export(args: argparse.Namespace, options: dict[str, Any], stop: threading.Event) -> Path:
    from napari_maskrcnn.formats.registry import check_ending, find_format, writable
    from napari_maskrcnn.formats.verbs import export

    # A wrong name is to be said before a folder is made for it.
    chosen = find_format(args.output, args.format, writable())
    if chosen.read is not None:  # a table is text, which opens under any name
        check_ending(args.output, chosen)
    # Where a file stands in the way, the export says so with a remedy.
    with suppress(FileExistsError, NotADirectoryError):
        args.output.parent.mkdir(parents=True, exist_ok=True)
    with Bar(args.output) as bar:
        return export(
            **options,
            path=args.output,
            format=args.format,
            overwrite=args.overwrite,
            progress=bar,
            stop=stop,
        )


def _read_table(labels: Path) -> pd.DataFrame | None:
    from napari_maskrcnn.formats.drawn import FormatWarning
    from napari_maskrcnn.formats.table import NoLabelsError, read_table

    stem = labels.stem.removesuffix(LABELS_ENDING)
    for path in (labels.with_suffix(".csv"), labels.with_name(f"{stem}{LABELS_ENDING}.csv")):
        if os.path.exists(path):
            try:
                return read_table(path)
            except NoLabelsError as error:
                # Other programs give their tables the name of the image.
                if path.stem.endswith(LABELS_ENDING):
                    raise
                warnings.warn(f"{error} It was passed over.", FormatWarning, stacklevel=2)
    return None
