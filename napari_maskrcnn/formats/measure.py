"""Shape and intensity of every object, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_BOX = ("bbox-1", "bbox-0", "bbox-3", "bbox-2")
_SHAPE = ("centroid-0", "centroid-1", "area", "perimeter", "eccentricity", "solidity")
_INTENSITY = ("intensity_mean", "intensity_min", "intensity_max")
_RENAMED = dict(zip(_BOX, ("x1", "y1", "x2", "y2"), strict=True)) | {
    "centroid-0": "centroid_y",
    "centroid-1": "centroid_x",
}


def measure(labels: NDArray[Any], image: NDArray[Any] | None = None) -> pd.DataFrame:
    """Measure every object of a label image.

    Parameters
    ----------
    labels : (H, W) or (…, H, W) integers
        0 is the background. The planes of a stack are measured one by one.
    image : array of the labels' shape, optionally with channels last
        Adds the intensities.

    Returns
    -------
    DataFrame
        Rows by label, within a plane: ``label``; for stacks the index of the ``plane`` (with
        more than one leading axis ``plane_0``, ``plane_1``, …); ``x1, y1, x2, y2``, the half-open
        box; ``centroid_y, centroid_x``; ``area`` in pixels; ``perimeter``, ``eccentricity`` and
        ``solidity`` as scikit-image defines them; with an image ``intensity_mean``,
        ``intensity_min`` and ``intensity_max``, of several channels with ``_0``, ``_1``, … .
    """
    import pandas as pd

    leading = labels.shape[:-2]
    if not leading:
        return _measure_plane(labels, image)
    names = ["plane"] if len(leading) == 1 else [f"plane_{axis}" for axis in range(len(leading))]
    frames: list[pd.DataFrame] = []
    for index in np.ndindex(*leading):
        if not frames or labels[index].any():
            frame = _measure_plane(labels[index], None if image is None else image[index])
            for position, (name, value) in enumerate(zip(names, index, strict=True), 1):
                frame.insert(position, name, np.full(len(frame), value))
            frames.append(frame)
    filled = [frame for frame in frames if len(frame)] or frames
    return pd.concat(filled, ignore_index=True)


def _measure_plane(labels: NDArray[Any], image: NDArray[Any] | None) -> pd.DataFrame:
    import pandas as pd
    from skimage.measure import regionprops_table

    properties = ["label", "bbox", "centroid", "area", "perimeter", "eccentricity", "solidity"]
    if image is not None:
        properties += _INTENSITY
        image = image.astype(np.uint8) if image.dtype == bool else image
    # scikit-image keeps a slot for every number up to the largest label: give it small ones.
    ids, compact = np.unique(labels, return_inverse=True)
    if ids[0] != 0:
        ids, compact = np.concatenate([[0], ids]), compact + 1
    columns = regionprops_table(
        compact.reshape(labels.shape).astype(np.int32), image, properties=tuple(properties)
    )
    frame = pd.DataFrame(columns)
    frame["label"] = ids[frame["label"].to_numpy(dtype=np.int64)].astype(np.int64)
    frame["area"] = frame["area"].astype(np.int64)
    intensities = [name for name in frame.columns if name.startswith("intensity")]
    return frame[["label", *_BOX, *_SHAPE, *intensities]].rename(
        columns=_RENAMED | {name: name.replace("-", "_") for name in intensities}
    )
