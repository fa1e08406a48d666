"""What fine-tuning gains on a new kind of image, and what it forgets of the old one.

    python -m benchmarks.fine_tune --data DIR                3 seeds of 5 minutes, on all images
    python -m benchmarks.fine_tune --data DIR --region       on one finished region of 512 × 512 px
    python -m benchmarks.fine_tune --data DIR --curve        on 25, 50, … objects, and from scratch
    python -m benchmarks.fine_tune --data DIR --scan         with other limits of the guard
    python -m benchmarks.fine_tune_torchvision --data DIR    side by side with torchvision

DIR holds the datasets ``adapt-brightfield/train`` and ``/val`` (new to the base) and
``val-fluorescence`` (what the base knows). All scores are AP at IoU 0.5, averaged over images, at
the score that each model itself counts from. What learns is the recipe of the package with its
defaults, which holds out a part of what it is given.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import describe
from napari_maskrcnn.device import choose_device
from napari_maskrcnn.instances import label_boxes
from napari_maskrcnn.jobs import run
from napari_maskrcnn.models.load import load_model
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.predict.plane import predict_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.train.dataset import Example, read_dataset
from napari_maskrcnn.train.fine_tune import fine_tune_job
from napari_maskrcnn.train.guard import Guard
from napari_maskrcnn.train.metrics import average_precision
from napari_maskrcnn.train.regions import finished
from napari_maskrcnn.train.settings import FROM_SCRATCH, REACH, TrainSettings

LEARN, NEW, OLD = "adapt-brightfield/train", "adapt-brightfield/val", "val-fluorescence"
# One finished region: its side, and where it starts, in the first image.
SIDE, CORNER = 512, 256
# Corrected objects of the curve; None: all there are.
COUNTS = (25, 50, 100, 200, None)
# How far from the base the returned weights may lie, to try; None: as far as they were learnt.
REACHES = (0.012, 0.018, 0.024, 0.030, 0.036, None)


@dataclass(frozen=True)
class Datasets:
    """Examples to learn from, and those that judge on the new kind of image and on the old."""

    learn: list[Example]
    new: list[Example]
    old: list[Example]

    @classmethod
    def read(cls, folder: Path, limit: int | None) -> Datasets:
        """Read them, with at most so many images to judge by."""
        learn, new, old = (read_dataset(folder / name) for name in (LEARN, NEW, OLD))
        return cls(learn, new[:limit], old[:limit])

    def judge(self, model: Model) -> dict[str, float]:
        """AP at IoU 0.5 of a model on the new and on the old kind."""
        new, old = (mean_aps(model, part, (model.score,))[0] for part in (self.new, self.old))
        return {"new": new, "old": old}


@dataclass(frozen=True)
class Case:
    """What is learnt from, and from which base."""

    name: str
    examples: list[Example]
    base: str

    @property
    def objects(self) -> int:
        """Corrected objects, with those that the recipe holds out."""
        return sum(len(example.objects) for example in self.examples)


def mean_aps(model: Model, examples: Sequence[Example], scores: Sequence[float]) -> list[float]:
    """Mean AP at IoU 0.5 over images, of the objects from each score on."""
    rows = []
    for example in examples:
        found = run(predict_job(example.image, PredictSettings(), model))
        labels = [found.above(score).to_labels() for score in scores]
        rows.append([average_precision(example.labels, y, (0.5,))["0.50"] for y in labels])
    return [float(mean) for mean in np.mean(rows, axis=0)]


def first_objects(examples: Sequence[Example], count: int | None) -> list[Example]:
    """As many images as hold `count` objects; of the last one the rows from its top down."""
    if count is None:
        return list(examples)
    found: list[Example] = []
    for example in examples:
        left = count - sum(len(done.objects) for done in found)
        if left <= 0:
            break
        if len(example.objects) <= left:
            found.append(example)
            continue
        bottoms = sorted(rows.stop for rows, _ in label_boxes(example.labels)[1])
        height, width = example.labels.shape
        # An object that touches the edge of what is finished does not count.
        strip = (0, 0, min(height, bottoms[left - 1] + 1), width)
        found += finished([example], [[strip]])
    return found


def cases(data: Datasets, base: str, region: bool, curve: bool) -> Iterator[Case]:
    """Yield what is asked for: the region, the curve, or all images."""
    if region:
        window = (CORNER, CORNER, CORNER + SIDE, CORNER + SIDE)
        yield Case("region", finished(data.learn[:1], [[window]]), base)
    if curve:
        for start in (base, FROM_SCRATCH):
            for count in COUNTS:
                yield Case(f"{count or 'all'} objects", first_objects(data.learn, count), start)
    if not region and not curve:
        yield Case("all images", data.learn, base)


def measure(
    case: Case, data: Datasets, minutes: float, seed: int, reach: float | None
) -> dict[str, Any]:
    """Fine-tune once: ``steps``, ``objects``, and the scores afterwards."""
    settings = TrainSettings(base=case.base, minutes=minutes, seed=seed, reach=reach)
    result = run(fine_tune_job(case.examples, settings))
    return {
        "case": case.name,
        "base": case.base,
        "seed": seed,
        "objects": case.objects,
        "steps": len(result.history),
        **data.judge(result.model),
    }


def scan(case: Case, data: Datasets, minutes: float, seed: int) -> Iterator[dict[str, Any]]:
    """Fine-tune once without a guard, and judge what each limit makes of it."""
    settings = TrainSettings(base=case.base, minutes=minutes, seed=seed, reach=None)
    # Held-out images would choose the best weights of this training, not of those in between.
    result = run(fine_tune_job(case.examples, settings, validation=[]))
    assert result.base is not None
    base, learnt = result.base(), result.model
    for reach in REACHES:
        network = learnt.network
        if reach is not None:
            network = Guard(base.network, reach).near(network).eval()
        yield {
            "case": f"{case.name}, reach {reach}",
            "base": case.base,
            "seed": seed,
            "objects": case.objects,
            "steps": len(result.history),
            "distance": Guard(base.network, 1.0).distance(network),
            **data.judge(Model(network, learnt.card, None, learnt.device)),
        }


def medians(rows: Sequence[dict[str, Any]], by: Sequence[str]) -> list[dict[str, Any]]:
    """Median scores of all rows alike in `by`, and how far apart the seeds are on the new kind."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    found = []
    for key, group in groups.items():
        new, old = ([row[name] for row in group] for name in ("new", "old"))
        middle = {"new": statistics.median(new), "old": statistics.median(old)}
        spread = {"spread": max(new) - min(new), "seeds": len(group)}
        found.append({**dict(zip(by, key, strict=True)), **middle, **spread})
    return found


def parser(description: str, output: str) -> argparse.ArgumentParser:
    """Options that this and the comparison with torchvision share."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--data", type=Path, required=True, help="folder of the datasets")
    made.add_argument("--base", default="nuclei", help="name or file (default: nuclei)")
    made.add_argument("--minutes", type=float, default=5.0, help="of each training (default: 5)")
    made.add_argument("--seeds", type=int, default=3, help="trainings of each kind (default: 3)")
    made.add_argument("--limit", type=int, help="images of each kind to judge by (default: all)")
    made.add_argument("--threads", type=int, help="threads (default: as many as torch takes)")
    made.add_argument("--output", type=Path, default=Path(output), help=f"(default: {output})")
    return made


def say(row: dict[str, Any]) -> None:
    """Print a row, its scores with three digits."""
    cells = (f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())
    print(*cells, sep="  ", flush=True)


def main() -> None:
    """Print a line for each training and the medians, and write them as JSON."""
    made = parser("Measure what fine-tuning gains and forgets.", "fine_tune.json")
    made.add_argument("--region", action="store_true", help="learn from one finished region")
    made.add_argument("--curve", action="store_true", help="learn from more and more objects")
    made.add_argument("--scan", action="store_true", help="try limits of the guard")
    made.add_argument("--reach", type=float, default=REACH, help=f"the guard (default: {REACH})")
    args = made.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    data = Datasets.read(args.data, args.limit)
    before = data.judge(load_model(args.base))
    say({"case": "before", **before})
    found = {
        **describe(choose_device("auto")),
        "minutes": args.minutes,
        "reach": args.reach,
        "before": before,
        "trainings": [],
    }
    for case in cases(data, args.base, args.region, args.curve):
        for seed in range(args.seeds):
            if args.scan and case.base != FROM_SCRATCH:
                rows = list(scan(case, data, args.minutes, seed))
            else:
                rows = [measure(case, data, args.minutes, seed, args.reach)]
            for row in rows:
                say(row)
            found["trainings"] += rows
            # After every training: hours of them are not lost with the last.
            found["median"] = medians(found["trainings"], ("case", "base", "objects"))
            args.output.write_text(json.dumps(found, indent=1), encoding="utf-8")
    for row in found["median"]:
        say({"median of": row.pop("case"), **row})


if __name__ == "__main__":
    main()
