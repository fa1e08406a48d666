"""A random crop of an example, as the network could meet it in another image.

All randomness comes from the generator passed in, so a crop is a function of seed, step and place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from napari_maskrcnn.images import channels_first, stretch
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.stain import restained, stained

Image = NDArray[np.float32]
# Logarithm of the largest change of size either way: ×0.67 to ×1.5.
ZOOM_JITTER = 0.4
# The same for a model that is to know every microscope: ×0.45 to ×2.2 in a share of its crops.
WIDE_JITTER = 0.8
WIDE_SHARE = 0.3
# Share of crops around an object rather than anywhere.
AROUND_OBJECT = 0.8
# Stands for a pixel of which nothing is known while labels are resized and turned.
UNKNOWN = -1


@dataclass(frozen=True)
class Crop:
    """A training input: (3, S, S) float32 in [0, 1], and (S, S) int64 labels of the same pixels.

    `ignored`, (S, S) bool: where nothing is known; None where all is.
    """

    image: Image
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_] | None = None


def random_crop(
    example: Example, side: int, zoom: float, rng: np.random.Generator, wide: bool = False
) -> Crop:
    """Cut, resize, turn and disturb.

    Parameters
    ----------
    example : Example
    side : int
        Side of the result, network pixels.
    zoom : float
        Network pixels an image pixel, before the jitter.
    rng : numpy.random.Generator
        Draws everything.
    wide : bool
        Vary size and stain far more: for a model that is to know every microscope, where usually
        it learns to know one.
    """
    jitter = WIDE_JITTER if wide and rng.random() < WIDE_SHARE else ZOOM_JITTER
    zoom *= float(np.exp(rng.uniform(-jitter, jitter)))
    height, width = example.labels.shape
    extent = max(4, round(side / zoom))
    top, left = _corner(example, extent, rng)
    rows = slice(max(0, top), min(height, top + extent))
    columns = slice(max(0, left), min(width, left + extent))
    image = stretch(channels_first(example.image[rows, columns]), example.limits)
    labels = example.labels[rows, columns].astype(np.int64)
    if example.ignored is not None:
        labels[example.ignored[rows, columns]] = UNKNOWN
    image, labels = _resize(image, labels, zoom, side)
    image, labels = _turn(image, labels, rng)
    ignored = np.ascontiguousarray(labels == UNKNOWN) if example.ignored is not None else None
    labels = np.ascontiguousarray(np.where(labels == UNKNOWN, 0, labels))
    return Crop(disturb(image, rng, wide), labels, ignored)


def _corner(example: Example, extent: int, rng: np.random.Generator) -> tuple[int, int]:
    """Row and column where the crop starts; the crop stays in the image where it can.

    It lies around an object, or anywhere that something is known.
    """
    centres = example.objects
    around = len(centres) > 0 and rng.random() < AROUND_OBJECT
    place = centres[rng.integers(len(centres))] if around else None
    if place is None and example.ignored is not None:
        place = example.places[rng.integers(len(example.places))]
    corner = []
    for axis, length in enumerate(example.labels.shape):
        if place is None:
            start = rng.integers(0, max(1, length - extent + 1))
        else:
            start = round(float(place[axis]) - extent * rng.uniform(0.2, 0.8))
        corner.append(int(np.clip(start, 0, max(0, length - extent))))
    return corner[0], corner[1]


def _resize(
    image: Image, labels: NDArray[np.int64], zoom: float, side: int
) -> tuple[Image, NDArray[np.int64]]:
    """Bring to network scale and to `side`, padding with the image's least value."""
    size = [min(side, max(1, round(n * zoom))) for n in labels.shape]
    pixels = torch.from_numpy(image)[None]
    resized = F.interpolate(pixels, size=size, mode="bilinear", antialias=zoom < 1)[0].numpy()
    rows, columns = (
        ((np.arange(n) + 0.5) * (old / n)).astype(np.int64)
        for n, old in zip(size, labels.shape, strict=True)
    )
    padding = [(0, side - n) for n in size]
    floor = float(resized.min())
    return (
        np.pad(resized, [(0, 0), *padding], constant_values=floor),
        np.pad(labels[np.ix_(rows, columns)], padding),
    )


def _turn(
    image: Image, labels: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Image, NDArray[np.int64]]:
    """One of the eight symmetries of the square."""
    quarter = int(rng.integers(4))
    image, labels = np.rot90(image, quarter, axes=(1, 2)), np.rot90(labels, quarter)
    if rng.random() < 0.5:
        image, labels = image[:, :, ::-1], labels[:, ::-1]
    return image, labels


def disturb(image: Image, rng: np.random.Generator, wide: bool = False) -> Image:
    """Another exposure, contrast, stain, focus and noise; sometimes the negative or no colour.

    With `wide`, some grey images become stained sections, and half of the coloured ones get stains
    that nobody uses.
    """
    if wide:
        if (image[:1] != image[1:]).any():
            image = restained(image, rng) if rng.random() < 0.5 else image
        elif rng.random() < 0.15:
            image = stained(image, rng)
    if rng.random() < 0.15:
        image = 1 - image
    if rng.random() < 0.15:
        image = np.repeat(image.mean(axis=0, keepdims=True), 3, axis=0)
    elif (image[:1] != image[1:]).any():
        # Mixing channels a little changes a stain's hue and strength.
        mix = np.eye(3) + rng.uniform(-0.15, 0.15, (3, 3))
        shift = rng.uniform(-0.1, 0.1, 3)
        image = (np.tensordot(mix, image, 1) + shift[:, None, None]).astype(np.float32)
    if rng.random() < 0.5:
        image = np.sign(image) * np.abs(image) ** np.exp(rng.uniform(-0.5, 0.5))
    if rng.random() < 0.7:
        image = image * np.exp(rng.uniform(-0.4, 0.3)) + rng.uniform(-0.1, 0.1)
    image = np.ascontiguousarray(image, dtype=np.float32)
    if rng.random() < 0.2:
        image = _blur(image, rng.uniform(0.5, 1.5))
    if rng.random() < 0.3:
        noise = rng.standard_normal(image.shape[1:], dtype=np.float32)
        image = image + noise * np.float32(rng.uniform(0.01, 0.08))
    return image.clip(-0.5, 2.0)


def _blur(image: Image, sigma: float) -> Image:
    from scipy.ndimage import gaussian_filter

    blurred: Image = gaussian_filter(image, (0, sigma, sigma))
    return blurred
