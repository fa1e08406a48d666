"""``evaluate``: how well a model, or labels made elsewhere, agree with a dataset."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.cli.console import (
    DONE,
    FAILED,
    PROGRAM,
    UsageError,
    fail,
    say,
    to_json,
)
from napari_maskrcnn.cli.detect import add_model, detect, open_model
from napari_maskrcnn.cli.parser import (
    Subparsers,
    add_channels,
    add_device,
    add_overwrite,
    add_precision,
    add_verb,
)
from napari_maskrcnn.cli.progress import Bar
from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.predict.folder.inputs import labels_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_maskrcnn.train.dataset import Example

    Found = tuple[NDArray[Any], Mapping[int, float] | None]
    Finder = Callable[[Example], Found]

WORST = 3


@dataclass
class Pairs:
    """True and found labels of the images so far, with the scores of what was found."""

    names: list[str] = field(default_factory=list)
    true: list[NDArray[Any]] = field(default_factory=list)
    found: list[NDArray[Any]] = field(default_factory=list)
    scores: list[Mapping[int, float] | None] = field(default_factory=list)

    def add(self, example: Example, found: Found) -> None:
        """Add one image; ValueError when the shapes differ, or a score is no finite number."""
        labels, scores = found
        if labels.shape != example.labels.shape:
            raise ValueError(
                f"the prediction has shape {labels.shape}, the true labels "
                f"{example.labels.shape}; predict this image again"
            )
        wrong = [i for i, score in (scores or {}).items() if not isfinite(score)]
        if wrong:
            raise ValueError(
                f"object {wrong[0]} has the score {(scores or {})[wrong[0]]}; predict this image "
                "again, or give a finite number in its table"
            )
        self.names.append(example.name)
        self.true.append(example.labels)
        self.found.append(labels)
        self.scores.append(scores)


def add_parser(subparsers: Subparsers) -> None:
    """Add the verb."""
    parser = add_verb(
        subparsers,
        "evaluate",
        run,
        "compare predictions with a dataset's labels",
        f"{PROGRAM} evaluate validation/ --model mine --json result.json",
    )
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET", help="folder with images/ and labels/"
    )
    add_model(parser)
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="DIR",
        help="compare labels that lie here (<stem>_labels.tif or <stem>.tif) instead of predicting",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write every number to this file; -: to standard output instead of the table",
    )
    add_channels(parser)
    add_device(parser)
    add_precision(parser)
    add_overwrite(parser)


def run(args: argparse.Namespace, stop: threading.Event) -> int:
    """Evaluate every image that can be read; a failure of one leaves the others."""
    to_stdout = args.json is not None and str(args.json) == "-"
    if args.json and not to_stdout and args.json.exists() and not args.overwrite:
        return fail(args.json, "the file exists; add --overwrite to replace it")
    try:
        pairs, failed = _collect(args, stop)
    except (OSError, ValueError, RuntimeError) as error:
        return fail(args.dataset, error)
    if stop.is_set():
        fail(PROGRAM, f"stopped: {len(pairs.names)} images are evaluated")
    if not pairs.names:
        return FAILED
    from napari_maskrcnn.train.metrics import evaluate

    result = evaluate(pairs.true, pairs.found, pairs.scores, pairs.names)
    if to_stdout:
        say(to_json(result))
    else:
        _show(result)
    if args.json and not to_stdout:
        try:
            _write(result, args.json, args.overwrite)
        except OSError as error:
            return fail(args.json, error)
    return FAILED if failed or stop.is_set() else DONE


def _write(result: Mapping[str, Any], path: Path, overwrite: bool) -> None:
    from napari_maskrcnn.formats.atomic import atomic_path

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path, overwrite) as part:
        part.write_text(to_json(result, indent=2) + "\n", encoding="utf-8")


def _collect(args: argparse.Namespace, stop: threading.Event) -> tuple[Pairs, int]:
    """Return the pairs of all images and the number of failures."""
    from napari_maskrcnn.train.dataset import read_example
    from napari_maskrcnn.train.layouts import dataset_files

    files = dataset_files(args.dataset)
    pairs, failed = Pairs(), 0
    with Bar("evaluate") as bar:
        find = _reader(args.predictions) if args.predictions else _predictor(args, stop)
        for number, (image, labels) in enumerate(files):
            if stop.is_set():
                break
            bar(Progress(number, len(files), image.name))
            try:
                example = read_example(image, labels, args.channels)
                found = find(example)
                if not stop.is_set():
                    pairs.add(example, found)
            except Exception as error:  # whatever one file leads to, the others still count
                fail(image, error)
                failed += 1
    return pairs, failed


def _predictor(args: argparse.Namespace, stop: threading.Event) -> Finder:
    from napari_maskrcnn.predict.settings import PredictSettings
    from napari_maskrcnn.sources.resampled import in_squares

    model = open_model(args.model, args.device)
    settings = PredictSettings(model=args.model, device=args.device, precision=args.precision)

    def find(example: Example) -> Found:
        """Predict an example; of one that is stopped nothing counts."""
        # As a prediction of the file looks at it.
        image = in_squares(example.image, example.aspect)
        kept = detect(image, settings, model, stop, lambda step: None)
        if not kept.planes or kept.partial:
            return example.labels, None  # stopped: it is not counted
        instances = kept.planes[None].above(kept.score)
        scores = {k + 1: float(score) for k, score in enumerate(instances.scores)}
        return instances.to_labels(), scores

    return find


def _reader(folder: Path) -> Finder:
    from napari_maskrcnn.formats.verbs import read_labels
    from napari_maskrcnn.images import IMAGE_SUFFIXES

    if not folder.is_dir():
        raise UsageError(f"--predictions {folder} is no folder")

    def find(example: Example) -> Found:
        """Read the labels of an example and their scores."""
        names = [labels_name(example.name), *(example.name + suffix for suffix in IMAGE_SUFFIXES)]
        # "predict DATASET" mirrors the dataset's own images/ folder.
        candidates = [place / name for place in (folder, folder / "images") for name in names]
        path = next((path for path in candidates if path.exists()), None)
        if path is None:
            raise FileNotFoundError(f"there is no {names[0]} in {folder}")
        labels = read_labels(path)
        return labels, _read_scores(path.with_suffix(".csv"), labels)

    return find


def _read_scores(path: Path, labels: NDArray[Any]) -> Mapping[int, float] | None:
    if not path.exists():
        return None
    import numpy as np

    from napari_maskrcnn.formats.table import read_table

    table = read_table(path)
    known = dict(zip(table["index"], table["score"].fillna(1.0), strict=True))
    # What a person drew has no score, and is certain.
    return {int(label): known.get(int(label), 1.0) for label in np.unique(labels) if label}


def _show(result: Mapping[str, Any]) -> None:
    rows = result["per_image"]
    true, found = (sum(row[key] for row in rows) for key in ("true", "predicted"))
    say(f"images {result['images']}, true objects {true}, predicted objects {found}")
    say("IoU " + "".join(f"{threshold:>7}" for threshold in result["ap"]))
    say("AP  " + "".join(f"{value:7.3f}" for value in result["ap"].values()))
    say(f"COCO mask AP {result['coco_mask_ap']:.3f}")
    worst = sorted(rows, key=lambda row: row["ap"]["0.50"])[:WORST]
    say("lowest AP at 0.50: " + ", ".join(f"{r['name']} {r['ap']['0.50']:.3f}" for r in worst))
