"""Keeps the network ready for questions about what is shown, and holds questions until it is."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.jobs_ui import JobRunner
from napari_maskrcnn.widgets.layers import (
    PlaneIndex,
    camera_of,
    displayed_plane,
    label_shape,
    of_channels,
    spatial_shape,
)
from napari_maskrcnn.widgets.prediction import prediction_of
from napari_maskrcnn.widgets.reading import Pixels
from napari_maskrcnn.widgets.tools import Stroke

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels

    from napari_maskrcnn.models.model import Model
    from napari_maskrcnn.predict.prompt import Prompter
    from napari_maskrcnn.predict.regions import Region

READY = ""
WAIT = "Getting ready: the model looks at what is shown."
#: The view has come to rest when it has not moved for so long.
REST_MS = 400


@dataclass(frozen=True)
class Source:
    """What is asked about: one plane of an image, and how a model looks at it.

    `channel` is the axis of the image that holds its channels, if one does.
    """

    image: Image
    plane: PlaneIndex
    settings: PredictSettings
    channel: int | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal as long as a prompter is the right one."""
        pixels = Pixels.of(self.image, self.channel)
        read = id(self.image.data), pixels.scale, pixels.channel
        return id(self.image), *read, self.plane, self.settings


class Prompting(QObject):
    """Answers strokes with a prompter of the tile that they lie in.

    Signals
    -------
    answered (Stroke, Prompter)
        A stroke can be answered, at once or when the tile is ready.
    said (str)
        That it gets ready; empty when it is.
    """

    answered = Signal(object, object)
    said = Signal(str)

    def __init__(self, viewer: Viewer, header: Header, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._header = viewer, header
        self._runner = JobRunner(self)
        self._labels: Labels | None = None
        self._prompter: Prompter | None = None
        self._key: tuple[Any, ...] = ()
        self._asked: tuple[Source, Region] | None = None
        self._wanted: tuple[Source, Region] | None = None
        self._waiting: Stroke | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._follow)
        self._runner.returned.connect(self._take)
        self._runner.failed.connect(self._give_up)
        self._runner.finished.connect(self._go_on)

    @property
    def running(self) -> bool:
        """Whether a tile is being made ready."""
        return self._runner.running

    def begin(self, labels: Labels) -> None:
        """Get ready for what is shown, and follow the view.

        Raises
        ------
        ValueError
            There is no image that belongs to the labels, or its model is not on this computer.
        """
        self.end()
        source_of(self._viewer, labels, self._header)
        self._labels = labels
        camera_of(self._viewer).events.connect(self._moved)
        self._viewer.dims.events.current_step.connect(self._moved)
        self._follow()

    def end(self) -> None:
        """Stop following; what is ready stays so."""
        if self._labels is None:
            return
        self._labels = self._wanted = self._waiting = None
        camera_of(self._viewer).events.disconnect(self._moved)
        self._viewer.dims.events.current_step.disconnect(self._moved)
        self._rest.stop()
        self._runner.stop()

    def ask(self, stroke: Stroke) -> None:
        """Have a stroke answered; a newer one takes the place of one that waits.

        Raises
        ------
        ValueError
            As for `begin`.
        """
        source = source_of(self._viewer, stroke.layer, self._header)
        place = _place(stroke)
        if self._ready(source, place):
            self.answered.emit(stroke, self._prompter)
        else:
            self._waiting = stroke
            self._prepare(source, place)

    def _ready(self, source: Source, place: Region) -> bool:
        prompter = self._prompter
        if prompter is None or self._key != source.key:
            return False
        # A stroke beside the image is none for another tile.
        height, width = prompter.shape
        top, left = min(max(place[0], 0), height - 1), min(max(place[1], 0), width - 1)
        bottom, right = max(min(place[2], height), top + 1), max(min(place[3], width), left + 1)
        return prompter.covers((top, left, bottom, right))

    def _moved(self, event: Any = None) -> None:
        self._rest.start()

    def _follow(self) -> None:
        """Get ready for the middle of what is shown."""
        if self._labels is None or self._waiting is not None:
            return
        try:
            source = source_of(self._viewer, self._labels, self._header)
        except ValueError:
            # The view is 3D now, or the image went: the next stroke says so.
            return
        corners = self._labels.corner_pixels
        shown = [axis for axis, at in enumerate(source.plane) if at is None]
        y, x = (int(corners[:, axis].mean()) for axis in shown)
        if not self._ready(source, (y, x, y + 1, x + 1)):
            self._prepare(source, (y, x, y + 1, x + 1))

    def _prepare(self, source: Source, place: Region) -> None:
        self.said.emit(WAIT)
        self._wanted = (source, place)
        if self._runner.running:
            self._runner.stop()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Start what is wanted, if anything is."""
        if self._wanted is None:
            return
        (source, place), self._wanted = self._wanted, None
        self._asked = source, place
        model = self._model_of(source.settings)
        pixels = Pixels.of(source.image, source.channel)
        self._runner.start(partial(_job, pixels, source, place, model), "Getting ready")

    def _model_of(self, settings: PredictSettings) -> Model | None:
        """The model that is loaded already, when it is the one."""
        known = self._prompter
        same = known is not None and self._key[-1] == settings
        return known.model if known is not None and same else None

    def _take(self, prompter: Prompter | None) -> None:
        if prompter is None or self._asked is None or self._wanted is not None:
            return
        source, _ = self._asked
        self._prompter, self._key = prompter, source.key
        self.said.emit(READY)
        stroke, self._waiting = self._waiting, None
        if stroke is not None:
            self.answered.emit(stroke, prompter)

    def _give_up(self, error: Exception) -> None:
        self._waiting = None
        self.said.emit(READY)


def _job(
    pixels: Pixels, source: Source, place: Region, known: Model | None, stop: threading.Event
) -> Job[Prompter | None]:
    """Look at the plane as a prediction of it does."""
    from napari_maskrcnn.models import load_model
    from napari_maskrcnn.predict.prompt_tile import prompter_job

    settings = source.settings
    yield Progress(0, 0, f"Loading {settings.model}")
    model = known or load_model(settings.model, settings.device)
    image = pixels.read(source.plane, settings.diameter, model.card.diameter)
    return (yield from prompter_job(image, settings, place, model, stop))


def source_of(viewer: Viewer, labels: Labels, header: Header) -> Source:
    """Find the image and the settings that labels were predicted with, or else those chosen.

    Raises
    ------
    ValueError
        There is no such image, the viewer shows 3D, or the model has to be downloaded first.
    """
    from napari.layers import Image

    record = prediction_of(labels)
    shape = spatial_shape(labels)
    known = [record.image() if record is not None else None, header.images.layer()]
    images = [*known, *(layer for layer in viewer.layers if isinstance(layer, Image))]
    along = record.kept.channel_axis if record is not None else None
    there = (x for x in images if x is not None and x in viewer.layers)
    ways = ((x, channel) for x in there for channel in (along, None))
    found = next(((x, channel) for x, channel in ways if label_shape(x, channel) == shape), None)
    if found is None:
        raise ValueError(
            f"There is no image of the shape of {labels.name!r}, {shape}, to look at. Open the "
            "image that the labels belong to."
        )
    if record is not None:
        settings = record.kept.settings
    elif header.models.needs_download():
        raise ValueError("The model is not on this computer yet. Predict with it once first.")
    else:
        settings = PredictSettings(model=header.models.value())
    image, channel = found
    plane = of_channels(displayed_plane(viewer, labels), channel)
    return Source(image, plane, settings, channel)


def _place(stroke: Stroke) -> Region:
    """Rows and columns that a stroke touches."""
    low, high = stroke.points.min(0), stroke.points.max(0)
    return int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1
