"""Where labels came from, as plain JSON values that travel with them from file to file.

What is in it is enough to make the same labels again, or to see why they cannot be: the versions,
the model and the hash of its weights, every setting, the image and the hash of its pixels, how much
was corrected by hand, and when.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from napari_maskrcnn.annotate.counts import Counts

PACKAGES = ("napari-maskrcnn", "torch", "torchvision")
#: Images of more bytes are named, not hashed: reading them may take longer than the export.
MOST_HASHED = 2**32


def provenance(
    prediction: Mapping[str, Any] | None = None,
    image: Mapping[str, Any] | None = None,
    corrections: Counts | None = None,
    earlier: Mapping[str, Any] | None = None,
    when: datetime | None = None,
) -> dict[str, Any]:
    """Say where labels come from that are being written now.

    Parameters
    ----------
    prediction : mapping, optional
        ``model`` and ``settings``, as `Kept.describe` gives them.
    image : mapping, optional
        As `describe_image` gives it.
    corrections : Counts, optional
        What was changed by hand since the prediction.
    earlier : mapping, optional
        Provenance of the labels as they were read; what is not said anew is kept from it.
    when : datetime, optional
        With a time zone; now.

    Returns
    -------
    dict
        Plain JSON values: ``versions``, ``created`` (ISO 8601, UTC), and as far as known ``model``,
        ``settings``, ``image`` and ``corrections``. Of labels that were read from a file the first
        versions and date stay, and ``exported`` has those of every file since.
    """
    now = {"versions": versions(), "created": _utc(when)}
    said: dict[str, Any] = {**(prediction or {})}
    if image is not None:
        said["image"] = dict(image)
    if corrections is not None:
        said["corrections"] = asdict(corrections)
    if earlier is None:
        return {**now, **said}
    exports = earlier.get("exported")
    exports = [*exports] if isinstance(exports, list) else []
    return {**now, **earlier, **said, "exported": [*exports, now]}


def versions() -> dict[str, str]:
    """Return the installed versions of what makes the labels, without importing any of it."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_image(name: str, pixels: Any = None) -> dict[str, Any]:
    """Name an image and, where its array (numpy, dask, zarr) is given, say what is in it."""
    if pixels is None:
        return {"name": name}
    shape, dtype = [int(length) for length in pixels.shape], np.dtype(pixels.dtype)
    known = {"name": name, "shape": shape, "dtype": str(dtype)}
    if prod(shape) * dtype.itemsize <= MOST_HASHED:
        known["sha256"] = image_hash(pixels)
    return known


def image_hash(pixels: ArrayLike) -> str:
    """Return the SHA-256 of an array's values in little-endian C order, 64 hexadecimal digits.

    The same for one image in any file that loses nothing, and for one that was never in a file.
    """
    array = np.asarray(pixels)
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return hashlib.sha256(little.reshape(-1).view(np.uint8).data).hexdigest()


def _utc(when: datetime | None) -> str:
    moment = datetime.now(UTC) if when is None else when.astimezone(UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
