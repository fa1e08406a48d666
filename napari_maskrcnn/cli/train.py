"""``train``: a dataset to a model, resumable, with what it gained on held-out images."""

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
    UsageError,
    fail,
    say_result,
)
from napari_maskrcnn.cli.examples import held_out, read_examples
from napari_maskrcnn.cli.parser import (
    Subparsers,
    add_channels,
    add_device,
    add_json,
    add_overwrite,
    add_verb,
)
from napari_maskrcnn.cli.progress import Bar
from napari_maskrcnn.cli.train_options import add_budget, add_learning
from napari_maskrcnn.jobs import JobError, Progress
from napari_maskrcnn.train.settings import REACH

if TYPE_CHECKING:
    from napari_maskrcnn.train.dataset import Example
    from napari_maskrcnn.train.fine_tune import FineTuneResult
    from napari_maskrcnn.train.settings import TrainSettings

SECONDS_BETWEEN_LINES = 30.0


def add_parser(subparsers: Subparsers) -> None:
    """Add the verb."""
    parser = add_verb(
        subparsers,
        "train",
        run,
        "train a model on images and their labels",
        f"{PROGRAM} train mycells/ --output mycells.safetensors --minutes 20",
    )
    parser.add_argument(
        "dataset",
        type=Path,
        metavar="DATASET",
        help="folder with images/ and labels/ holding files of the same stem, a project (what is "
        "verified or finished in it), or a training folder of StarDist or Cellpose",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="the .safetensors file to write"
    )
    parser.add_argument(
        "--base",
        default="nuclei",
        metavar="NAME|FILE|none",
        help="model to start from; none: from scratch (default: nuclei)",
    )
    parser.add_argument(
        "--val",
        type=Path,
        metavar="DATASET|none",
        help="dataset to judge by (default: a part of the training images is held out; none: "
        "all images are trained on)",
    )
    add_channels(parser)
    add_budget(parser)
    add_learning(parser)
    parser.add_argument(
        "--half", action="store_true", help="write float16 kernels, which halves the file"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed (default: 0)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted training of the same output and settings",
    )
    add_device(parser)
    add_overwrite(parser)
    add_json(parser)


def run(args: argparse.Namespace, stop: threading.Event) -> int:
    """Train and save; what was learnt before Ctrl+C is saved too."""
    from napari_maskrcnn.formats.atomic import WriteError, require_writable
    from napari_maskrcnn.train.classes import require_classes
    from napari_maskrcnn.train.settings import TrainSettings

    settings = TrainSettings(
        base=args.base,
        epochs=args.epochs,
        minutes=args.minutes,
        crop=args.crop,
        layers=args.layers,
        reach=None if args.no_guard else REACH,
        class_name=args.class_name,
        seed=args.seed,
        device=args.device,
    )
    _check_usage(args, settings)
    checkpoint = args.output.with_suffix(".checkpoint")
    if reason := _refusal(args, checkpoint):
        return fail(args.output, reason)
    examples, bad = read_examples(args.dataset, args.channels)
    held, worse = held_out(args.val, args.channels)
    if bad or worse:
        return fail(PROGRAM, "nothing was trained; mend or take out these files first")
    if held:
        # Images that a project has for validation are not to be learnt from.
        examples = [example for example in examples if not example.held_out]
    try:
        require_classes(examples, (name for e in examples for name in e.classes.values()))
        args.output.parent.mkdir(parents=True, exist_ok=True)
        require_writable(args.output)
        if not args.resume:
            # What --overwrite replaces must not be continued after a crash.
            checkpoint.unlink(missing_ok=True)
        result = _train(args, settings, examples, held, checkpoint, stop)
    except (WriteError, FileExistsError) as error:
        return fail(args.output, error)
    except (OSError, ValueError, ArithmeticError, MemoryError, JobError) as error:
        return fail(args.dataset, error)
    return _save(args, result, checkpoint)


def _check_usage(args: argparse.Namespace, settings: TrainSettings) -> None:
    from napari_maskrcnn.models.folder import SUFFIX, find_model

    if args.output.suffix != SUFFIX:
        raise UsageError(f"--output {args.output} must end in {SUFFIX}")
    if problems := settings.problems():
        raise UsageError(" ".join(problems))
    if not settings.from_scratch:
        try:
            base = find_model(args.base)
        except FileNotFoundError as error:
            raise UsageError(str(error)) from error
        if base.resolve() == args.output.resolve():
            # An interrupted training is resumed from its base, which would be gone by then.
            raise UsageError(f"--output {args.output} is the base itself; give it another name")


def _refusal(args: argparse.Namespace, checkpoint: Path) -> str:
    """Say why this training would lose an earlier one; empty when it would not."""
    if args.output.is_dir():
        return "this is a folder; name a file in it"
    if args.overwrite or (args.resume and checkpoint.exists()):
        return ""
    if checkpoint.exists():
        return (
            f"{checkpoint} of an unfinished training exists; add --resume to continue it, or "
            f"--overwrite to start anew"
        )
    if args.output.exists():
        return "the file exists; add --overwrite to replace it"
    return ""


def _train(
    args: argparse.Namespace,
    settings: TrainSettings,
    examples: list[Example],
    held: list[Example] | None,
    checkpoint: Path,
    stop: threading.Event,
) -> FineTuneResult:
    from napari_maskrcnn.jobs import guarded
    from napari_maskrcnn.jobs import run as drain
    from napari_maskrcnn.train.fine_tune import fine_tune_job

    job = fine_tune_job(
        examples,
        settings,
        validation=held,
        checkpoint=checkpoint,
        resume=args.resume,
        stop=stop,
    )
    with Bar(args.output) as bar:
        report = _Report(bar, args.json)
        result = drain(guarded(job), report)
        for note in result.notes:
            report.tell(note)
    return result


class _Report:
    """Shows every step on the terminal and writes a line now and then, and at every validation."""

    def __init__(self, bar: Bar, as_json: bool) -> None:
        self._bar = bar
        self._as_json = as_json
        self._last = time.monotonic()
        self._told: set[str] = set()

    def tell(self, note: str) -> None:
        """Write a note of the training, once."""
        if note not in self._told:
            fail(PROGRAM, note)
        self._told.add(note)

    def __call__(self, step: Progress) -> None:
        row = step.data
        if "note" in row:
            self.tell(row["note"])
        if "ap50" in row or ("step" in row and self._is_due()):
            share = f"{100 * step.done / max(step.total, 1):3.0f} %"
            proof = (
                f"  AP@0.5 {row['ap50']:.3f}  AP@0.75 {row['ap75']:.3f}" if "ap50" in row else ""
            )
            line = f"{share}  step {row['step']}  loss {row['loss']:.3f}{proof}"
            say_result(line, row, self._as_json)
        self._bar(step)

    def _is_due(self) -> bool:
        due = time.monotonic() - self._last >= SECONDS_BETWEEN_LINES
        if due:
            self._last = time.monotonic()
        return due


def _save(args: argparse.Namespace, result: FineTuneResult, checkpoint: Path) -> int:
    if not result.history:
        return fail(PROGRAM, "stopped before the first step; nothing was written")
    try:
        path = result.save(args.output, overwrite=args.overwrite or args.resume, half=args.half)
    except (OSError, ValueError) as error:
        return fail(args.output, f"{error}{_kept(args, result, checkpoint)}")
    if not result.held and args.val is None:
        few = "there are too few objects, or too few of a class"
        fail(PROGRAM, f"nothing was held out, for {few}, so nothing was measured; give --val")
    steps = result.history[-1]["step"]
    count = f"{steps} step{'s' if steps != 1 else ''}"
    before = f"{result.before['ap50']:.3f} -> " if result.before else ""
    proof = f", AP@0.5 {before}{result.after['ap50']:.3f}" if result.after else ""
    values = {
        "dataset": args.dataset,
        "model": path,
        "steps": steps,
        "before": result.before,
        "after": result.after,
        "finished": result.finished,
    }
    say_result(f"{args.dataset} -> {path} ({count}{proof})", values, args.json)
    if result.trouble:
        return fail(PROGRAM, result.trouble)
    if not result.finished:
        fail(PROGRAM, f"stopped; add --resume to continue from {checkpoint}")
        return FAILED
    checkpoint.unlink(missing_ok=True)
    return DONE


def _kept(args: argparse.Namespace, result: FineTuneResult, checkpoint: Path) -> str:
    """Say where the training lies that could not be saved; without a checkpoint, save the model."""
    from napari_maskrcnn.models import add_model
    from napari_maskrcnn.models.folder import free_name

    if checkpoint.exists():
        return f" The training is kept in {checkpoint}; add --resume."
    try:
        return f" The model is kept as {add_model(result.model, free_name(args.output.stem))}."
    except (OSError, ValueError):
        return ""
