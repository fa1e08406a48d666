"""Opens an image of a folder with its labels in the viewer, read in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_maskrcnn.predict.folder.inputs import Task
from napari_maskrcnn.widgets.folder_work import Opened, open_job
from napari_maskrcnn.widgets.jobs_ui import JobRunner
from napari_maskrcnn.widgets.layers import labels_over, spatial_shape
from napari_maskrcnn.widgets.opening import layer_name
from napari_maskrcnn.widgets.origin import PROVENANCE
from napari_maskrcnn.widgets.prediction import KEY

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer


class PairOpener(QObject):
    """Shows one pair at a time: the one before is hidden, not closed, for it may be corrected."""

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        # Of its own: a finished image can be looked at while the others are predicted.
        self.runner = JobRunner(self)
        self._waiting: Task | None = None
        self._shown: dict[Task, list[Layer]] = {}
        self.runner.returned.connect(self._show)
        self.runner.finished.connect(self._go_on)

    def open(self, task: Task) -> None:
        """Show an image and its labels; of those asked for meanwhile the last one follows."""
        if self.runner.running:
            self._waiting = task
            return
        layers = [layer for layer in self._shown.get(task, ()) if layer in self._viewer.layers]
        if any(isinstance(layer, Labels) for layer in layers) or (
            layers and not task.labels.exists()
        ):
            self._bring(task)
            return
        title = f"Open {task.source.name}"
        self.runner.start(partial(open_job, task), title, needs_torch=False)

    def stop(self) -> None:
        """Let go of what is being read."""
        self._waiting = None
        self.runner.stop()

    def _show(self, opened: Opened) -> None:
        if self.runner.cancelled:
            return
        layers = self._viewer.layers
        for old in self._shown.pop(opened.task, ()):
            if old in layers:
                layers.remove(old)
        new = _layers_of(opened)
        self._shown[opened.task] = new
        layers.extend(new)
        self._bring(opened.task)
        self._viewer.reset_view()

    def _bring(self, task: Task) -> None:
        for other, layers in self._shown.items():
            for layer in layers:
                layer.visible = other == task
        self._viewer.layers.selection.active = self._shown[task][-1]

    def _go_on(self) -> None:
        task, self._waiting = self._waiting, None
        if task is not None:
            self.open(task)


def _layers_of(opened: Opened) -> list[Layer]:
    """Return the layers of an image, one a channel, and of its labels on top."""
    options: dict[str, Any] = {"rgb": opened.colours}
    if opened.scale is not None:
        options |= {"scale": opened.scale, "units": _units(len(opened.scale))}
    name = opened.task.source.stem
    if opened.channels:
        count = opened.image.shape[-1]
        layers: list[Layer] = [
            Image(opened.image[..., k], name=f"{name} {k}", blending="additive", **options)
            for k in range(count)
        ]
    else:
        layers = [Image(opened.image, name=name, **options)]
    if opened.labels is not None:
        layers.append(_labels_of(opened, layers[0]))
    return layers


def _labels_of(opened: Opened, image: Layer) -> Labels:
    data = opened.labels
    assert data is not None
    options: dict[str, Any] = {
        "features": opened.table,
        "metadata": {KEY: {PROVENANCE: dict(data.provenance)} if data.provenance else {}},
    }
    name = layer_name(opened.task.labels)
    if spatial_shape(image) == data.labels.shape:
        return labels_over(image, data.labels, name, **options)
    if data.scale is not None:
        options |= {"scale": data.scale, "units": _units(len(data.scale))}
    return Labels(data.labels, name=name, **options)


def _units(axes: int) -> list[str]:
    # Axes before the plane need not be lengths; the last three are.
    lengths = min(3, axes)
    return ["pixel"] * (axes - lengths) + ["um"] * lengths
