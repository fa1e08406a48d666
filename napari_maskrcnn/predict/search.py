"""The tiles that are still to do, and what to do with less memory than they ask for.

Then fewer tiles are done at once; then smaller ones; then the processor goes on where a graphics
card gave up. What is done stays done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_maskrcnn.device import precision
from napari_maskrcnn.predict.finder import Finder
from napari_maskrcnn.predict.tiles import Grid, Tile

if TYPE_CHECKING:
    from napari_maskrcnn.instances import Instances
    from napari_maskrcnn.models.model import Model
    from napari_maskrcnn.predict.intensity import Reader
    from napari_maskrcnn.predict.settings import PredictSettings


class Search:
    """One image's tiles through the network.

    Parameters
    ----------
    model : Model
    settings : PredictSettings
        Uses the precision.
    read : Reader
        The image.
    zoom : float
        Magnification of the image on top of the network's own.
    tiles : sequence of Tile
        All of one size.
    grid : Grid
        What they were made by.

    Attributes
    ----------
    model : Model
        The one that goes on: it may have moved to the processor.
    done, parts : list of Tile, list of Instances
        Finished tiles, and what each owns.
    left : list of Tile
    """

    def __init__(
        self,
        model: Model,
        settings: PredictSettings,
        read: Reader,
        zoom: float,
        tiles: Sequence[Tile],
        grid: Grid,
    ) -> None:
        self.read, self.settings, self.zoom, self.grid = read, settings, zoom, grid
        self.done: list[Tile] = []
        self.parts: list[Instances] = []
        self.left = list(tiles)
        self._use(model)

    def step(self) -> int:
        """Do the next tiles, and return how many these were."""
        some = self.left[: self._few]
        found = self._finder.find(self.read, some)
        self.done += some
        self.parts += found
        del self.left[: len(some)]
        return len(some)

    def retreat(self, trouble: str) -> str:
        """Ask for less memory from now on, and return in words how.

        Raises
        ------
        RuntimeError
            There is nothing left to try.
        """
        import gc

        import torch

        gc.collect()
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        if self._few > 1:
            self._few //= 2
            return f"Out of memory: going on with {self._few} tiles at a time"
        smaller = self.grid.halved()
        if smaller is not None:
            self.grid = smaller
            self.left = [part for tile in self.left for part in smaller.parts(tile)]
            return "Out of memory: going on with smaller tiles"
        if self.model.device.type != "cpu":
            self._use(self.model.on("cpu"))
            return "Out of memory: going on with the processor (slower)"
        raise RuntimeError(f"Out of memory, even with the smallest tiles: {trouble}")

    def _use(self, model: Model) -> None:
        self.model = model
        dtype = precision(model.device, self.settings.precision)
        height, width = self.read.image.shape[:2]
        self._finder = Finder(model, dtype, (height, width), self.zoom)
        self._few = self._finder.at_a_time(self.left)
