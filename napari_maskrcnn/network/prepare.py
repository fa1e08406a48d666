"""An image in [0, 1] to the network's input, and boxes back: resize, normalise, pad."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from napari_maskrcnn.network.config import NetworkConfig

STRIDE = 32


@dataclass(frozen=True)
class Prepared:
    """Input of the network.

    Parameters
    ----------
    image : (3, H, W) float32
        Normalised, sides divisible by 32.
    size : (int, int)
        Height and width without the padding.
    zoom : (float, float)
        Network pixels a pixel of the image, along y and x.
    """

    image: Tensor
    size: tuple[int, int]
    zoom: tuple[float, float]


def prepare(image: Tensor, config: NetworkConfig, zoom: float = 1.0) -> Prepared:
    """Resize, normalise and pad an image (3, H, W) in [0, 1].

    Parameters
    ----------
    image : (3, H, W) float32
    config : NetworkConfig
        Uses ``scale`` or ``short_side`` and ``long_side``, ``image_mean`` and ``image_std``.
    zoom : float
        Magnification on top, for objects of another size than the network's.
    """
    height, width = image.shape[-2:]
    factor = zoom * (config.scale or _torchvision_factor(height, width, config))
    size = (max(1, int(height * factor)), max(1, int(width * factor)))
    mean, std = (image.new_tensor(v)[:, None, None] for v in (config.image_mean, config.image_std))
    x = ((image - mean) / std)[None]
    if size != (height, width):
        # Down-scaling averages, or small objects would alias; torchvision's weights never saw that.
        antialias = config.scale is not None and factor < 1
        x = F.interpolate(x, size=size, mode="bilinear", antialias=antialias)
    padding = [-n % STRIDE for n in size]
    x = F.pad(x, (0, padding[1], 0, padding[0]))[0]
    return Prepared(x, size, (size[0] / height, size[1] / width))


def _torchvision_factor(height: int, width: int, config: NetworkConfig) -> float:
    short, long = min(height, width), max(height, width)
    return min(config.short_side / short, config.long_side / long)


def to_image(boxes: Tensor, zoom: tuple[float, float]) -> Tensor:
    """Boxes (N, 4) in network pixels to image pixels."""
    y, x = zoom
    return boxes / boxes.new_tensor([x, y, x, y])
