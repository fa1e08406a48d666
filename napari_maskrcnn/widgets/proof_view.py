"""Shows what a training changed on held-out images, computed in the background when asked for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_maskrcnn.jobs import Job
from napari_maskrcnn.widgets.jobs_ui import JobRunner
from napari_maskrcnn.widgets.proof_box import ProofBox
from napari_maskrcnn.widgets.proof_layers import Picture, Place, ProofLayers, legend, picture_job

if TYPE_CHECKING:
    from napari import Viewer

    from napari_maskrcnn.train.fine_tune import FineTuneResult


class ProofView(QObject):
    """Follows the button of a proof box with the layers of one held-out image.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers go.
    box : ProofBox
        Its button asks for them, and says what the colours mean.
    """

    def __init__(self, viewer: Viewer, box: ProofBox) -> None:
        super().__init__(box)
        self.runner = JobRunner(self)
        self.layers = ProofLayers(viewer)
        self._box = box
        self._result: FineTuneResult | None = None
        self._places: dict[str, Place] = {}
        self._wanted: int | None = None
        self._known: tuple[int, Picture] | None = None
        box.shown.connect(self._want)
        box.hidden.connect(self._hide)
        self.runner.returned.connect(self._arrived)
        self.runner.failed.connect(lambda _: box.show_button.setChecked(False))
        self.runner.finished.connect(self._next)

    def set_result(self, result: FineTuneResult, places: dict[str, Place]) -> None:
        """Show the held-out images of this training from now on."""
        self._result, self._places, self._known = result, places, None

    def forget(self) -> None:
        """Take everything away."""
        self._result = self._known = None
        self._hide()

    def _want(self, number: int) -> None:
        self._wanted = number
        if self._known is not None and self._known[0] == number:
            self._show(*self._known)
        elif self.runner.running:
            self.runner.stop()
        else:
            self._next()

    def _next(self) -> None:
        """Look at the image that is wanted now."""
        number, result = self._wanted, self._result
        if number is None or result is None:
            return
        example = result.held[number]

        def make_job(stop: threading.Event) -> Job[tuple[int, Picture] | None]:
            picture = yield from picture_job(example, result.base, result.model, stop)
            return None if picture is None else (number, picture)

        self.runner.start(make_job, "Show the difference")

    def _arrived(self, found: tuple[int, Picture] | None) -> None:
        if found is not None and self._wanted == found[0] and self._result is not None:
            self._known = found
            self._show(*found)

    def _show(self, number: int, picture: Picture) -> None:
        self._wanted = None
        self.layers.show(picture, self._places)
        self._box.say(legend(picture.comparison))

    def _hide(self) -> None:
        self._wanted = None
        self.runner.stop()
        self.layers.hide()
