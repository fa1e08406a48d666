"""``predict``: images to labels and tables, one line an image."""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    detect,
    open_model,
    read_choice,
    read_settings,
)
from napari_maskrcnn.cli.inputs import Task, find_inputs
from napari_maskrcnn.cli.parser import (
    Subparsers,
    add_device,
    add_json,
    add_overwrite,
    add_pixel_size,
    add_precision,
    add_verb,
    per_axis,
)
from napari_maskrcnn.cli.progress import Bar
from napari_maskrcnn.jobs import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_maskrcnn.models import Model
    from napari_maskrcnn.predict.kept import Chosen
    from napari_maskrcnn.predict.settings import PredictSettings


@dataclass(frozen=True)
class Work:
    """What all images of one command share."""

    args: argparse.Namespace
    settings: PredictSettings
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
    settings = read_settings(args)
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
    with Bar("predict") as bar:
        work = Work(args, settings, model, stop, bar, len(tasks))
        for number, task in enumerate(tasks):
            if stop.is_set():
                break
            done += _predict_one(number, task, work)
    if stop.is_set():
        return fail(PROGRAM, f"stopped: {done} of {len(tasks)} images are done")
    return FAILED if failed or done < len(tasks) else DONE


def _predict_one(number: int, task: Task, work: Work) -> bool:
    from napari_maskrcnn.images import read_image

    def report(step: Progress) -> None:
        """Show one bar for all images, which says how long they all take."""
        parts = max(step.total, 1)
        place = f"{number + 1} of {work.images}" if work.images > 1 else step.message
        work.bar(Progress(number * parts + step.done, work.images * parts, place))

    started = time.perf_counter()
    work.bar.subject = str(task.source)
    try:
        image = read_image(task.source)
        kept = detect(image, work.settings, work.model, work.stop, report)
        if not kept.planes:
            return False  # it was stopped: what was found of this image so far is not all of it
        choice = read_choice(work.args, kept)
        chosen = kept.choose(choice)
        _write(task, chosen, image, kept.describe(choice), work.args)
    except Exception as error:  # whatever one file leads to, the others are still done
        fail(task.source, error)
        return False
    _say(task, chosen, time.perf_counter() - started, work)
    return True


def _say(task: Task, chosen: Chosen, seconds: float, work: Work) -> None:
    from napari_maskrcnn.instances import LIMITED

    count = len(chosen)
    noun = "object" if count == 1 else "objects"
    values = {
        "image": task.source,
        "objects": count,
        "limited": chosen.limited,
        "labels": task.labels,
        "table": task.table,
        "model": work.model.name,
        "seconds": round(seconds, 3),
    }
    line = f"{task.source}: {count} {noun} -> {task.labels} ({seconds:.1f} s)"
    if chosen.limited:
        line += f"; {LIMITED}"
    say_result(line, values, work.args.json)


def _write(
    task: Task,
    chosen: Chosen,
    image: NDArray[Any],
    prediction: dict[str, Any],
    args: argparse.Namespace,
) -> None:
    from napari_maskrcnn.formats.provenance import describe_image, provenance
    from napari_maskrcnn.formats.verbs import export

    (labels,) = chosen.labels.values()
    name = task.source.name
    options = {
        "image": image,
        "table": chosen.table,
        "overwrite": args.overwrite,
        "scale": per_axis(args.pixel_size, labels.ndim),
        "name": name,
    }
    said = provenance(prediction, describe_image(name, image))
    task.labels.parent.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        written.append(export(labels, task.labels, provenance=said, **options))
        # The table lies beside the labels, which say where both come from.
        written.append(export(labels, task.table, **options))
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
