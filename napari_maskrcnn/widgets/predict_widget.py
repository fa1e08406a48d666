"""The Predict tab: where, the big button, and what was found."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.jobs import Job
from napari_maskrcnn.models.coco import SIZE
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept, predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.widgets.ask import ask
from napari_maskrcnn.widgets.choice_box import ChoiceBox
from napari_maskrcnn.widgets.dock import Dock
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.job_row import JobRow
from napari_maskrcnn.widgets.jobs_ui import show_note, show_problem
from napari_maskrcnn.widgets.layers import (
    PlaneIndex,
    displayed_plane,
    full_data,
    plane_data,
    stack_planes,
)
from napari_maskrcnn.widgets.placing import change, place
from napari_maskrcnn.widgets.predict_form import PredictForm
from napari_maskrcnn.widgets.prediction import prediction_of

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

NO_IMAGE = "There is no image layer. Open an image (File, or drop a file into the viewer) first."


class PredictWidget(Dock):
    """Finds the objects of an image layer and puts them into a labels layer."""

    def __init__(self, napari_viewer: Viewer, header: Header | None = None) -> None:
        super().__init__(napari_viewer, header)
        self._image: Image | None = None
        self.form = PredictForm()
        self.row = JobRow("Predict", self.runner)
        self.choice = ChoiceBox()
        for widget in (self.form, self.row, self.choice):
            self.body.addWidget(widget)
        self.body.addStretch(1)
        self.row.button.clicked.connect(self.predict)
        self.runner.returned.connect(self._place)
        self.choice.choice_changed.connect(self._change)
        self.header.image_changed.connect(self._image_changed)
        self.header.labels_changed.connect(self._labels_changed)
        self._image_changed()
        self._labels_changed()

    def predict(self) -> None:
        """Start the prediction of the chosen image on a copy of the settings."""
        image = self.header.images.layer()
        if image is None:
            show_problem(NO_IMAGE)
            return
        download = self.header.models.needs_download()
        if download and not ask(self, "Download", _download_question()):
            return
        settings = self.form.settings(self.header.models.value())
        try:
            settings.validate()
            planes = self._planes(image)
        except ValueError as error:
            show_problem(error)
            return
        self._image = image
        data = full_data(image)

        def make_job(stop: threading.Event) -> Job[Kept | None]:
            return _predict_job(data, planes, settings, download, stop)

        self.runner.start(make_job, f"Predict {image.name}")

    def close_down(self) -> None:
        """Stop what runs and let go of the layer: the widget was closed."""
        super().close_down()
        self.choice.load(None)

    def _planes(self, image: Image) -> list[PlaneIndex]:
        if self.form.whole_stack:
            return stack_planes(self.viewer, image)
        return [displayed_plane(self.viewer, image)]

    def _place(self, kept: Kept | None) -> None:
        if kept is None or not kept.planes or self._image is None:
            show_note("Prediction cancelled; nothing was changed.")
            return
        try:
            layer = place(self.viewer.layers, self._image, kept, self.header.labels.layer())
        except ValueError as error:
            show_problem(error)
            return
        self.header.labels.choose(layer)
        self.choice.load(layer)

    def _change(self, choice: Choice) -> None:
        layer = self.header.labels.layer()
        record = prediction_of(layer)
        if record is None:
            return
        now = change(self.viewer.layers, layer, record.kept, choice)
        if now is not layer:
            self.header.labels.choose(now)

    def _image_changed(self) -> None:
        self.form.set_image(self.header.images.layer())

    def _labels_changed(self) -> None:
        self.choice.load(self.header.labels.layer())


def _predict_job(
    data: Any,
    planes: Sequence[PlaneIndex],
    settings: PredictSettings,
    download: bool,
    stop: threading.Event,
) -> Job[Kept | None]:
    """Fetch "coco" first when that was agreed to, then predict the planes."""
    if download:
        from napari_maskrcnn.models.download import download_coco_job

        if (yield from download_coco_job(stop)) is None:
            return None

    def read(plane: PlaneIndex) -> NDArray[Any]:
        return plane_data(data, plane)

    kept = yield from predict_planes_job(planes, read, settings, stop)
    _import_for_window(kept)
    return kept


def _import_for_window(kept: Kept) -> None:
    """Do once in the thread what the window does next: its first time imports a great deal."""
    from napari.layers import Labels

    if kept.planes:
        kept.choose(Choice(kept.score))
        Labels(np.zeros((1, 1), np.uint8))


def _download_question() -> str:
    return (
        f"The model “coco” (90 everyday classes) is not on this computer yet. Download "
        f"{SIZE / 1e6:.0f} MB from download.pytorch.org?"
    )
