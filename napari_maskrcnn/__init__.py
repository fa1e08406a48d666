"""Outline every object of an image with Mask R-CNN, correct, fine-tune, export.

The flow, and a room for each step::

    image ─► network ─► instances ─► labels layer ─► corrections ─► training ─► new weights ─┐
               ▲                                                     export ◄── labels       │
               └─────────────────────────────────────────────────────────────────────────────┘

>>> import napari_maskrcnn as nm
>>> instances = nm.predict(image)                                          # doctest: +SKIP
>>> result = nm.fine_tune([(image, corrected)], minutes=5)                 # doctest: +SKIP
>>> nm.export(nm.predict(image, result.model).to_labels(), "cells.tif")    # doctest: +SKIP

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not lazy: importing the sub-package of the same name later would put itself in its place.
from napari_maskrcnn.predict.plane import predict

if TYPE_CHECKING:
    from napari_maskrcnn.formats import export, read_labels
    from napari_maskrcnn.instances import Instances
    from napari_maskrcnn.models import Model, load_model
    from napari_maskrcnn.predict.stack import predict_stack
    from napari_maskrcnn.train.fine_tune import FineTuneResult, fine_tune
    from napari_maskrcnn.train.metrics import evaluate

_HOMES = {
    "FineTuneResult": "train.fine_tune",
    "Instances": "instances",
    "Model": "models",
    "evaluate": "train.metrics",
    "export": "formats",
    "fine_tune": "train.fine_tune",
    "load_model": "models",
    "predict_stack": "predict.stack",
    "read_labels": "formats",
}

__all__ = [
    "FineTuneResult",
    "Instances",
    "Model",
    "evaluate",
    "export",
    "fine_tune",
    "load_model",
    "predict",
    "predict_stack",
    "read_labels",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
