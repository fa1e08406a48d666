"""What the folder dock runs in the background: looking, predicting, and opening one result."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_maskrcnn.formats import LabelData, read_file, read_table
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.predict.folder.inputs import Task, find_inputs
from napari_maskrcnn.predict.folder.job import FolderResult, predict_folder_job
from napari_maskrcnn.predict.folder.one import Request
from napari_maskrcnn.predict.folder.plan import Plan, make_plan
from napari_maskrcnn.sources.axes import channel_axis
from napari_maskrcnn.sources.opening import open_image
from napari_maskrcnn.sources.source import Source
from napari_maskrcnn.widgets.opening import features

#: A larger image is shown from its file, a piece at a time.
MOST_BYTES = 2**30


@dataclass(frozen=True)
class Asked:
    """What the form says: the folders, and how.

    `download`: fetch the model "coco" first, which was agreed to.
    """

    images: Path
    output: Path
    request: Request
    download: bool = False


@dataclass(frozen=True, eq=False)
class Opened:
    """One image of a folder as layers show it, with its labels where there are any.

    Parameters
    ----------
    task : Task
        The image and its outputs.
    image : array
        Its axes are the labels', then the channels if it has some.
    colours : bool
        Whether the last axis holds red, green and blue.
    channels : bool
        Whether the last axis holds other channels.
    scale : tuple of float, optional
        Micrometres along the axes of the labels.
    labels : LabelData, optional
        With class and score of every object.
    table : pandas.DataFrame, optional
        Their features.
    """

    task: Task
    image: Any
    colours: bool
    channels: bool
    scale: tuple[float, ...] | None
    labels: LabelData | None
    table: Any


@dataclass(frozen=True, eq=False)
class Looked:
    """What is to be done in a folder, and the names of its images within it, as text."""

    plan: Plan
    names: Mapping[Path, str]


def look_job(asked: Asked, stop: threading.Event) -> Job[Looked | None]:
    """Find the images of a folder and what is to be done with each; None when it was stopped.

    Raises
    ------
    ValueError
        There is no such folder, no image in it, or two would have one output.
    """
    if not asked.images.is_dir():
        raise ValueError(f"{asked.images} is no folder. Choose the folder that holds the images.")
    if asked.output.exists() and not asked.output.is_dir():
        raise ValueError(f"{asked.output} is a file. Choose a folder for the labels.")
    if asked.download:
        from napari_maskrcnn.models.download import download_coco_job

        if (yield from download_coco_job(stop)) is None:
            return None
    yield Progress(0, 0, f"Looking through {asked.images.name}")
    inputs = find_inputs([asked.images], asked.output)
    if not inputs.tasks:
        raise ValueError(f"There is no image in {asked.images}. Choose another folder.")
    plan = make_plan(inputs.tasks, asked.output, asked.request)
    sources = [task.source for task in inputs.tasks]
    return Looked(plan, {source: str(source.relative_to(asked.images)) for source in sources})


def folder_job(plan: Plan, stop: threading.Event) -> Job[FolderResult]:
    """Predict what waits."""
    return (yield from predict_folder_job(plan, None, stop))


def open_job(task: Task, stop: threading.Event) -> Job[Opened]:
    """Read an image and its labels for the viewer.

    Raises
    ------
    FileNotFoundError, ValueError
        One of them cannot be read.
    """
    yield Progress(0, 0, f"Opening {task.source.name}")
    source = open_image(task.source)
    image, colours, channels = _as_layers_want(source)
    labels = read_file(task.labels) if task.labels.exists() else None
    if labels is not None:
        if task.table.exists():
            labels = replace(labels, table=read_table(task.table))
        if labels.labels.dtype.itemsize < 4:
            labels = replace(labels, labels=labels.labels.astype(np.int32))
    table = features(labels) if labels is not None else None
    return Opened(task, image, colours, channels, source.pixel_size, labels, table)


def _as_layers_want(source: Source) -> tuple[Any, bool, bool]:
    """Return an image with the axes of its labels first, and what its last axis is beside them."""
    array, at = source.array, channel_axis(source.axes)
    small = int(np.prod(array.shape)) * np.dtype(array.dtype).itemsize <= MOST_BYTES
    wanted = source.label_axes + (source.axes[at] if at is not None else "")
    if small or wanted != source.axes:
        array = np.asarray(array)
        source.close()
        array = array.transpose([source.axes.index(letter) for letter in wanted])
    colours = at is not None and source.axes[at] == "S" and array.shape[-1] in (3, 4)
    return array, colours, at is not None and not colours
