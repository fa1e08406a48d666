"""The Predict tab: where, the big button, and what was found."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.models.coco import SIZE
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.predict.preview import preview_factor
from napari_maskrcnn.widgets.ask import ask
from napari_maskrcnn.widgets.choice_box import ChoiceBox
from napari_maskrcnn.widgets.chooser import Chooser
from napari_maskrcnn.widgets.device_note import DeviceNote
from napari_maskrcnn.widgets.dock import Dock
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.job_row import JobRow
from napari_maskrcnn.widgets.jobs_ui import show_note, show_problem
from napari_maskrcnn.widgets.live import Live
from napari_maskrcnn.widgets.measuring import Measuring
from napari_maskrcnn.widgets.placing import change, place, place_tracks, replaceable, reveal
from napari_maskrcnn.widgets.predict_form import PredictForm
from napari_maskrcnn.widgets.predict_work import (
    Estimated,
    Predicted,
    Request,
    estimate_work,
    predict_work,
)
from napari_maskrcnn.widgets.prediction import is_untouched, prediction_of
from napari_maskrcnn.widgets.reading import Pixels
from napari_maskrcnn.widgets.where import plane_shape

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels

NO_IMAGE = "There is no image layer. Open an image (File, or drop a file into the viewer) first."

GONE = "{!r} was removed while it was predicted, so that was stopped. No labels were added."
NO_SIZE = "Nothing looks like an object here, at any size. Measure one instead."


class PredictWidget(Dock):
    """Finds the objects of an image layer and puts them into a labels layer."""

    def __init__(self, napari_viewer: Viewer, header: Header | None = None) -> None:
        super().__init__(napari_viewer, header)
        self._image: Image | None = None
        self.form = PredictForm()
        self.row = JobRow("Predict", self.runner)
        self.device = DeviceNote()
        self.choice = ChoiceBox(self.viewer)
        self.measuring = Measuring(self.viewer, self)
        self.live = Live(self.viewer, self)
        self.chooser = Chooser(self)
        for widget in (self.form, self.row, self.device, self.choice):
            self.body.addWidget(widget)
        self.body.addStretch(1)
        self._connect()
        self._image_changed()
        self._labels_changed()

    def _connect(self) -> None:
        size = self.form.diameter
        self.row.button.clicked.connect(self.predict)
        self.runner.progressed.connect(self._progress)
        self.runner.returned.connect(self._take)
        self.runner.failed.connect(self._failed)
        self.runner.started.connect(self._follow_runner)
        self.runner.finished.connect(self._follow_runner)
        size.estimate_asked.connect(self.estimate)
        size.measure_asked.connect(self._measure)
        self.measuring.changed.connect(size.show_measuring)
        self.measuring.measured.connect(size.set_value)
        self.choice.choice_changed.connect(self._change)
        self.chooser.ready.connect(self._show_choice)
        self.choice.diameter_wanted.connect(size.set_value)
        self.header.image_changed.connect(self._image_changed)
        self.header.labels_changed.connect(self._labels_changed)

    def predict(self) -> None:
        """Start the prediction of the chosen image on a copy of the settings."""
        request = self._request()
        if request is None or self._image is None:
            return
        before = replaceable(self.viewer.layers, self._image, self.header.labels.layer())
        record = prediction_of(before)
        if record is not None:
            request = replace(request, older=(record.kept, record.choice))
        self.live.start(self._image, request.factor, before, request.pixels.channel)
        self.runner.start(partial(predict_work, request), f"Predict {self._image.name}")

    def estimate(self) -> None:
        """Start to estimate how large the objects are."""
        request = self._request()
        if request is not None and self._image is not None:
            title = f"Estimate sizes in {self._image.name}"
            self.runner.start(partial(estimate_work, request), title)

    def layers_changed(self) -> None:
        """Offer the Shapes layers that there are; end what runs on an image that is gone."""
        self.form.where.offer(self.viewer, self.header.images.layer())
        image = self._image
        if self.runner.running and image is not None and image not in self.viewer.layers:
            self._image = None
            self.runner.stop()
            self.live.stop()
            show_note(GONE.format(image.name))

    def _request(self) -> Request | None:
        """Copy what is chosen; None, with a message, when it cannot be predicted."""
        image = self.header.images.layer()
        if image is None:
            show_problem(NO_IMAGE)
            return None
        download = self.header.models.needs_download()
        if download and not ask(self, "Download", _download_question()):
            return None
        channel = self.form.channels.axis()
        try:
            settings = self.form.settings(self.header.models.value())
            settings.validate()
            planes, regions = self.form.where.planes(self.viewer, image, channel)
            factor = preview_factor(plane_shape(image, planes[0]), len(planes))
        except ValueError as error:
            show_problem(error)
            return None
        self._image = image
        # Tracks run along the first axis.
        tracks = self.form.stack.wants_tracks and planes[0][0] is not None and channel != 0
        pixels = Pixels.of(image, channel)
        return Request(pixels, planes, settings, regions, factor, tracks=tracks, download=download)

    def close_down(self) -> None:
        """Stop what runs and let go of the layer: the widget was closed."""
        super().close_down()
        self.measuring.stop()
        self.live.stop()
        self.chooser.stop()
        self.choice.load(None)

    def _follow_runner(self) -> None:
        self.form.diameter.estimate.setEnabled(not self.runner.running)

    def _measure(self, wanted: bool) -> None:
        image = self.header.images.layer()
        if wanted and image is not None:
            self.measuring.start(image)
        else:
            self.measuring.stop()

    def _progress(self, step: Progress) -> None:
        patch = step.data.get("patch")
        if patch is not None:
            self.live.add(patch)

    def _failed(self, error: Exception) -> None:
        self.live.stop()

    def _take(self, result: Predicted | Estimated) -> None:
        if isinstance(result, Predicted):
            self._place(result)
        elif result.diameter is not None:
            self.form.diameter.set_value(round(result.diameter, 1))
            self.form.diameter.say("")
        elif not self.runner.cancelled:
            self.form.diameter.say(NO_SIZE)

    def _place(self, result: Predicted) -> None:
        if self._image is None or result.kept is None:
            self.live.stop()
            if self._image is not None:  # else its removal was said
                show_note("Prediction cancelled; nothing was changed.")
            return
        hidden = self.live.hand_over()
        try:
            preferred = self.header.labels.layer()
            layer = place(
                self.viewer.layers,
                self._image,
                result.kept,
                preferred,
                result.merged,
                result.data,
            )
        except ValueError as error:
            show_problem(error)
            if hidden is not None:
                hidden.visible = True
            return
        if hidden is not None:
            reveal(layer)
        if result.ways is not None:
            channel = result.kept.channel_axis
            place_tracks(self.viewer.layers, self._image, result.ways, channel)
        self.device.say(result.kept.device, result.idle)
        self.header.labels.choose(layer)
        self.choice.load(layer)
        self.choice.advise(result.looks)
        if result.trouble:
            show_problem(result.trouble)

    def _change(self, choice: Choice) -> None:
        layer = self.header.labels.layer()
        record = prediction_of(layer)
        if record is not None:
            self.chooser.choose(layer, record.kept, choice)

    def _show_choice(self, layer: Labels, kept: Kept, choice: Choice) -> None:
        """Show what the sliders say, unless the labels became somebody's or another prediction's.

        The work may have taken a while in the background.
        """
        record = prediction_of(layer)
        if layer not in self.viewer.layers or record is None or record.kept is not kept:
            return
        if is_untouched(layer):
            now = change(self.viewer.layers, layer, kept, choice)
            if now is not layer:
                self.header.labels.choose(now)
        self.choice.check()

    def _image_changed(self) -> None:
        self.form.set_image(self.viewer, self.header.images.layer())

    def _labels_changed(self) -> None:
        self.choice.load(self.header.labels.layer())


def _download_question() -> str:
    return (
        f"The model “coco” (90 everyday classes) is not on this computer yet. Download "
        f"{SIZE / 1e6:.0f} MB from download.pytorch.org?"
    )
