"""``predict``: images to labels and tables, one line an image."""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_maskrcnn.cli.console import (
    DONE,
    FAILED,
    PROGRAM,
    UsageError,
    fail,
    say_result,
)
from napari_maskrcnn.cli.detect import add_model, add_settings, open_model, read_request
from napari_maskrcnn.cli.parser import (
    Subparsers,
    add_device,
    add_json,
    add_overwrite,
    add_pixel_size,
    add_precision,
    add_verb,
)
from napari_maskrcnn.cli.progress import Bar
from napari_maskrcnn.jobs import Progress, guarded
from napari_maskrcnn.jobs import run as drain
from napari_maskrcnn.predict.folder.inputs import Task, find_inputs
from napari_maskrcnn.predict.folder.one import Outcome, Request, predict_file_job

if TYPE_CHECKING:
    from napari_maskrcnn.models import Model


@dataclass(frozen=True)
class Work:
    """What all images of one command share."""

    args: argparse.Namespace
    request: Request
    model: Model
    stop: threading.Event
    bar: Bar
    images: int


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
    add_precision(parser)
    add_settings(parser)
    add_pixel_size(parser)
    add_overwrite(parser)
    add_json(parser)


def run(args: argparse.Namespace, stop: threading.Event) -> int:
    """Predict every input; a failure of one leaves the others as they are."""
    if args.output.exists() and not args.output.is_dir():
        raise UsageError(f"--output {args.output} is a file; name a folder")
    request = read_request(args)
    try:
        inputs = find_inputs(args.inputs, args.output)
    except ValueError as error:
        raise UsageError(str(error)) from error
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
    with Bar("predict") as bar:
        work = Work(args, request, model, stop, bar, len(tasks))
        for number, task in enumerate(tasks):
            if stop.is_set():
                break
            done += _predict_one(number, task, work)
    if stop.is_set():
        return fail(PROGRAM, f"stopped: {done} of {len(tasks)} images are done")
    return FAILED if failed or done < len(tasks) else DONE


def _predict_one(number: int, task: Task, work: Work) -> bool:
    def report(step: Progress) -> None:
        """Show one bar for all images, which says how long they all take."""
        parts = max(step.total, 1)
        place = f"{number + 1} of {work.images}" if work.images > 1 else step.message
        work.bar(Progress(number * parts + step.done, work.images * parts, place))

    started = time.perf_counter()
    work.bar.subject = str(task.source)
    try:
        job = predict_file_job(task, work.request, work.model, work.args.overwrite, work.stop)
        outcome = drain(guarded(job), report)
    except Exception as error:  # whatever one file leads to, the others are still done
        fail(task.source, error)
        return False
    if outcome is None:
        return False
    _say(task, outcome, time.perf_counter() - started, work)
    return True


def _say(task: Task, outcome: Outcome, seconds: float, work: Work) -> None:
    from napari_maskrcnn.instances import LIMITED

    count = outcome.objects
    noun = "object" if count == 1 else "objects"
    values = {
        "image": task.source,
        "objects": count,
        "limited": outcome.limited,
        "labels": task.labels,
        "table": task.table,
        "model": work.model.name,
        "seconds": round(seconds, 3),
    }
    line = f"{task.source}: {count} {noun} -> {task.labels} ({seconds:.1f} s)"
    if outcome.limited:
        line += f"; {LIMITED}"
    say_result(line, values, work.args.json)


def _is_free(task: Task) -> bool:
    for path in (task.labels, task.table):
        if path.exists():
            fail(task.source, f"{path} exists; add --overwrite to replace it")
            return False
    return True
