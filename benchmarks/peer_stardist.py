"""StarDist, trained on the same images, beside the embedded model.

StarDist stands on TensorFlow and gets an environment of its own, which needs nothing of this
package:

    python -m venv stardist-env
    stardist-env/bin/pip install stardist tensorflow
    stardist-env/bin/python benchmarks/peer_stardist.py TRAIN VALIDATION --minutes 40 --output DIR
    napari-maskrcnn evaluate VALIDATION --predictions DIR
    napari-maskrcnn evaluate VALIDATION

Both folders hold ``images/`` and ``labels/``. The recipe is that of StarDist's own example for 2D
images: 32 rays, a grid of 2, patches of 256², batches of 4, flips, quarter turns and changes of
brightness, its default rate, and thresholds tuned on 15 % of the *training* images that were held
out. Grey images alone are learnt from, since its example takes one channel. What is compared is the
label images, by one and the same rule.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from csbdeep.utils import normalize
from numpy.typing import NDArray
from skimage.io import imread, imsave
from stardist import fill_label_holes
from stardist.models import Config2D, StarDist2D
from tensorflow.keras.callbacks import Callback

Image = NDArray[np.float32]
Labels = NDArray[np.int32]

STEPS_AN_EPOCH = 100
HELD_OUT = 0.15
PERCENTILES = (1, 99.8)


class Budget(Callback):
    """Ends a training when its minutes are over, at the next batch."""

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.seconds, self.start, self.steps = 60 * minutes, time.monotonic(), 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the step and look at the clock."""
        self.steps += 1
        if time.monotonic() - self.start > self.seconds:
            self.model.stop_training = True


def read_grey(folder: Path) -> tuple[list[str], list[Image], list[Labels]]:
    """Names, normalised images (H, W) and labels (H, W) of the grey images of a folder."""
    names, images, truth = [], [], []
    for path in sorted((folder / "images").iterdir()):
        pixels = imread(path)
        if pixels.ndim == 3:
            if any((pixels[..., 0] != pixels[..., k]).any() for k in (1, 2)):
                continue
            pixels = pixels[..., 0]
        (labels,) = (folder / "labels").glob(f"{path.stem}.*")
        names.append(path.stem)
        images.append(normalize(pixels, *PERCENTILES).astype(np.float32))
        truth.append(fill_label_holes(imread(labels).astype(np.int32)))
    return names, images, truth


def varied(image: Image, labels: Labels) -> tuple[Image, Labels]:
    """Turn, flip and change the brightness, as StarDist's example does."""
    turns = np.random.randint(4)
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    for axis in (0, 1):
        if np.random.rand() < 0.5:
            image, labels = np.flip(image, axis), np.flip(labels, axis)
    image = image * np.random.uniform(0.6, 2) + np.random.uniform(-0.2, 0.2)
    noise = 0.02 * np.random.uniform(0, 1) * np.random.normal(size=image.shape)
    return (image + noise).astype(np.float32), labels


def trained(images: list[Image], truth: list[Labels], minutes: float, folder: Path) -> StarDist2D:
    """Train StarDist for so many minutes and tune its thresholds on images held out."""
    order = np.random.permutation(len(images))
    held = set(order[: round(HELD_OUT * len(images))].tolist())
    learn = [k for k in range(len(images)) if k not in held]
    config = Config2D(
        n_rays=32,
        grid=(2, 2),
        n_channel_in=1,
        train_patch_size=(256, 256),
        train_batch_size=4,
        train_steps_per_epoch=STEPS_AN_EPOCH,
        train_tensorboard=False,
    )
    model = StarDist2D(config, name="stardist", basedir=str(folder))
    budget = Budget(minutes)
    model.prepare_for_training()
    model.callbacks.append(budget)
    held_out = [images[k] for k in sorted(held)], [truth[k] for k in sorted(held)]
    model.train(
        [images[k] for k in learn],
        [truth[k] for k in learn],
        validation_data=held_out,
        augmenter=varied,
        epochs=100_000,
    )
    model.optimize_thresholds(*held_out)
    print(json.dumps({"steps": budget.steps, "thresholds": model.thresholds._asdict()}))
    return model


def main() -> None:
    """Train, then write a label image for each validation image."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    if args.output.exists() and any(args.output.iterdir()):
        parser.error(f"{args.output} is not empty; name a new folder")
    os.makedirs(args.output, exist_ok=True)
    np.random.seed(args.seed)
    _, images, truth = read_grey(args.train)
    model = trained(images, truth, args.minutes, args.output / "model")
    for name, image, _ in zip(*read_grey(args.validation), strict=True):
        labels, _ = model.predict_instances(image)
        imsave(args.output / f"{name}.tif", labels.astype(np.int32), check_contrast=False)


if __name__ == "__main__":
    main()
