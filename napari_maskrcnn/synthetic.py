"""Made-up microscope images of nuclei, with their true labels.

Nuclei are laid out first, as slightly bent ellipses of which some touch. One map of how much dye
lies in every pixel is drawn from them, and each style turns it into light the way its microscope
does: emitted, absorbed in grey, absorbed by two coloured dyes, or only slowed. Blur, uneven
illumination and shot noise come last, as in the camera.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.float64]

#: A new nucleus may lie behind others with this share of its area, which makes the two touch.
_HIDDEN_TOUCHING = 0.12
_TOUCHING_SHARE = 0.35
_ATTEMPTS_EACH = 40

#: Optical density of haematoxylin and eosin in red, green and blue, as in stained sections.
_HAEMATOXYLIN = np.array([0.60, 0.71, 0.36])
_EOSIN = np.array([0.15, 0.88, 0.38])


def synthetic_nuclei(
    shape: tuple[int, int] = (256, 256),
    count: int = 40,
    diameter: tuple[float, float] = (10, 24),
    seed: int = 0,
    style: str = "fluorescence",
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw an image of nuclei and its true labels.

    Parameters
    ----------
    shape : (height, width)
        Size in pixels, at least 16 each.
    count : int
        Number of nuclei. There are fewer when so many do not fit.
    diameter : (smallest, largest)
        Range of their diameters in pixels, at least 4.
    seed : int
        The same arguments always give the same image.
    style : {"fluorescence", "brightfield", "histology", "relief"}
        Bright on dark (grey), dark on bright (grey), stained tissue (RGB), or unstained and lit
        from one side, as in differential interference contrast (grey).

    Returns
    -------
    image : (H, W) uint8, for histology (H, W, 3) uint8
    labels : (H, W) int32
        0 is the background, nuclei are 1 … n; each is one connected piece.

    Raises
    ------
    ValueError
        For an unknown style, a negative count, or sizes that make no image.
    """
    if style not in _STYLES:
        raise ValueError(f"There is no style {style!r}. Choose one of {', '.join(_STYLES)}.")
    height, width = shape
    if min(height, width) < 16:
        raise ValueError(f"The image must be at least 16 pixels on each side, got {shape}.")
    if count < 0:
        raise ValueError(f"The number of nuclei cannot be negative, got {count}.")
    low, high = diameter
    if not 4 <= low <= high <= min(height, width):
        raise ValueError(
            f"The diameters must rise from at least 4 to at most {min(height, width)} pixels, "
            f"the shorter side of the image; got {diameter}."
        )
    rng = np.random.default_rng(seed)
    labels, dye = _lay_out((height, width), count, (low, high), rng)
    light = _STYLES[style](dye, (low + high) / 2, rng)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8), labels


@dataclass(frozen=True)
class _Nucleus:
    """A bent ellipse: centre (y, x), half axes, direction, and three waves on its outline."""

    centre: NDArray[np.float64]
    half_axes: tuple[float, float]
    angle: float
    waves: NDArray[np.float64]
    phases: NDArray[np.float64]

    @property
    def radius(self) -> float:
        return float(np.sqrt(self.half_axes[0] * self.half_axes[1]))

    def window(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        reach = 1.4 * max(self.half_axes) + 2
        low = np.maximum(np.floor(self.centre - reach), 0).astype(int)
        high = np.minimum(np.ceil(self.centre + reach) + 1, shape).astype(int)
        return slice(low[0], high[0]), slice(low[1], high[1])

    def level(self, window: tuple[slice, slice]) -> Image:
        """0 at the centre, 1 on the outline, growing outwards; over the window's pixels."""
        y, x = np.mgrid[window]
        y, x = y - self.centre[0], x - self.centre[1]
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        u = (cos * x + sin * y) / self.half_axes[0]
        v = (cos * y - sin * x) / self.half_axes[1]
        theta = np.arctan2(v, u)
        outline = np.ones_like(theta)
        for order, (wave, phase) in enumerate(zip(self.waves, self.phases, strict=True), 2):
            outline += wave * np.cos(order * theta + phase)
        return np.hypot(u, v) / outline


def _lay_out(
    shape: tuple[int, int], count: int, diameter: tuple[float, float], rng: np.random.Generator
) -> tuple[NDArray[np.int32], Image]:
    """Labels, and how much dye lies in each pixel (about 1 inside a nucleus)."""
    labels = np.zeros(shape, dtype=np.int32)
    dye = np.zeros(shape)
    placed: list[_Nucleus] = []
    for _ in range(_ATTEMPTS_EACH * count):
        if len(placed) == count:
            break
        touching = bool(placed) and rng.random() < _TOUCHING_SHARE
        neighbour = placed[rng.integers(len(placed))] if touching else None
        nucleus = _draw_nucleus(shape, diameter, neighbour, rng)
        if not (nucleus.centre >= 0).all() or not (nucleus.centre < shape).all():
            continue
        window = nucleus.window(shape)
        level = nucleus.level(window)
        free = (level <= 1) & (labels[window] == 0)
        if not _fits(free, (level <= 1).sum(), nucleus, touching):
            continue
        placed.append(nucleus)
        labels[window][free] = len(placed)
        # A dome: nuclei are thicker in the middle, and some hold more dye than others.
        dome = 0.65 + 0.35 * np.sqrt(np.clip(1 - level**2, 0, 1))
        dye[window][free] = (rng.lognormal(0, 0.22) * dome)[free]
    return labels, dye


def _draw_nucleus(
    shape: tuple[int, int],
    diameter: tuple[float, float],
    neighbour: _Nucleus | None,
    rng: np.random.Generator,
) -> _Nucleus:
    radius = rng.uniform(*diameter) / 2
    stretch = np.sqrt(rng.uniform(1.0, 1.7))
    centre = rng.uniform((0, 0), shape)
    if neighbour is not None:
        direction = rng.uniform(0, 2 * np.pi)
        distance = rng.uniform(0.9, 1.1) * (radius + neighbour.radius)
        centre = neighbour.centre + distance * np.array([np.sin(direction), np.cos(direction)])
    return _Nucleus(
        centre=centre,
        half_axes=(radius * stretch, radius / stretch),
        angle=rng.uniform(0, np.pi),
        waves=rng.normal(0, [0.04, 0.04, 0.02]),
        phases=rng.uniform(0, 2 * np.pi, 3),
    )


def _fits(free: NDArray[np.bool_], inside: int, nucleus: _Nucleus, touching: bool) -> bool:
    """Whether enough of the nucleus is visible, and in one piece."""
    hidden = inside - int(free.sum())
    if hidden > (_HIDDEN_TOUCHING if touching else 0) * inside:
        return False
    if free.sum() < max(0.4 * np.pi * nucleus.radius**2, 9):
        return False
    return bool(ndimage.label(free)[1] == 1)


def _fluorescence(dye: Image, size: float, rng: np.random.Generator) -> Image:
    chromatin = 1 + 0.2 * _noise(dye.shape, size / 9, rng) + 0.08 * _noise(dye.shape, 1, rng)
    emitted = dye * np.clip(chromatin, 0.3, None)
    haze = 0.3 * ndimage.gaussian_filter(dye, 1.2 * size)
    light = 0.06 + haze + ndimage.gaussian_filter(emitted, 0.6 + size / 40)
    return 110 * _camera(light * _illumination(dye.shape, 0.25, rng), 120, rng) + 4


def _brightfield(dye: Image, size: float, rng: np.random.Generator) -> Image:
    cytoplasm = _smooth_step(_noise(dye.shape, 1.6 * size, rng) + 2.5 * _around(dye, size), 0.6)
    folds = 1 + 0.35 * _noise(dye.shape, size / 4, rng) + 0.2 * _noise(dye.shape, 1, rng)
    chromatin = np.clip(1 + 0.2 * _noise(dye.shape, size / 9, rng), 0.4, None)
    density = 0.2 * cytoplasm * folds + 1.0 * dye * chromatin
    # Slightly out of focus: light that the edges bend away brightens the rim outside.
    sharp = ndimage.gaussian_filter(density, 0.5 + size / 50)
    density = sharp + 0.25 * (sharp - ndimage.gaussian_filter(density, size / 9))
    return 215 * _camera(np.exp(-density) * _illumination(dye.shape, 0.12, rng), 900, rng)


def _histology(dye: Image, size: float, rng: np.random.Generator) -> Image:
    chromatin = 1 + 0.3 * _noise(dye.shape, size / 10, rng) + 0.12 * _noise(dye.shape, 1, rng)
    blue = 1.15 * dye * np.clip(chromatin, 0.35, None) + 0.06
    fibres = np.abs(_noise(dye.shape, size / 4, rng)) + 0.6 * _noise(dye.shape, 2 * size, rng)
    pink = 0.3 * np.clip(0.75 + 0.35 * fibres, 0.05, None) * (1 - 0.5 * (dye > 0))
    density = blue[..., None] * _HAEMATOXYLIN + pink[..., None] * _EOSIN
    focus = 0.5 + size / 45
    light = ndimage.gaussian_filter(np.exp(-density), (focus, focus, 0))
    return 240 * _camera(light * _illumination(dye.shape, 0.08, rng)[..., None], 1500, rng)


def _relief(dye: Image, size: float, rng: np.random.Generator) -> Image:
    # Two beams a little apart interfere, so the slope of the optical path along one diagonal shows.
    blurred = ndimage.gaussian_filter(dye, 0.5 + size / 20)
    path = blurred + 0.1 * _noise(dye.shape, size / 8, rng)
    down, right = np.gradient(path)
    light = 0.5 + size / 30 * (down + right)
    return 220 * _camera(light * _illumination(dye.shape, 0.1, rng), 600, rng)


_STYLES: dict[str, Callable[[Image, float, np.random.Generator], Image]] = {
    "fluorescence": _fluorescence,
    "brightfield": _brightfield,
    "histology": _histology,
    "relief": _relief,
}


def _camera(light: Image, photons: float, rng: np.random.Generator) -> Image:
    """Shot noise of so many photons at full light, then the sensor's own noise."""
    counted = rng.poisson(np.clip(light, 0, None) * photons) / photons
    return counted + rng.normal(0, 0.006, light.shape)


def _illumination(shape: tuple[int, int], depth: float, rng: np.random.Generator) -> Image:
    """Light of a lamp: 1 where it is brightest, near the middle, about 1 - depth far off."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, length) for length in shape), indexing="ij")
    middle = rng.uniform(-0.5, 0.5, 2)
    return 1 - depth * ((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / 2


def _noise(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Image:
    """Smooth random texture with details of this size in pixels; mean 0, deviation 1."""
    texture = ndimage.gaussian_filter(rng.normal(size=shape), scale, mode="wrap")
    return (texture - texture.mean()) / max(texture.std(), 1e-12)


def _around(dye: Image, size: float) -> Image:
    """1 at the nuclei, fading out over about a cell's size."""
    return np.exp(-ndimage.distance_transform_edt(dye == 0) / size) if dye.any() else dye


def _smooth_step(values: Image, middle: float) -> Image:
    return 1 / (1 + np.exp(-8 * (values - middle)))
