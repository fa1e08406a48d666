"""A stack or a series to one label array: plane by plane, then linked along the third axis."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.images import MOST_CHANNELS, as_image, check_known
from napari_maskrcnn.instances import LIMITED, table_from_labels
from napari_maskrcnn.jobs import Job, Progress, run
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.settings import OVERLAP, PredictSettings, channel_numbers
from napari_maskrcnn.sources.source import Plane, Source

if TYPE_CHECKING:
    import pandas as pd

    from napari_maskrcnn.models.model import Model

_LOG = logging.getLogger(__name__)

Link = Literal["z", "t"] | None


def predict_stack(
    stack: Any,
    link: Link = None,
    model: str | Model = "nuclei",
    score: float | None = None,
    diameter: float | None = None,
    channels: Sequence[int] | None = None,
    device: str = "auto",
    progress: Callable[[Progress], object] | None = None,
    stop: threading.Event | None = None,
    precision: str = "auto",
    overlap: float = OVERLAP,
    gap: int = 0,
    axes: str | None = None,
) -> tuple[NDArray[np.int32], pd.DataFrame]:
    """Find the objects of every plane of a stack or series.

    Parameters
    ----------
    stack : (Z or T, H, W) or (Z or T, H, W, C) array, one of other axes, or Source
        numpy, dask or zarr, or a file that `open_image` opened, with its axes; one plane, or a
        piece of it, is read at a time.
    link : {"z", "t", None}
        Join what overlaps in neighbouring planes: into 3-D objects ("z"), or into tracks that keep
        their id ("t"). None: the planes on their own.
    model, score, diameter, channels, device, progress, stop, precision
        As for `predict`; stopping returns the finished planes and tiles, the rest empty.
    overlap : float
        Least overlap of one object in two linked planes, as a share of the smaller section.
    gap : int
        Most planes in a row that a linked object may be missing from.
    axes : str, optional
        What the axes of the stack are, one letter each, such as ``TZCYX``: Y and X the plane, C
        its channels, Z depth, T time, any other letter a stack as well.

    Returns
    -------
    labels : (Z or T, H, W) int32
        0 is background; ids are unique through the stack. With `axes` all but the channels, time
        first, depth last before the plane.
    table : pandas.DataFrame
        A row for each id (row 0 the background), columns as in `Instances.to_table`; of a linked
        object the best score, and area in pixels over all planes.

    Raises
    ------
    ValueError
        `stack` is not a stack, or `link` is unknown or has no axis.
    """
    from napari_maskrcnn.models.model import Model

    settings = PredictSettings(
        model=model.name if isinstance(model, Model) else str(model),
        score=score,
        diameter=diameter,
        channels=channel_numbers(channels),
        device=device,
        precision=precision,
        link=link,
        overlap=overlap,
        gap=gap,
    )
    loaded = model if isinstance(model, Model) else None
    return run(predict_stack_job(stack, settings, stop, loaded, axes), progress)


def predict_stack_job(
    stack: Any,
    settings: PredictSettings,
    stop: threading.Event | None = None,
    model: Model | None = None,
    axes: str | None = None,
) -> Job[tuple[NDArray[np.int32], pd.DataFrame]]:
    """Predict and link the planes of a stack; see `predict_stack`."""
    settings.validate()
    source, read = _opened(stack, axes)
    source.check_link(settings.link)
    kept = yield from predict_planes_job(source.planes, read, settings, stop, model)
    if not kept.planes:
        labels = source.assemble({})
        return labels, table_from_labels(labels)
    chosen = kept.choose(Choice(kept.score))
    if chosen.limited:
        _LOG.warning("%s.", LIMITED.capitalize())
    return source.assemble(chosen.labels), chosen.table


def _opened(stack: Any, axes: str | None) -> tuple[Source, Callable[[Plane], Any]]:
    """Return a stack with its axes, and what reads a plane of it."""
    if isinstance(stack, Source):
        if axes is not None:
            raise ValueError(
                f"axes is {axes!r}, but the file is open and has the axes {stack.axes!r}. Name "
                "them where it is opened: open_image(path, axes)."
            )
        return stack, stack.read
    if not hasattr(stack, "shape") or isinstance(stack, np.ma.MaskedArray):
        stack = as_image(stack)
    check_known(stack.shape)
    source = Source(stack, _axes(stack.shape) if axes is None else axes)
    # What is neither in memory nor in chunks may know how to give a plane, but no piece of it.
    if axes is not None or isinstance(stack, np.ndarray) or hasattr(stack, "chunks"):
        return source, source.read
    return source, lambda plane: np.asarray(stack[plane[0]])


def _axes(shape: Sequence[int]) -> str:
    if len(shape) == 3:
        return "QYX"
    if len(shape) == 4 and shape[3] <= MOST_CHANNELS:
        return "QYXC"
    raise ValueError(
        f"The stack has shape {tuple(shape)}; it must be (planes, height, width) or (planes, "
        "height, width, channels), or its axes named, such as axes='ZCYX'. For one image use "
        "predict."
    )
