"""How well the network answers prompts, against true labels, and how fast.

    python -m benchmarks.prompts --data FOLDER [--model NAME] [--images N]

The folder holds ``images`` and ``labels`` of the same stems. A box prompt gets the true box, and
the true box with position and size off by up to 10 % of its sides; a click prompt the true centre,
and a pixel drawn from the inner half of the object. Scores are intersection over union with the
true object. Times are of one question once the tile is ready, the processor's and the clock's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_maskrcnn.images import read_image
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import load_model
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.predict.prompt import Prompter
from napari_maskrcnn.predict.prompt_tile import prompter_job
from napari_maskrcnn.predict.settings import PredictSettings

JITTER = 0.1
GOOD = 0.7

Mask = NDArray[np.bool_]


def full(found: Instances, i: int) -> Mask:
    """Mask of an object on the whole image, (H, W)."""
    mask = np.zeros(found.shape, bool)
    (y, x), (height, width) = found.origins[i], found.crops[i].shape
    mask[y : y + height, x : x + width] = found.crops[i]
    return mask


def iou(first: Mask, second: Mask) -> float:
    """Intersection over union."""
    return float((first & second).sum() / max(1, (first | second).sum()))


def jittered(box: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
    """A box (4,) with centre and sides off by up to `JITTER` of its sides."""
    size = box[2:] - box[:2]
    centre = (box[:2] + box[2:]) / 2 + rng.uniform(-JITTER, JITTER, 2) * size
    half = size * (1 + rng.uniform(-JITTER, JITTER, 2)) / 2
    return np.concatenate([centre - half, centre + half])


def points(true: Instances, i: int, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """The centre of an object, on it, and some pixel of its inner half."""
    rows, columns = np.nonzero(true.crops[i])
    nearest = np.argmin(np.hypot(rows - rows.mean(), columns - columns.mean()))
    depth = ndimage.distance_transform_edt(np.pad(true.crops[i], 1))[1:-1, 1:-1]
    inner = np.argwhere(depth >= depth.max() / 2)
    chosen = {"centre": (rows[nearest], columns[nearest]), "inner": inner[rng.integers(len(inner))]}
    y, x = true.origins[i]
    return {name: (at[0] + y + 0.5, at[1] + x + 0.5) for name, at in chosen.items()}


class Scores:
    """Scores and times by the kind of prompt."""

    def __init__(self) -> None:
        self.ious: dict[str, list[float]] = {}
        self.seconds: dict[str, list[tuple[float, float]]] = {}

    def box(self, kind: str, prompter: Prompter, box: NDArray[np.floating], truth: Mask) -> None:
        """Ask for a box."""
        start = time.perf_counter(), time.process_time()
        try:
            found = prompter.box(box)
        except ValueError:
            found = Instances.empty(prompter.shape)
        self._note(kind, start, found, truth)

    def click(self, kind: str, prompter: Prompter, at: tuple[float, float], truth: Mask) -> None:
        """Ask for what is under a click."""
        start = time.perf_counter(), time.process_time()
        found = prompter.click(*at)
        self._note(kind, start, found, truth)

    def _note(self, kind: str, start: tuple[float, float], found: Instances, truth: Mask) -> None:
        took = time.perf_counter() - start[0], time.process_time() - start[1]
        self.seconds.setdefault(kind, []).append(took)
        every = [iou(full(found, i), truth) for i in range(min(3, len(found)))]
        self.ious.setdefault(kind, []).append(every[0] if every else 0.0)
        if kind.startswith("click"):
            self.ious.setdefault(f"{kind}, best of 3", []).append(max(every, default=0.0))

    def lines(self) -> Iterator[str]:
        """A line for each kind of prompt."""
        for kind, found in self.ious.items():
            line = f"{kind:26} mean IoU {np.mean(found):.3f}, above {GOOD}: "
            line += f"{np.mean(np.array(found) > GOOD):.1%} of {len(found)}"
            if kind in self.seconds:
                wall, processor = 1000 * np.median(self.seconds[kind], axis=0)
                worst = 1000 * np.quantile(self.seconds[kind], 0.95, axis=0)[0]
                line += f"; {wall:.0f} ms, 95 %: {worst:.0f} ms (processor {processor:.0f} ms)"
            yield line


def measure(model: Model, folder: Path, images: int | None, seed: int = 0) -> Scores:
    """Prompt every object of every image of a folder."""
    rng = np.random.default_rng(seed)
    scores = Scores()
    for path in sorted((folder / "images").iterdir())[:images]:
        labels = read_image(folder / "labels" / path.name)
        place = (0, 0, *labels.shape[:2])
        prompter = run(prompter_job(read_image(path), PredictSettings(), place, model))
        assert prompter is not None
        true = Instances.from_labels(labels)
        for i in range(len(true)):
            truth = full(true, i)
            scores.box("box", prompter, true.boxes[i], truth)
            scores.box("box, 10 % off", prompter, jittered(true.boxes[i], rng), truth)
            for kind, at in points(true, i, rng).items():
                scores.click(f"click, {kind}", prompter, at, truth)
    return scores


def main() -> None:
    """Print the scores of a folder."""
    parser = argparse.ArgumentParser(description="Measure prompts against true labels.")
    parser.add_argument("--data", type=Path, required=True, help="folder with images and labels")
    parser.add_argument("--model", default="nuclei", help="name or file (default: nuclei)")
    parser.add_argument("--images", type=int, help="only so many images")
    args = parser.parse_args()
    print(*measure(load_model(args.model), args.data, args.images).lines(), sep="\n")


if __name__ == "__main__":
    main()
