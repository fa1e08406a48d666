"""A kept prediction as bytes and back, so that a layer that comes back knows what it came from."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.choice import Choice
from napari_maskrcnn.predict.kept import Kept
from napari_maskrcnn.predict.settings import PredictSettings


def kept_to_bytes(kept: Kept, choice: Choice) -> bytes:
    """Pack every candidate of a prediction, and what is chosen of them.

    Parameters
    ----------
    kept : Kept
        Its planes are keyed by tuples of int and None.
    choice : Choice
        What counts.
    """
    header = {
        "planes": [list(plane) for plane in kept.planes],
        "class_names": [list(found.class_names) for found in kept.planes.values()],
        "shapes": [list(found.shape) for found in kept.planes.values()],
        "complete_above": [found.complete_above for found in kept.planes.values()],
        "partial": [kept.partial.get(plane) for plane in kept.planes],
        "settings": asdict(kept.settings),
        "choice": asdict(choice),
        "channel_axis": kept.channel_axis,
        "model": [kept.model_name, kept.model_hash, kept.score, kept.device],
    }
    arrays = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)}
    for number, found in enumerate(kept.planes.values()):
        arrays |= {f"{name} {number}": array for name, array in _arrays(found).items()}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def kept_from_bytes(content: bytes) -> tuple[Kept, Choice]:
    """Unpack what `kept_to_bytes` packed.

    Raises
    ------
    ValueError, KeyError, TypeError
        When another version of the package packed it, or it is damaged.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        header = json.loads(file["header"].tobytes())
        columns = (header[name] for name in ("planes", "class_names", "shapes", "complete_above"))
        planes = {
            tuple(plane): _instances(file, number, *facts)
            for number, (plane, *facts) in enumerate(zip(*columns, strict=True))
        }
    partial = {
        plane: tuple((top, left, bottom, right) for top, left, bottom, right in regions)
        for plane, regions in zip(planes, header.get("partial", ()), strict=False)
        if regions is not None
    }
    settings = header["settings"]
    if settings.get("channels") is not None:
        settings["channels"] = tuple(settings["channels"])
    name, digest, score, device = header["model"]
    about = (name, digest, score, device, partial, header.get("channel_axis"))
    kept = Kept(planes, PredictSettings(**settings), *about)
    return kept, Choice(**header["choice"])


def _arrays(found: Instances) -> dict[str, NDArray[Any]]:
    bits = [np.packbits(crop) for crop in found.crops]
    return {
        "boxes": found.boxes,
        "scores": found.scores,
        "classes": found.classes,
        "origins": found.origins,
        "sizes": np.array([crop.shape for crop in found.crops], np.int32).reshape(-1, 2),
        "bits": np.concatenate([np.zeros(0, np.uint8), *bits]),
    }


def _instances(
    file: Any, number: int, names: list[str], shape: list[int], complete_above: float
) -> Instances:
    boxes, scores, classes, origins, sizes, bits = (
        file[f"{name} {number}"]
        for name in ("boxes", "scores", "classes", "origins", "sizes", "bits")
    )
    pixels = sizes.prod(axis=1)
    ends = np.cumsum(-(-pixels // 8))
    packed = np.split(bits, ends[:-1]) if len(ends) else []
    crops = tuple(
        np.unpackbits(content, count=int(count)).astype(bool).reshape(size)
        for content, count, size in zip(packed, pixels, sizes, strict=True)
    )
    size = (shape[0], shape[1])
    return Instances(boxes, scores, classes, tuple(names), size, crops, origins, complete_above)
