"""``predict``: images to labels and tables, one line an image."""

from __future__ import annotations

import argparse
import threading
from typing import TYPE_CHECKING

from napari_maskrcnn.cli.console import (
    DONE,
    FAILED,
    PROGRAM,
    UsageError,
    fail,
    say_result,
)
from napari_maskrcnn.cli.detect import (
    add_model,
    add_settings,
    check_model,
    open_model,
    read_request,
)
from napari_maskrcnn.cli.parser import (
    Subparsers,
    add_device,
    add_json,
    add_overwrite,
    add_pixel_size,
    add_precision,
    add_verb,
    place,
)
from napari_maskrcnn.cli.progress import Bar
from napari_maskrcnn.jobs import Progress, guarded
from napari_maskrcnn.jobs import run as drain
from napari_maskrcnn.predict.folder.inputs import find_inputs
from napari_maskrcnn.predict.folder.job import FolderResult, predict_folder_job
from napari_maskrcnn.predict.folder.plan import FileState, Plan, make_plan

if TYPE_CHECKING:
    from napari_maskrcnn.models import Model


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
        "inputs", nargs="+", type=place, metavar="INPUT", help="image files, or folders to walk"
    )
    parser.add_argument(
        "--output",
        type=place,
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
    if not inputs.tasks:
        return FAILED
    check_model(args.model, args.device)
    try:
        plan = make_plan(inputs.tasks, args.output, request, args.overwrite)
    except OSError as error:
        return fail(args.output, error)
    try:
        model = open_model(args.model, args.device) if plan.todo else None
    except (OSError, ValueError, RuntimeError) as error:
        return fail(f"model {args.model}", error)
    try:
        result = _run(plan, model, args, stop)
    except (OSError, ValueError) as error:
        return fail(args.output, error)
    done, images = result.count("done"), len(result.files)
    if stop.is_set():
        return fail(PROGRAM, f"stopped: {done} of {images} images are done")
    if result.ended and result.count("waiting"):
        return fail(PROGRAM, f"stopped: {done} of {images} images are done; {result.ended}")
    return FAILED if failed or done < images else DONE


def _run(
    plan: Plan, model: Model | None, args: argparse.Namespace, stop: threading.Event
) -> FolderResult:
    name = model.name if model is not None else plan.model_name
    for state in plan.files:
        _say(state, name, args)
    with Bar("predict") as bar:

        def report(step: Progress) -> None:
            """Show one bar for all images, which says how long they all take."""
            state = step.data.get("file")
            if state is not None:
                bar.subject = str(state.task.source)
                _say(state, name, args)
            bar(step)

        return drain(guarded(predict_folder_job(plan, model, stop)), report)


def _say(state: FileState, model: str, args: argparse.Namespace) -> None:
    """Write what became of an image as one line; nothing while it waits or is predicted."""
    if state.status == "done":
        _say_done(state, model, args)
    elif state.status == "exists":
        fail(state.task.source, f"{state.reason}; add --overwrite to replace it")
    elif state.status in ("failed", "busy"):
        fail(state.task.source, state.reason)


def _say_done(state: FileState, model: str, args: argparse.Namespace) -> None:
    from napari_maskrcnn.instances import LIMITED

    task, count, seconds = state.task, state.objects, state.seconds or 0.0
    values = {
        "image": task.source,
        "objects": count,
        "limited": state.limited,
        "labels": task.labels,
        "table": task.table,
        "model": model,
        "seconds": seconds,
        "earlier": state.earlier,
    }
    took = "already done" if state.earlier else f"{seconds:.1f} s"
    line = f"{task.source}: {count} object{'' if count == 1 else 's'} -> {task.labels} ({took})"
    if state.reading:
        line += f"; {state.reading}; --axes ZYX reads planes"
    if state.limited:
        line += f"; {LIMITED}"
    say_result(line, values, args.json)
