"""The figures and pictures of the model card: scores with their intervals, the worst cases, a look.

    python -m benchmarks.card FOLDER... [--model NAME|FILE] [--pictures docs/images]

Each folder holds ``images/`` and ``labels/``. Prints a line of the card's table for each: mean over
images of AP at IoU 0.5, 0.75 and 0.9, with the 95 % interval of 10,000 bootstrap draws of images.
``worst-<folder>.png`` shows the images with the lowest AP at IoU 0.5, ``look-ihc.png`` and
``look-human-mitosis.png`` (when scikit-image can fetch it) what the model finds on images of other
origin. Outlines: found in green, missed in yellow, extra in magenta.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from skimage import data
from skimage.exposure import rescale_intensity
from skimage.segmentation import find_boundaries
from skimage.transform import resize

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import load_model
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.predict.plane import predict_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.train.dataset import read_dataset
from napari_maskrcnn.train.metrics import average_precision, match_labels

THRESHOLDS = (0.5, 0.75, 0.9)
DRAWS = 10_000
WORST = 4
SIDE = 512
FOUND, MISSED, EXTRA = (64, 220, 90), (255, 215, 0), (255, 60, 220)

Labels = NDArray[Any]
Picture = NDArray[np.uint8]


def predicted(image: NDArray[Any], model: Model) -> Labels:
    """Label image (H, W) at the model's own score."""
    found = run(predict_job(image, PredictSettings(), model))
    return found.above(model.score).to_labels()


def interval(scores: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    """95 % bootstrap interval of the mean over images: (2, K) of scores (N, K)."""
    draws = np.random.default_rng(seed).integers(0, len(scores), (DRAWS, len(scores)))
    return np.quantile(scores[draws].mean(axis=1), (0.025, 0.975), axis=0)


def row(name: str, scores: NDArray[np.float64], objects: int) -> str:
    """A line of the card's table for scores (N, 3)."""
    low, high = interval(scores)
    cells = [
        f"{mean:.3f} ({a:.3f}–{b:.3f})"
        for mean, a, b in zip(scores.mean(axis=0), low, high, strict=True)
    ]
    return f"| {len(scores)} of {name}, {objects:,} objects | {' | '.join(cells)} |"


def outlined(image: NDArray[Any], found: Labels, truth: Labels | None = None) -> Picture:
    """Picture (SIDE, …, 3) of an image (H, W[, C]) with outlines, as large as the others."""
    grey = image.astype(np.float64)
    limits = tuple(np.percentile(grey, (0.5, 99.8)))
    pixels = rescale_intensity(grey, in_range=limits, out_range=(0, 255))
    pixels = pixels[..., :3] if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    factor = SIDE / max(found.shape)
    size = tuple(round(side * factor) for side in found.shape)
    picture = resize(pixels, (*size, 3), order=0, preserve_range=True).astype(np.uint8)
    large = _enlarged(found, size)
    if truth is None:
        picture[find_boundaries(large, mode="inner")] = FOUND
        return picture
    pairs = match_labels(truth, found)
    hit = np.isin(large, pairs[:, 1])
    true = _enlarged(truth, size)
    missed = true * ~np.isin(true, pairs[:, 0])
    picture[find_boundaries(large * hit, mode="inner")] = FOUND
    picture[find_boundaries(missed, mode="inner")] = MISSED
    picture[find_boundaries(large * ~hit, mode="inner")] = EXTRA
    return picture


def _enlarged(labels: Labels, size: tuple[int, ...]) -> Labels:
    return resize(
        labels.astype(np.int64), size, order=0, preserve_range=True, anti_aliasing=False
    ).astype(np.int64)


def side_by_side(pictures: Sequence[Picture]) -> Picture:
    """Pictures in a row, on black, with a gap."""
    height = max(len(one) for one in pictures)
    padded = [np.pad(one, ((0, height - len(one)), (0, 8), (0, 0))) for one in pictures]
    return np.concatenate(padded, axis=1)[:, :-8]


def judge(folder: Path, model: Model, pictures: Path | None) -> None:
    """Print the line of a folder and draw its worst images."""
    scores, objects = [], 0
    drawn: list[tuple[float, Picture]] = []
    for example in read_dataset(folder):
        found = predicted(example.image, model)
        values = list(average_precision(example.labels, found, THRESHOLDS).values())
        scores.append(values)
        objects += len(example.objects)
        drawn.append((values[0], outlined(np.asarray(example.image), found, example.labels)))
        drawn = sorted(drawn, key=lambda one: one[0])[:WORST]
    print(row(folder.name, np.asarray(scores), objects), flush=True)
    if pictures is not None:
        print("  worst:", ", ".join(f"{score:.2f}" for score, _ in drawn))
        sheet = side_by_side([picture for _, picture in drawn])
        iio.imwrite(pictures / f"worst-{folder.name}.png", sheet)


def look(model: Model, pictures: Path) -> None:
    """Draw what is found on scikit-image's own images, without any truth."""
    samples = {"ihc": data.immunohistochemistry, "human-mitosis": data.human_mitosis}
    for name, fetch in samples.items():
        try:
            image = fetch()
        except Exception as error:
            # pooch and requests have errors of their own for every way a download fails.
            print(f"{name} is left out: {error}")
            continue
        pair = [outlined(image, np.zeros(image.shape[:2], int))]
        pair.append(outlined(image, predicted(image, model)))
        iio.imwrite(pictures / f"look-{name}.png", side_by_side(pair))


def main() -> None:
    """Print the table and draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--pictures", type=Path, metavar="DIR")
    args = parser.parse_args()
    model = load_model(args.model)
    for folder in args.folders:
        judge(folder, model, args.pictures)
    if args.pictures is not None:
        look(model, args.pictures)


if __name__ == "__main__":
    main()
