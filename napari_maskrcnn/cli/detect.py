"""Which model and settings a command means, and one image through them."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.cli.console import PROGRAM, UsageError
from napari_maskrcnn.cli.parser import add_axes, add_channels, fraction, positive, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_maskrcnn.jobs import Progress
    from napari_maskrcnn.models import Model
    from napari_maskrcnn.predict.folder.one import Request
    from napari_maskrcnn.predict.kept import Kept
    from napari_maskrcnn.predict.settings import PredictSettings
    from napari_maskrcnn.sources.resampled import Resampled


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``."""
    parser.add_argument(
        "--model",
        default="nuclei",
        metavar="NAME|FILE",
        help=f"a name that '{PROGRAM} models list' shows, or a .safetensors file (default: nuclei)",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add what decides which objects are found, but for the model and the device."""
    parser.add_argument(
        "--score",
        type=fraction,
        metavar="X",
        help="least score of an object, 0 to 1 (default: the model's own)",
    )
    parser.add_argument(
        "--diameter",
        type=positive,
        metavar="PX",
        help="typical diameter of the objects in pixels (default: as the model was trained)",
    )
    add_channels(parser)
    add_stack(parser)
    parser.add_argument(
        "--min-size",
        type=positive,
        metavar="PX",
        help="leave out objects of a smaller diameter (that of the circle of their area)",
    )
    parser.add_argument(
        "--max-size", type=positive, metavar="PX", help="leave out objects of a larger diameter"
    )
    parser.add_argument(
        "--covered",
        type=fraction,
        metavar="X",
        default=1.0,
        help="leave out objects of which better ones cover more than this share, 0 to 1 "
        "(default: 1, keep all)",
    )
    parser.add_argument(
        "--border",
        choices=("keep", "drop"),
        default="keep",
        help="keep or drop objects that the border of the image cuts off (default: keep)",
    )


def add_stack(parser: argparse.ArgumentParser) -> None:
    """Add what the planes of a stack are."""
    add_axes(parser, "every image")
    parser.add_argument(
        "--stack",
        choices=("planes", "z", "t"),
        default="planes",
        help="what the planes of a stack are: planes on their own, slices of 3-D objects (z), or "
        "frames whose objects keep their number (t) (default: planes)",
    )
    parser.add_argument(
        "--overlap",
        type=fraction,
        metavar="X",
        help="share of an object's smaller section that overlaps in the next plane (default: 0.4)",
    )
    parser.add_argument(
        "--gap",
        type=whole,
        metavar="N",
        help="planes in a row that an object may be missing from (default: 0)",
    )


def read_request(args: argparse.Namespace) -> Request:
    """Return how the arguments want images predicted."""
    from napari_maskrcnn.predict.choice import Choice
    from napari_maskrcnn.predict.folder.one import Request
    from napari_maskrcnn.predict.settings import PredictSettings

    if args.min_size and args.max_size and args.min_size > args.max_size:
        raise UsageError(f"--min-size {args.min_size:g} is above --max-size {args.max_size:g}")
    settings = PredictSettings(
        args.model, args.score, args.diameter, args.channels, args.device, args.precision
    )
    linked = {"overlap": args.overlap, "gap": args.gap}
    linked = {name: value for name, value in linked.items() if value is not None}
    if args.stack == "planes" and linked:
        raise UsageError(f"--{next(iter(linked))} says how planes are linked: add --stack z or t")
    if args.stack != "planes":
        settings = replace(settings, link=args.stack, **linked)
    if problems := settings.problems():
        raise UsageError(" ".join(problems))
    largest = args.max_size or float("inf")
    choice = Choice(0.0, args.min_size or 0.0, largest, args.covered, args.border == "keep")
    return Request(settings, choice, args.pixel_size, args.axes)


def check_model(value: str, device: str) -> Path:
    """Return the file of a model; one that is not there, or no such device, is wrong usage."""
    from napari_maskrcnn.device import choose_device
    from napari_maskrcnn.models import find_model

    try:
        path = find_model(value)
        choose_device(device)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(str(error)) from error
    return path


def open_model(value: str, device: str) -> Model:
    """Load a model; one that is not there, or no such device, is wrong usage."""
    from napari_maskrcnn.models import load_model

    return load_model(check_model(value, device), device)


def detect(
    image: NDArray[Any] | Resampled,
    settings: PredictSettings,
    model: Model,
    stop: threading.Event,
    report: Callable[[Progress], object],
) -> Kept:
    """Predict one image by the job that the window runs; no plane of it when it was stopped."""
    from napari_maskrcnn.jobs import guarded, run
    from napari_maskrcnn.predict.planes import predict_planes_job

    job = predict_planes_job([None], lambda _: image, settings, stop, model)
    return run(guarded(job), report)
