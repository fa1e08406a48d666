"""Other stains than the training images have, made up: absorbances that are mixed anew.

A stain takes light away: what comes through is ``exp(-amount × absorbance)`` in each colour
(Beer–Lambert, the ground of colour deconvolution: Ruifrok and Johnston 2001). A grey image read as
amounts becomes a stained section; the amounts of a section, mixed, become one of another stain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
# Darkest light that counts: below, noise would become the strongest stain.
DARKEST = 0.03
# Cells a side of the surface that says how much of the second stain lies where.
FIELD = (3, 24)


def stained(image: Image, rng: np.random.Generator) -> Image:
    """Make a grey image (3, H, W) in [0, 1], bright objects, a section on a light background."""
    amount = image[:1].clip(0, 1.2)
    taken = amount * rng.uniform(0.7, 2.2) * _absorbance(rng)
    if rng.random() < 0.6:
        # What a counterstain or an antibody marks lies around the nuclei.
        around = _field(image.shape[1:], rng) * (1 - 0.8 * amount.clip(0, 1))
        taken = taken + around * rng.uniform(0.1, 1.4) * _absorbance(rng)
    return (rng.uniform(0.85, 1.0) * np.exp(-taken)).astype(np.float32)


def restained(image: Image, rng: np.random.Generator) -> Image:
    """Give a coloured image (3, H, W) in [0, 1] other stains."""
    taken = -np.log(image.clip(DARKEST, 1))
    mixing = rng.dirichlet(np.ones(3), 3)
    share = rng.uniform(0.2, 0.8)
    mixed = np.tensordot((1 - share) * np.eye(3) + share * mixing, taken, 1)
    return np.exp(-mixed * np.exp(rng.uniform(-0.5, 0.3))).astype(np.float32)


def _absorbance(rng: np.random.Generator) -> NDArray[np.float64]:
    """How strongly a stain takes red, green and blue light: (3, 1, 1), the strongest 1."""
    taken = rng.uniform(0.1, 1, 3)
    return (taken / taken.max())[:, None, None]


def _field(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """A smooth random surface (H, W) in [0, 1]; half of them have ridges, as membranes are."""
    from scipy.ndimage import zoom

    cells = rng.random([round(np.exp(rng.uniform(*np.log(FIELD))))] * 2)
    factors = [n / cells.shape[0] for n in shape]
    field = zoom(cells, factors, order=3, grid_mode=True, mode="nearest")
    # A cubic surface overshoots its cells a little; nothing gives light.
    field = np.asarray(field).clip(0, 1)
    return field if rng.random() < 0.5 else (1 - np.abs(2 * field - 1)) ** 3
