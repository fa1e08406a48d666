"""``export``: a label file to the format that the next program reads."""

from __future__ import annotations

import argparse
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.cli.console import DONE, PROGRAM, UsageError, fail, noting, say_result
from napari_maskrcnn.cli.parser import (
    Subparsers,
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
        "--format", metavar="NAME", help="the format, whatever the suffix; a wrong name lists all"
    )
    add_pixel_size(parser)
    add_overwrite(parser)
    add_json(parser)


def run(args: argparse.Namespace, stop: threading.Event) -> int:
    """Export one label file with its table, if there is one beside it."""
    from napari_maskrcnn.images import read_image

    if not os.path.exists(args.labels):
        raise UsageError(f"there is no file {args.labels}")
    # Unlike the method of a path, this takes a name that is too long for one that is not there.
    if os.path.exists(args.output) and args.output.resolve() == args.labels.resolve():
        raise UsageError(f"{args.output} is the labels file itself; name another output")
    subject = args.image
    try:
        image = read_image(args.image) if args.image else None
        subject = args.labels
        with noting(args.labels):
            options = _read(args, image)
        subject = args.output
        with noting(args.output):
            path = _export(args, options, stop)
    except Exception as error:  # whatever the file leads to is one line that names it
        return fail(subject, error)
    values = {"labels": args.labels, "output": path, "provenance": options["provenance"]}
    say_result(f"{args.labels} -> {path}", values, args.json)
    return DONE


def _read(args: argparse.Namespace, image: NDArray[Any] | None) -> dict[str, Any]:
    """Return the labels, with all that their file and the arguments say of them."""
    from napari_maskrcnn.formats.label_data import per_axis
    from napari_maskrcnn.formats.provenance import describe_image, provenance
    from napari_maskrcnn.formats.verbs import read_file

    data = read_file(args.labels, shape=_plane_shape(image))
    about = describe_image(args.image.name, image) if args.image else None
    said = provenance(image=about, earlier=data.provenance)
    return {
        "labels": data.labels,
        "image": image,
        "table": _read_table(args.labels) if data.table is None else data.table,
        "scale": per_axis(args.pixel_size, data.labels.ndim) or data.scale,
        "provenance": said,
        "name": args.image.name if args.image else data.name,
        "axes": data.axes,
    }


def _export(args: argparse.Namespace, options: dict[str, Any], stop: threading.Event) -> Path:
    from napari_maskrcnn.formats.registry import find_format, writable
    from napari_maskrcnn.formats.verbs import export

    # A wrong name is to be said before a folder is made for it.
    find_format(args.output, args.format, writable())
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


def _plane_shape(image: NDArray[Any] | None) -> tuple[int, ...] | None:
    """Shape of the labels over an image: without its channels."""
    from napari_maskrcnn.images import MOST_CHANNELS

    if image is None:
        return None
    channels = image.ndim > 2 and image.shape[-1] <= MOST_CHANNELS
    return image.shape[:-1] if channels else image.shape


def _read_table(labels: Path) -> pd.DataFrame | None:
    from napari_maskrcnn.formats.table import read_table

    stem = labels.stem.removesuffix(LABELS_ENDING)
    for path in (labels.with_suffix(".csv"), labels.with_name(f"{stem}{LABELS_ENDING}.csv")):
        if path.exists():
            return read_table(path)
    return None
