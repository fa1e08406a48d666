"""Tiles of one image through the network: equal tiles together where that pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.tiles import Tile

if TYPE_CHECKING:
    import torch

    from napari_maskrcnn.models.model import Model
    from napari_maskrcnn.network.prepare import Prepared
    from napari_maskrcnn.network.roi_heads import Detections
    from napari_maskrcnn.predict.intensity import Reader

# Memory of a GPU for each network pixel, rounded up, and the most tiles that gain anything.
BYTES_A_PIXEL = 1500
MOST_TILES = 16


class Finder:
    """The network, and where the tiles lie.

    Parameters
    ----------
    model : Model
    dtype : torch.dtype
        Type of the network's arithmetic.
    shape : (int, int)
        Height and width of the image.
    zoom : float
        Magnification of the image on top of the network's own.
    """

    def __init__(
        self, model: Model, dtype: torch.dtype, shape: tuple[int, int], zoom: float
    ) -> None:
        self.model, self.dtype, self.shape, self.zoom = model, dtype, shape, zoom

    def at_a_time(self, tiles: Sequence[Tile]) -> int:
        """How many of equal tiles to find objects in together.

        A processor is busy with one. A graphics card is not, as long as its memory lasts.
        """
        import torch

        if self.model.device.type != "cuda":
            return 1
        free, _ = torch.cuda.mem_get_info(self.model.device)
        one = tiles[0]
        pixels = (one.bottom - one.top) * (one.right - one.left)
        factor = self.zoom * (self.model.network.config.scale or 1.0)
        room = int(free / 2 / (BYTES_A_PIXEL * pixels * factor**2))
        return max(1, min(MOST_TILES, room))

    def find(self, read: Reader, tiles: Sequence[Tile]) -> list[Instances]:
        """Candidates that each of equal tiles owns, in image pixels; nothing of an empty one."""
        import torch

        from napari_maskrcnn.network.prepare import prepare

        config = self.model.network.config
        pixels = [read(tile.slices) for tile in tiles]
        filled = [k for k, one in enumerate(pixels) if one is not None]
        found = [Instances.empty(self.shape, self.model.class_names) for _ in tiles]
        if not filled:
            return found
        ready = [prepare(torch.from_numpy(pixels[k]), config, self.zoom) for k in filled]
        batch = torch.stack([one.image for one in ready]).to(self.model.device)
        detections = self.model.fused(self.dtype).detect(batch, ready[0].size)
        for k, detected, one in zip(filled, detections, ready, strict=True):
            found[k] = self._place(detected, one, tiles[k])
        return found

    def _place(self, found: Detections, ready: Prepared, tile: Tile) -> Instances:
        """Put a tile's own detections into the image."""
        from napari_maskrcnn.network.paste import RULES, paste
        from napari_maskrcnn.network.prepare import to_image

        shift = np.asarray([tile.left, tile.top, tile.left, tile.top], np.float32)
        boxes = to_image(found.boxes.cpu(), ready.zoom).numpy() + shift
        own = tile.owns(boxes)
        rule = RULES[self.model.network.config.paste]
        crops, origins = paste(found.masks.cpu().numpy()[own], boxes[own], self.shape, rule)
        full = Instances(
            boxes[own],
            found.scores.cpu().numpy()[own],
            found.classes.cpu().numpy()[own],
            self.model.class_names,
            self.shape,
            crops,
            origins,
            found.complete_above,
        )
        return full[np.asarray([bool(crop.any()) for crop in crops], dtype=bool)]
