"""``predict``: images to labels and tables, one line an image."""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from napari_maskrcnn.cli.console import (
    DONE,
    FAILED,
    PROGRAM,
    ProgressLine,
    UsageError,
    fail,
    say,
)
from napari_maskrcnn.cli.inputs import Task, find_inputs
from napari_maskrcnn.cli.parser import (
    Subparsers,
    add_device,
    add_overwrite,
    add_verb,
    fraction,
    positive,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_maskrcnn.instances import Instances
    from napari_maskrcnn.models import Model
    from napari_maskrcnn.predict.settings import PredictSettings


def add_parser(subparsers: Subparsers) -> None:
    """Add the verb."""
    parser = add_verb(
        subparsers,
        "predict",
        run,
        "find the objects of images and write labels and tables",
        f"{PROGRAM} predict plate1/ extra.tif --output labels --model nuclei",
    )
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="image files, or folders to walk"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for <stem>_labels.tif and <stem>_labels.csv; subfolders are mirrored",
    )
    add_model(parser)
    add_device(parser)
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
    add_overwrite(parser)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``."""
    parser.add_argument(
        "--model",
        default="nuclei",
        metavar="NAME|FILE",
        help=f"a name that '{PROGRAM} models list' shows, or a .safetensors file (default: nuclei)",
    )


def run(args: argparse.Namespace, stop: threading.Event) -> int:
    """Predict every input; a failure of one leaves the others as they are."""
    if args.output.exists() and not args.output.is_dir():
        raise UsageError(f"--output {args.output} is a file; name a folder")
    inputs = find_inputs(args.inputs, args.output)
    failed = [fail(path, reason) for path, reason in inputs.failures]
    tasks = [task for task in inputs.tasks if args.overwrite or _is_free(task)]
    failed += [FAILED] * (len(inputs.tasks) - len(tasks))
    if not tasks:
        return FAILED if failed else DONE
    try:
        model = open_model(args.model, args.device)
    except (OSError, ValueError, RuntimeError) as error:
        return fail(f"model {args.model}", error)
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return fail(args.output, error)
    done = 0
    for task in tasks:
        if stop.is_set():
            break
        done += _predict_one(task, model, args, stop)
    if stop.is_set():
        return fail(PROGRAM, f"stopped: {done} of {len(tasks)} images are done")
    return FAILED if failed or done < len(tasks) else DONE


def open_model(value: str, device: str) -> Model:
    """Load a model; one that does not exist, or a device that is not there, is wrong usage."""
    from napari_maskrcnn.device import choose_device
    from napari_maskrcnn.models import find_model, load_model

    try:
        path = find_model(value)
        choose_device(device)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(str(error)) from error
    return load_model(path, device)


def detect(
    source: object, image: ArrayLike, settings: PredictSettings, model: Model, stop: threading.Event
) -> Instances:
    """Predict one image with progress on the terminal; only objects of the wanted score."""
    from napari_maskrcnn.jobs import guarded
    from napari_maskrcnn.jobs import run as drain
    from napari_maskrcnn.predict.plane import predict_job

    with ProgressLine(source) as progress:
        found = drain(guarded(predict_job(image, settings, model=model, stop=stop)), progress)
    return found.above(model.score if settings.score is None else settings.score)


def _predict_one(task: Task, model: Model, args: argparse.Namespace, stop: threading.Event) -> bool:
    from napari_maskrcnn.images import read_image
    from napari_maskrcnn.predict.settings import PredictSettings

    settings = PredictSettings(
        model=args.model, score=args.score, diameter=args.diameter, device=args.device
    )
    started = time.perf_counter()
    try:
        image = read_image(task.source)
        instances = detect(task.source, image, settings, model, stop)
        if stop.is_set():
            return False  # what was found of this image so far is not all of it
        _write(task, instances, image, args.overwrite)
    except Exception as error:  # whatever one file leads to, the others are still done
        fail(task.source, error)
        return False
    seconds = time.perf_counter() - started
    noun = "object" if len(instances) == 1 else "objects"
    say(f"{task.source}: {len(instances)} {noun} -> {task.labels} ({seconds:.1f} s)")
    return True


def _write(task: Task, instances: Instances, image: ArrayLike, overwrite: bool) -> None:
    from napari_maskrcnn.formats.registry import export

    labels, table = instances.to_labels(), instances.to_table()
    task.labels.parent.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for path in (task.labels, task.table):
            written.append(export(labels, path, image=image, table=table, overwrite=overwrite))
    except BaseException:
        # Half an output would make the next run refuse this image.
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _is_free(task: Task) -> bool:
    for path in (task.labels, task.table):
        if path.exists():
            fail(task.source, f"{path} exists; add --overwrite to replace it")
            return False
    return True
